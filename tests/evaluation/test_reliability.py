"""Calibration error and Brier score."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from simsearch.evaluation.reliability import reliability


def test_by_hand() -> None:
    figures = reliability([0.1, 0.2, 0.9, 0.7], [False, True, True, True], bins=2)
    assert figures.counts.tolist() == [2, 2]
    assert figures.confidence.tolist() == pytest.approx([0.15, 0.8])
    assert figures.frequency.tolist() == [0.5, 1.0]
    assert figures.expected_error == pytest.approx((0.35 + 0.2) / 2)
    assert figures.largest_error == pytest.approx(0.35)
    assert figures.brier == pytest.approx((0.01 + 0.64 + 0.01 + 0.09) / 4)


def test_bins_hold_their_upper_edge_and_the_first_holds_zero() -> None:
    figures = reliability([0.0, 0.5, 0.500001, 1.0], [False, True, True, True], bins=2)
    assert figures.counts.tolist() == [2, 2]


def test_empty_bins_are_nan_and_weigh_nothing() -> None:
    figures = reliability([1.0, 1.0], [True, True])
    assert len(figures.counts) == 15
    assert np.isnan(figures.frequency[:-1]).all()
    assert figures.expected_error == figures.largest_error == figures.brier == 0.0


@pytest.mark.parametrize(("probability", "same", "error"), [(1.0, False, 1.0), (0.0, True, 1.0), (0.5, True, 0.5)])
def test_extremes(probability: float, same: bool, error: float) -> None:
    figures = reliability([probability] * 3, [same] * 3)
    assert figures.expected_error == figures.largest_error == error
    assert figures.brier == error**2


def test_true_probabilities_are_calibrated() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(50_000)
    assert reliability(p, rng.random(50_000) < p).expected_error < 0.01
    assert reliability(p, rng.random(50_000) < p**2).expected_error > 0.1


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.integers(1, 20))
def test_agrees_with_scikit_learn(rows: list[tuple[float, bool]], bins: int) -> None:
    p, y = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    figures = reliability(p, y, bins)
    assert figures.brier == pytest.approx(brier_score_loss(y, p, pos_label=True))
    assert figures.counts.sum() == len(rows)
    assert 0 <= figures.expected_error <= figures.largest_error + 1e-12 <= 1 + 1e-9
    share, mean = calibration_curve(y, p, n_bins=bins)
    filled = figures.counts > 0
    assert figures.frequency[filled] == pytest.approx(share)
    assert figures.confidence[filled] == pytest.approx(mean)


@pytest.mark.parametrize(
    ("p", "y"), [([], []), ([0.5], [True, False]), ([1.1], [True]), ([-0.1], [True]), ([nan], [True])]
)
def test_what_is_no_probability_is_refused(p: list[float], y: list[bool]) -> None:
    with pytest.raises(ValueError, match="probabilit"):
        reliability(p, y)
    with pytest.raises(ValueError, match="bins"):
        reliability([0.5], [True], bins=0)
