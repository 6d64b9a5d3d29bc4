"""Reports on answers: figures by hand, intervals, JSON without nan."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import inf, isnan
from typing import Any

import pytest

from simsearch.core.types import Refusal
from simsearch.evaluation.calibration_report import ScoredPairs
from simsearch.evaluation.evaluated_query import EvaluatedQuery
from simsearch.evaluation.recognition_report import AT_95, AT_95_RIGHT, AT_DEFAULT, open_set_report, retrieval_report

Asked = Callable[..., EvaluatedQuery]
Scored = Callable[[list[float], list[bool]], ScoredPairs]
Facts = dict[str, Any]


def test_retrieval_by_hand(asked: Asked, scored: Scored, facts: Facts) -> None:
    answers = [asked("a", 1), asked("b", 2, embedding_rank=11.0), asked("c", inf, 0.1, embedding_rank=70.0)]
    answers += [asked("d", 1, embedding_rank=3.0, lookup_ranks={"votes": 10.0, "fused": 2.0})]
    answers += [asked("absent", 1, known=False)]
    report = retrieval_report(answers, scored([0.9, 0.6, 0.2, 0.4], [True, False, False, True]), facts, 0)
    value = {name: f.value for name, f in report.figures.items()}
    assert value["embedding_r1"] == 1 / 4
    assert value["embedding_r10"] == 2 / 4
    assert value["embedding_r50"] == 3 / 4
    assert value["verified_r1"] == 2 / 4
    assert value["verified_r10"] == 3 / 4
    assert (value["fused_r1"], value["fused_r10"], value["fused_candidates"]) == (1 / 4, 3 / 4, 3 / 4)
    assert (value["votes_r1"], value["votes_r10"], value["votes_candidates"]) == (0.0, 1 / 4, 1 / 4)
    assert value["fused_mrr"] == pytest.approx((1 + 0.5 + 0 + 0.5) / 4)
    [found, *_] = report.tables()
    assert [row[0] for row in found.rows] == ["embedding alone", "votes", "fused", "after verification"]
    assert found.rows[1][1].startswith("0.0% (0.0% to 49.0%)")  # Wilson: 0 of 4 products
    assert value["verified_mrr"] == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    told = report.json()
    assert told["decisions"] == {"match": 3, "ambiguous": 0, "unknown": 1}
    assert told["wrong_matches"] == 1  # b is matched, and wrongly
    assert told["pairs"]["accuracy"] == 0.5
    assert told["pairs"]["false_accept_rate"] == 0.5
    low, high = told["verified_r1_95"]
    assert 0 <= low < 0.5 < high <= 1
    json.dumps(told, allow_nan=False)


def test_open_set_by_hand(asked: Asked, facts: Facts) -> None:
    known = [asked(f"k{i}", 1, 0.5 + i / 100) for i in range(20)] + [asked("w", 2, 0.99)]
    absent = [asked(f"u{i}", inf, p, known=False) for i, p in enumerate((0.1, 0.505, 0.95, 0.2))]
    report = open_set_report([*known, *absent], 0.6, facts, 0)
    at = {name: {k: f.value for k, f in rates.items()} for name, rates in report.rates.items()}
    assert at[AT_DEFAULT] == {"true_accept_rate": 10 / 21, "wrong_accept_rate": 1 / 21, "false_accept_rate": 1 / 4}
    # 20 of 21 are ranked right: 95 % of all means all of these.
    assert report.thresholds[AT_95] == 0.5
    assert at[AT_95]["false_accept_rate"] == 2 / 4
    assert report.thresholds[AT_95_RIGHT] == 0.51  # the lowest of twenty is let go
    assert at[AT_95_RIGHT]["false_accept_rate"] == 1 / 4
    told = report.json()
    assert told["wrong_matches"] == {"known": 1, "absent": 1}
    assert told["decisions"]["absent"] == {"match": 1, "ambiguous": 0, "unknown": 3}


def test_a_rate_that_no_threshold_reaches_is_said_to_be_none(asked: Asked, facts: Facts) -> None:
    report = open_set_report([asked("a"), asked("b", 2), asked("u", inf, known=False)], 0.5, facts, 0)
    assert isnan(report.thresholds[AT_95])
    assert "not reached" in report.tables()[0].markdown
    told = report.json()["thresholds"][AT_95]
    assert told["threshold"] is None
    assert told["false_accept_rate"] is None


def test_what_was_left_out_is_in_every_report(asked: Asked, facts: Facts, refusal: Refusal) -> None:
    answers = [asked("a"), asked("u", inf, known=False)]
    for report in (
        retrieval_report(answers, None, facts, 0, [refusal]),
        open_set_report(answers, 0.5, facts, 0, [refusal]),
    ):
        told = report.json()
        assert report.refusals == (refusal,)
        assert told["refused"] == [refusal.message]
        assert told["refusals"] == [{"where": refusal.where, "code": "bad_row", "message": refusal.message}]
