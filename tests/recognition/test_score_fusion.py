"""Logistic regression against known coefficients, scikit-learn and a general minimiser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from simsearch.core.numbers import sigmoid
from simsearch.evaluation.reliability import reliability
from simsearch.recognition.score_fusion import Fusion, Monotone

NAMES = ("pair_logit", "cosine", "log_inliers")
WEIGHTS, BIAS = np.array([0.8, 3.0, 1.5]), -2.0


def drawn(n: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Features on different scales, and labels drawn from a logistic model of them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) * [2.0, 0.3, 1.0] + [1.0, 0.5, 0.0]
    return x, rng.random(n) < 1 / (1 + np.exp(-(x @ WEIGHTS + BIAS)))


def raw(fusion: Fusion) -> NDArray[np.float64]:
    """Weights of the features as they are, not standardised."""
    return np.array(fusion.weights) / fusion.scale


def test_recovers_the_coefficients() -> None:
    x, y = drawn(50_000)
    fusion = Fusion.fit(x, y, NAMES)
    assert raw(fusion) == pytest.approx(WEIGHTS, rel=0.05)
    assert fusion.logits(np.zeros((1, 3)))[0] == pytest.approx(BIAS, abs=0.1)


def test_is_calibrated_on_other_draws() -> None:
    fusion = Fusion.fit(*drawn(5000), NAMES)
    x, y = drawn(20_000, seed=1)
    assert reliability(fusion.probability(x), y).expected_error < 0.02


@pytest.mark.parametrize("l2", [0.01, 1.0, 100.0])
def test_agrees_with_scikit_learn(l2: float) -> None:
    x, y = drawn(500)
    fusion = Fusion.fit(x, y, NAMES, l2=l2)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    other = LogisticRegression(C=1 / l2, tol=1e-10, max_iter=1000).fit(z, y)
    assert np.array(fusion.weights) == pytest.approx(other.coef_[0], abs=1e-5)
    assert fusion.bias == pytest.approx(other.intercept_[0], abs=1e-5)


def test_separable_data_are_held_by_the_penalty() -> None:
    x = np.array([[-2.0, 0.0], [-1.0, 1.0], [1.0, 0.0], [2.0, 1.0]])
    y = np.array([False, False, True, True])
    fusion = Fusion.fit(x, y, ("a", "b"))
    assert np.abs(fusion.weights).max() < 5
    assert ((fusion.probability(x) > 0.5) == y).all()
    weak = Fusion.fit(x, y, ("a", "b"), l2=1e-6)
    assert weak.weights[0] > 3 * fusion.weights[0]
    assert np.isfinite(weak.probability(x * 1e6)).all()


def test_constant_features_do_nothing() -> None:
    x, y = drawn(2000)
    x[:, 1] = 1e6
    fusion = Fusion.fit(x, y, NAMES)
    assert fusion.weights[1] == 0.0


def test_a_nonnegative_weight_never_turns() -> None:
    x, y = drawn(3000)
    x[:, 1] *= -1
    free = Fusion.fit(x, y, NAMES)
    assert free.weights[1] < -0.5
    held = Fusion.fit(x, y, NAMES, nonnegative=("cosine", "pair_logit"))
    assert held.weights[1] == 0.0
    without = Fusion.fit(x[:, [0, 2]], y, ("pair_logit", "log_inliers"))
    assert np.array(held.weights)[[0, 2]] == pytest.approx(without.weights, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_bounded_fit_is_the_minimum(seed: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(60, 1))
    x = common + rng.normal(size=(60, columns)) * rng.uniform(0.1, 2.0, columns)  # correlated, so that signs turn
    y = rng.random(60) < sigmoid(x @ rng.normal(size=columns))
    y[:2] = True, False
    names = [str(i) for i in range(columns)]
    z = (x - x.mean(axis=0)) / x.std(axis=0)

    def loss(w: NDArray[np.float64]) -> float:
        logits = z @ w[:-1] + w[-1]
        return float(np.logaddexp(0, np.where(y, -logits, logits)).sum() + (w[:-1] ** 2).sum() / 2)

    fusion = Fusion.fit(x, y, names, nonnegative=names)
    found = loss(np.array([*fusion.weights, fusion.bias]))
    best = minimize(loss, np.zeros(columns + 1), method="L-BFGS-B", bounds=[(0, None)] * columns + [(None, None)])
    assert min(fusion.weights) >= 0
    assert found <= best.fun + 1e-6


def test_the_prior_can_be_stated() -> None:
    x, y = drawn(20_000)
    fusion = Fusion.fit(x, y, NAMES, prior=0.01)
    mean = np.average(fusion.probability(x), weights=np.where(y, 0.01 / y.mean(), 0.99 / (1 - y.mean())))
    assert mean == pytest.approx(0.01, rel=1e-3)
    # The same evidence, another prior: the logit moves by the change of the log-odds.
    odds = np.log(0.01 / 0.99) - np.log(y.mean() / (1 - y.mean()))
    shift = fusion.logits(x) - Fusion.fit(x, y, NAMES).logits(x)
    assert np.median(shift) == pytest.approx(odds, abs=0.5)


def test_platt_mends_an_overconfident_fusion() -> None:
    x, y = drawn(2000)
    sure = Fusion(NAMES, (0.0,) * 3, (1.0,) * 3, tuple(3 * WEIGHTS + 0.0), 3 * BIAS + 1)
    mended = sure.platt(x, y)
    assert raw(mended) == pytest.approx(WEIGHTS, rel=0.15)
    test_x, test_y = drawn(20_000, seed=5)
    assert reliability(sure.probability(test_x), test_y).expected_error > 0.05
    assert reliability(mended.probability(test_x), test_y).expected_error < 0.02
    turned = Fusion(NAMES, (0.0,) * 3, (1.0,) * 3, tuple(-WEIGHTS), 0.0).platt(x, y)
    assert np.ptp(turned.probability(x)) == 0.0  # never a falling map: rather no opinion


@pytest.mark.parametrize(
    ("features", "same", "options"),
    [
        ([[1.0], [2.0]], [True, True], {}),
        ([[1.0], [2.0]], [False, False], {}),
        ([[1.0], [np.nan]], [True, False], {}),
        ([[1.0], [np.inf]], [True, False], {}),
        ([1.0, 2.0], [True, False], {}),
        ([[1.0, 2.0]] * 2, [True, False], {}),
        ([[1.0], [2.0]], [True], {}),
        ([[1.0], [2.0]], [True, False], {"l2": 0.0}),
        ([[1.0], [2.0]], [True, False], {"prior": 1.0}),
        ([[1.0], [2.0]], [True, False], {"nonnegative": ("b",)}),
    ],
)
def test_what_cannot_be_fitted_is_refused(features: Any, same: list[bool], options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must"):
        Fusion.fit(features, same, ("a",), **options)


def test_a_map_of_an_earlier_version_is_followed_and_of_slope_one_beyond_its_ends() -> None:
    bent = Monotone((-1.0, 0.0, 2.0), (-3.0, 0.0, 1.0))
    assert bent([-2.0, -1.0, -0.5, 0.0, 1.0, 2.0, 5.0]).tolist() == [-4.0, -3.0, -1.5, 0.0, 0.5, 1.0, 4.0]
    assert Monotone()([-2.0, 3.0]).tolist() == [-2.0, 3.0]


def test_a_fusion_counts_nothing_of_columns_that_it_was_not_fitted_with() -> None:
    fusion = Fusion(("a", "b"), (1.0, 2.0), (1.0, 0.5), (0.5, -2.0), 0.3)
    table = np.random.default_rng(0).normal(size=(9, 2))
    wider = fusion.on(("new", "b", "a"))
    np.testing.assert_allclose(
        wider.logits(np.column_stack([table[:, 0] * 100, table[:, 1], table[:, 0]])), fusion.logits(table), rtol=1e-12
    )
    assert fusion.on(fusion.names) == fusion
    with pytest.raises(ValueError, match="no feature 'b'; there are a, c"):
        fusion.on(("a", "c"))
