"""One labelled photo and its answer: outcomes, times."""

from __future__ import annotations

from collections.abc import Callable

from simsearch.core.types import Decision, LaneShare, Outcome
from simsearch.evaluation.evaluated_query import STAGES, EvaluatedQuery, milliseconds, time_table, times

Asked = Callable[..., EvaluatedQuery]


def test_ambiguous_and_unknown_answers_are_never_wrong_matches(asked: Asked) -> None:
    assert asked("a", 2).wrong_match
    assert not asked("a", 2, outcome=Outcome.AMBIGUOUS).wrong_match
    assert not asked("a", 1).wrong_match


def test_times_are_percentiles_of_each_stage(asked: Asked) -> None:
    answers = [asked("a", milliseconds={s: float(i) for s in STAGES}) for i in range(101)]
    assert times(answers)["verify"] == {"p50": 50.0, "p99": 99.0}


def test_each_lane_has_its_time_after_that_of_the_lookup(asked: Asked) -> None:
    lanes = (LaneShare("siamese", 2.0, 50, 40), LaneShare("votes", 3.0, 20, 10))
    stages = {"describe": 10.0, "lookup": 6.0, "verify": 20.0}
    said = Decision("q", Outcome.UNKNOWN, None, None, 0.0, (), "none", 36.0, lanes=lanes, stages_ms=stages)
    took = milliseconds(said, 4.0)
    assert list(took.items()) == [
        ("read", 4.0), ("describe", 10.0), ("lookup", 6.0), ("lookup_siamese", 2.0), ("lookup_votes", 3.0),
        ("verify", 20.0), ("answer", 36.0),
    ]  # fmt: skip
    shown = time_table([asked("a", milliseconds=took)])
    assert shown.rows[4] == ("lookup_votes", "3.0", "3.0", "of these, one lane")
