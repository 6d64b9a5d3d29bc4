"""Pair and open-set figures, against values worked out by hand and against scikit-learn."""

from __future__ import annotations

from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as reference

from simsearch.evaluation.metrics import (
    best_threshold,
    confusion,
    equal_error_rate,
    fpr_at_tpr,
    open_set_at,
    open_set_at_rate,
    pair_figures,
    pair_intervals,
    roc,
    roc_auc,
)

SCORES = [0.9, 0.8, 0.7, 0.7, 0.4, 0.2]
SAME = [True, True, False, True, False, False]

pairs = st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=1, max_size=40)
mixed = pairs.filter(lambda rows: len({same for _, same in rows}) == 2)


def arrays(rows: list[tuple[int, bool]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return np.array([s for s, _ in rows], np.float64), np.array([y for _, y in rows])


def test_confusion_by_hand() -> None:
    at = confusion(SCORES, SAME, 0.7)
    assert (at.true_accepts, at.false_accepts, at.true_rejects, at.false_rejects) == (3, 1, 2, 0)
    assert at.accuracy == pytest.approx(5 / 6)
    assert at.precision == 0.75
    assert at.recall == 1.0
    assert at.f1 == pytest.approx(6 / 7)
    assert at.false_accept_rate == pytest.approx(1 / 3)


def test_figures_of_an_empty_class_are_nan() -> None:
    nothing = confusion([0.1, 0.2], [False, False], 0.5)
    assert isnan(nothing.precision)
    assert isnan(nothing.recall)
    assert isnan(nothing.f1)
    assert nothing.accuracy == 1.0
    assert isnan(confusion([0.1], [True], 0.0).false_accept_rate)
    for same in (True, False):
        figures = pair_figures([0.1, 0.2], [same, same], 0.15)
        assert isnan(figures.auc)
        assert isnan(figures.equal_error_rate)
        assert isnan(figures.fpr_at_95_tpr)


def test_best_threshold_takes_the_higher_of_equals() -> None:
    # 0.8 rejects one positive, 0.7 accepts one negative: both are right five times.
    assert best_threshold(SCORES, SAME) == 0.8
    assert best_threshold([0.9, 0.1], [True, False]) == 0.9


def test_best_threshold_may_accept_nothing_or_everything() -> None:
    threshold = best_threshold([0.3, 0.5], [False, False])
    assert threshold > 0.5
    assert confusion([0.3, 0.5], [False, False], threshold).accuracy == 1.0
    assert best_threshold([0.3, 0.5], [True, True]) == 0.3
    # Inverted: accepting all or nothing is equally right, and nothing is the higher threshold.
    assert best_threshold([0.1, 0.9], [True, False]) > 0.9


def test_roc_by_hand() -> None:
    curve = roc(SCORES, SAME)
    assert curve.thresholds.tolist() == [inf, 0.9, 0.8, 0.7, 0.4, 0.2]
    assert curve.true_accept_rate.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1, 1, 1])
    assert curve.false_accept_rate.tolist() == pytest.approx([0, 0, 0, 1 / 3, 2 / 3, 1])
    assert fpr_at_tpr(curve, 0.95) == pytest.approx(1 / 3)
    assert fpr_at_tpr(curve, 0.6) == 0.0
    # Between (0, 2/3) and (1/3, 1): far = frr where far = 1/3 - far.
    assert equal_error_rate(curve) == pytest.approx(1 / 6)


def test_auc_counts_ties_as_halves() -> None:
    # Nine pairs of a positive and a negative: 0.7 against 0.7 is one half, all others are right.
    assert roc_auc(SCORES, SAME) == pytest.approx(8.5 / 9)


@pytest.mark.parametrize(
    ("scores", "auc", "fpr", "eer"),
    [([2, 3, 0, 1], 1.0, 0.0, 0.0), ([0, 1, 2, 3], 0.0, 1.0, 1.0), ([1, 1, 1, 1], 0.5, 1.0, 0.5)],
    ids=["perfect", "inverted", "constant"],
)
def test_extremes(scores: list[float], auc: float, fpr: float, eer: float) -> None:
    figures = pair_figures(scores, [True, True, False, False], 1.5)
    assert (figures.auc, figures.fpr_at_95_tpr, figures.equal_error_rate) == (auc, fpr, eer)


def test_minus_infinity_is_a_score_and_nan_is_none() -> None:
    assert roc_auc([1.0, -inf, -inf], [True, True, False]) == 0.75
    assert len(roc([1.0, -inf, -inf], [True, True, False]).thresholds) == 3
    for bad in (nan, inf):
        with pytest.raises(ValueError, match="neither nan nor inf"):
            roc([bad, 0.1], [True, False])


@pytest.mark.parametrize(("scores", "same"), [([], []), ([0.1], [True, False]), ([[0.1]], [[True]])])
def test_other_shapes_are_refused(scores: list[float], same: list[bool]) -> None:
    with pytest.raises(ValueError, match=r"pairs|must both be"):
        roc_auc(scores, same)


@settings(deadline=None)
@given(mixed)
def test_agrees_with_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    s, y = arrays(rows)
    assert roc_auc(s, y) == pytest.approx(reference.roc_auc_score(y, s))
    far, tar, thresholds = reference.roc_curve(y, s, drop_intermediate=False)
    curve = roc(s, y)
    assert curve.thresholds.tolist() == thresholds.tolist()
    assert curve.false_accept_rate == pytest.approx(far)
    assert curve.true_accept_rate == pytest.approx(tar)
    for threshold in (-6.0, 0.0, best_threshold(s, y)):
        at = confusion(s, y, threshold)
        assert at.accuracy == pytest.approx(reference.accuracy_score(y, s >= threshold))
        assert np.nan_to_num(at.precision) == pytest.approx(
            reference.precision_score(y, s >= threshold, zero_division=0)
        )
        assert at.recall == pytest.approx(reference.recall_score(y, s >= threshold))
        assert at.f1 == pytest.approx(reference.f1_score(y, s >= threshold))


@settings(deadline=None)
@given(pairs)
def test_best_threshold_is_the_best(rows: list[tuple[int, bool]]) -> None:
    s, y = arrays(rows)
    chosen = best_threshold(s, y)
    by_trial = {t: confusion(s, y, t).accuracy for t in [*s.tolist(), s.max() + 1]}
    assert confusion(s, y, chosen).accuracy == max(by_trial.values())
    assert all(t <= chosen or s.max() < chosen for t, a in by_trial.items() if a == max(by_trial.values()))


@settings(deadline=None)
@given(mixed)
def test_only_the_order_of_the_scores_matters(rows: list[tuple[int, bool]]) -> None:
    s, y = arrays(rows)
    moved = np.exp(s / 3) * 7 - 2
    one, other = roc(s, y), roc(moved, y)
    assert roc_auc(moved, y) == roc_auc(s, y)
    assert roc_auc(-s, y) == pytest.approx(1 - roc_auc(s, y))
    assert one.false_accept_rate.tolist() == other.false_accept_rate.tolist()
    assert equal_error_rate(one) == equal_error_rate(other)
    assert fpr_at_tpr(one) == fpr_at_tpr(other)
    assert confusion(moved, y, best_threshold(moved, y)).accuracy == confusion(s, y, best_threshold(s, y)).accuracy


@settings(deadline=None)
@given(mixed)
def test_area_under_the_curve_is_the_auc(rows: list[tuple[int, bool]]) -> None:
    curve = roc(*arrays(rows))
    far, tar = curve.false_accept_rate, curve.true_accept_rate
    area = float((np.diff(far) * (tar[1:] + tar[:-1]) / 2).sum())
    assert roc_auc(*arrays(rows)) == pytest.approx(area)
    assert (np.diff(far) >= 0).all()
    assert (np.diff(tar) >= 0).all()
    assert 0 <= equal_error_rate(curve) <= 1


@settings(max_examples=20, deadline=None)
@given(mixed)
def test_order_of_the_pairs_does_not_matter(rows: list[tuple[int, bool]]) -> None:
    assert pair_figures(*arrays(rows), 0.5) == pair_figures(*arrays(rows[::-1]), 0.5)


def test_intervals_hold_the_figures() -> None:
    rng = np.random.default_rng(0)
    same = np.arange(400) % 2 == 0
    scores = rng.normal(same.astype(float), 0.8)
    figures = pair_figures(scores, same, 0.5)
    intervals = pair_intervals(scores, same, 0.5, samples=200)
    assert set(intervals) == {"accuracy", "precision", "recall", "f1", "auc", "fpr_at_95_tpr", "equal_error_rate"}
    for name, interval in intervals.items():
        assert interval.low <= getattr(figures, name) <= interval.high
        assert interval.high - interval.low < 0.4


def test_open_set_by_hand() -> None:
    known, right, unknown = [0.9, 0.8, 0.7, 0.2], [True, True, False, True], [0.75, 0.1]
    at = open_set_at(known, unknown, 0.7, right)
    assert (at.known, at.unknown) == (4, 2)
    assert (at.true_accept_rate, at.wrong_accept_rate, at.false_accept_rate) == (0.5, 0.25, 0.5)
    half = open_set_at_rate(known, unknown, 0.5, right)
    assert (half.threshold, half.true_accept_rate, half.wrong_accept_rate, half.false_accept_rate) == (0.8, 0.5, 0, 0)
    three = open_set_at_rate(known, unknown, 0.75, right)
    assert (three.threshold, three.false_accept_rate) == (0.2, 0.5)
    every = open_set_at_rate(known, unknown, 0.95)
    assert (every.threshold, every.true_accept_rate) == (0.2, 1.0)


def test_open_set_out_of_reach_or_empty() -> None:
    beyond = open_set_at_rate([0.9, 0.8], [0.1], 0.95, [True, False])
    assert isnan(beyond.threshold)
    assert isnan(beyond.false_accept_rate)
    assert isnan(open_set_at([], [0.5], 0.4).true_accept_rate)
    assert open_set_at([], [0.5], 0.4).false_accept_rate == 1.0
    assert isnan(open_set_at([0.5], [], 0.4).false_accept_rate)
    with pytest.raises(ValueError, match="nothing to measure"):
        open_set_at([], [], 0.5)
    with pytest.raises(ValueError, match="true accept rate"):
        open_set_at_rate([0.5], [0.1], 0.0)
    with pytest.raises(ValueError, match="must be"):
        open_set_at([0.5], [0.1], 0.5, [True, False])


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=30), st.lists(st.integers(0, 9), max_size=30), st.integers(1, 20)
)
def test_open_set_threshold_is_the_highest(known: list[int], unknown: list[int], twentieths: int) -> None:
    wanted = twentieths / 20
    at = open_set_at_rate(known, unknown, wanted)
    assert at.true_accept_rate >= wanted
    above = [t for t in {*known, 10} if t > at.threshold]
    assert all(open_set_at(known, unknown, t).true_accept_rate < wanted for t in above)
