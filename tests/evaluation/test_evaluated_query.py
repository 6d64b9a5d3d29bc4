"""Reports over answers: figures by hand, intervals, tables, JSON without nan."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simsearch.core.types import Decision, LaneShare, Outcome
from simsearch.evaluation.answer_plots import draw_calibration, draw_open_set, draw_retrieval
from simsearch.evaluation.calibration_report import JudgedPairs, calibration_report
from simsearch.evaluation.evaluated_query import STAGES, Asked, milliseconds, time_sheet, times
from simsearch.evaluation.export import write_answers
from simsearch.evaluation.pairs import LabelledPairs
from simsearch.evaluation.recognition_report import AT_95, AT_95_RIGHT, AT_DEFAULT, open_set_report, retrieval_report
from simsearch.evaluation.tables import Figure, Sheet, measured, plain

FACTS: dict[str, Any] = {"queries_hidden": 0} | {
    "queries": 4,
    "queries_known": 4,
    "catalog_images": 9,
    "distractors": 2,
    "machine": "a machine",
    "refused": [],
}


def asked(sku: str, rank: float = 1, p: float = 0.9, **changes: Any) -> Asked:
    """An answer: right when `rank` is 1, a MATCH from 0.9 on."""
    outcome = Outcome.MATCH if p >= 0.9 else Outcome.UNKNOWN
    made = Asked(
        sku, f"{sku}.jpg", True, rank, 0.8, 0.5, {"votes": inf, "fused": rank}, rank, "x", rank == 1, p, outcome, "x",
        rank == 1, dict.fromkeys(STAGES, 10.0),
    )  # fmt: skip
    return replace(made, **changes)


def pairs(probability: list[float], same: list[bool]) -> JudgedPairs:
    n = np.arange(len(same))
    labelled = LabelledPairs(n, n, np.array(same), np.zeros(len(n), bool), n)
    return JudgedPairs(labelled, np.array(probability), 0.5)


def test_retrieval_by_hand() -> None:
    answers = [asked("a", 1), asked("b", 2, embedding_rank=11.0), asked("c", inf, 0.1, embedding_rank=70.0)]
    answers += [asked("d", 1, embedding_rank=3.0, lookup_ranks={"votes": 10.0, "fused": 2.0})]
    answers += [asked("absent", 1, known=False)]
    report = retrieval_report(answers, pairs([0.9, 0.6, 0.2, 0.4], [True, False, False, True]), FACTS, 0)
    value = {name: f.value for name, f in report.figures.items()}
    assert value["embedding_r1"] == 1 / 4
    assert value["embedding_r10"] == 2 / 4
    assert value["embedding_r50"] == 3 / 4
    assert value["verified_r1"] == 2 / 4
    assert value["verified_r10"] == 3 / 4
    assert (value["fused_r1"], value["fused_r10"], value["fused_candidates"]) == (1 / 4, 3 / 4, 3 / 4)
    assert (value["votes_r1"], value["votes_r10"], value["votes_candidates"]) == (0.0, 1 / 4, 1 / 4)
    assert value["fused_mrr"] == pytest.approx((1 + 0.5 + 0 + 0.5) / 4)
    [found, *_] = report.sheets()
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


def test_ambiguous_and_unknown_answers_are_never_wrong_matches() -> None:
    assert asked("a", 2).wrong_match
    assert not asked("a", 2, outcome=Outcome.AMBIGUOUS).wrong_match
    assert not asked("a", 1).wrong_match


def test_open_set_by_hand() -> None:
    known = [asked(f"k{i}", 1, 0.5 + i / 100) for i in range(20)] + [asked("w", 2, 0.99)]
    absent = [asked(f"u{i}", inf, p, known=False) for i, p in enumerate((0.1, 0.505, 0.95, 0.2))]
    report = open_set_report([*known, *absent], 0.6, FACTS, 0)
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


def test_a_rate_that_no_threshold_reaches_is_said_to_be_none() -> None:
    report = open_set_report([asked("a"), asked("b", 2), asked("u", inf, known=False)], 0.5, FACTS, 0)
    assert isnan(report.thresholds[AT_95])
    assert "not reached" in report.sheets()[0].markdown
    told = report.json()["thresholds"][AT_95]
    assert told["threshold"] is None
    assert told["false_accept_rate"] is None


def test_no_false_accept_among_few_products_is_not_zero() -> None:
    figure = measured(lambda i: {"rate": 0.0}, 30, [f"p{k % 10}" for k in range(30)], seed=0, samples=20)["rate"]
    assert figure.interval is not None
    assert figure.interval.low == 0.0
    assert 0.2 < figure.interval.high < 0.35  # Wilson: 0 of 10 products


def test_calibration_of_pairs_and_answers() -> None:
    answers = [asked(f"s{i}", 1 if i < 9 else 2, 0.9) for i in range(10)]
    report = calibration_report(answers, pairs([0.9, 0.1], [True, False]), FACTS, 0)
    first, figures = report.diagrams["first answers"]
    assert first.expected_error == pytest.approx(0.0)
    assert figures["expected_error"].interval is not None
    assert report.diagrams["pairs"][0].expected_error == pytest.approx(0.1)
    told = report.json()["probabilities"]["pairs"]
    assert len(told["bins"]) == 15
    assert sum(b["n"] for b in told["bins"]) == told["n"] == 2
    assert told["bins"][0]["frequency"] is None
    json.dumps(report.json(), allow_nan=False)
    assert set(calibration_report(answers, None, FACTS, 0).diagrams) == {"first answers"}


def test_times_are_percentiles_of_each_stage() -> None:
    answers = [asked("a", milliseconds={s: float(i) for s in STAGES}) for i in range(101)]
    assert times(answers)["verify"] == {"p50": 50.0, "p99": 99.0}


def test_each_lane_has_its_time_after_that_of_the_lookup() -> None:
    lanes = (LaneShare("siamese", 2.0, 50, 40), LaneShare("votes", 3.0, 20, 10))
    stages = {"describe": 10.0, "lookup": 6.0, "verify": 20.0}
    said = Decision("q", Outcome.UNKNOWN, None, None, 0.0, (), "none", 36.0, lanes=lanes, stages_ms=stages)
    took = milliseconds(said, 4.0)
    assert list(took.items()) == [
        ("read", 4.0), ("describe", 10.0), ("lookup", 6.0), ("lookup_siamese", 2.0), ("lookup_votes", 3.0),
        ("verify", 20.0), ("answer", 36.0),
    ]  # fmt: skip
    shown = time_sheet([asked("a", milliseconds=took)])
    assert shown.rows[4] == ("lookup_votes", "3.0", "3.0", "of these, one lane")


def test_sheets_and_figures_in_words() -> None:
    assert Figure(nan).share == "-"
    assert plain({"a": Figure(inf), "b": Figure(0.12344)}) == {"a": None, "b": 0.1234}
    sheet = Sheet("Title", ("one", "two"), (("a|b", "c"),))
    assert sheet.markdown.splitlines() == ["**Title**", "", "| one | two |", "| --- | --- |", "| a\\|b | c |"]


def test_everything_is_written(tmp_path: Path) -> None:
    answers = [asked("a"), asked("b", 2), asked("u", inf, 0.2, known=False, right_similarity=nan)]
    report = retrieval_report(answers, None, FACTS, 0)
    written = write_answers("retrieval", report, tmp_path / "new", report.asked) + draw_retrieval(report, tmp_path)
    both = open_set_report(answers, 0.5, FACTS, 0)
    written += draw_open_set(both, tmp_path)
    written += draw_calibration(calibration_report(answers, None, FACTS, 0), tmp_path)
    names = {p.name for p in written}
    assert names == {
        "retrieval.json", "retrieval.md", "retrieval.csv", "recall.png", "scores.png", "open_set.png",
        "reliability.png",
    }  # fmt: skip
    assert all(p.stat().st_size > 100 for p in written)
    lines = (tmp_path / "new" / "retrieval.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("sku,path,known,embedding_rank")
