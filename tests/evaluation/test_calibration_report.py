"""Reliability of pairs and first answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simsearch.core.types import Refusal
from simsearch.evaluation.calibration_report import ScoredPairs, calibration_report
from simsearch.evaluation.evaluated_query import LOOK, PILLS, PRINT, EvaluatedQuery

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


def test_each_kind_of_evidence_has_a_diagram_of_its_own(asked: Asked, scored: Scored) -> None:
    answers = [asked("a", basis=PRINT), asked("b", rank=2, p=0.8), asked("c", p=0.7, basis=PILLS), asked("d", p=0.6)]
    pairs = replace(scored([0.9, 0.2, 0.8], [True, False, True]), pills=np.array([False, True, True]))
    report = calibration_report(answers, pairs, {}, 0)
    counts = {name: int(diagram.counts.sum()) for name, (diagram, _) in report.diagrams.items()}
    assert counts == {
        "pairs": 3, f"pairs: {LOOK}": 1, f"pairs: {PILLS}": 2, "first answers": 4,
        f"first answers: {PRINT}": 1, f"first answers: {LOOK}": 2, f"first answers: {PILLS}": 1,
    }  # fmt: skip
    confidence = report.diagrams[f"first answers: {LOOK}"][0].confidence
    assert sorted(confidence[~np.isnan(confidence)].tolist()) == [0.6, 0.8]
