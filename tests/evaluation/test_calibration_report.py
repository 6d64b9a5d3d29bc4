"""Reliability of pairs and first answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from simsearch.core.types import Refusal
from simsearch.evaluation.calibration_report import ScoredPairs, calibration_report
from simsearch.evaluation.evaluated_query import EvaluatedQuery

Asked = Callable[..., EvaluatedQuery]
Scored = Callable[[list[float], list[bool]], ScoredPairs]
Facts = dict[str, Any]


def test_calibration_of_pairs_and_answers(asked: Asked, scored: Scored, facts: Facts) -> None:
    answers = [asked(f"s{i}", 1 if i < 9 else 2, 0.9) for i in range(10)]
    report = calibration_report(answers, scored([0.9, 0.1], [True, False]), facts, 0)
    first, figures = report.diagrams["first answers"]
    assert first.expected_error == pytest.approx(0.0)
    assert figures["expected_error"].interval is not None
    assert report.diagrams["pairs"][0].expected_error == pytest.approx(0.1)
    told = report.json()["probabilities"]["pairs"]
    assert len(told["bins"]) == 15
    assert sum(b["n"] for b in told["bins"]) == told["n"] == 2
    assert told["bins"][0]["frequency"] is None
    json.dumps(report.json(), allow_nan=False)
    assert set(calibration_report(answers, None, facts, 0).diagrams) == {"first answers"}


def test_what_was_left_out_is_in_the_report(asked: Asked, facts: Facts, refusal: Refusal) -> None:
    assert calibration_report([asked("a")], None, facts, 0, [refusal]).json()["refused"] == [refusal.message]
