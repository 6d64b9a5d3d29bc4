"""Wilson's interval and the bootstrap."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest

from simsearch.evaluation.intervals import bootstrap, wilson


def test_wilson_by_hand() -> None:
    # Newcombe (1998), table I: 81 of 263 and 15 of 148, without continuity correction.
    assert wilson(81, 263).low == pytest.approx(0.2553, abs=5e-5)
    assert wilson(81, 263).high == pytest.approx(0.3662, abs=5e-5)
    assert wilson(15, 148).low == pytest.approx(0.0624, abs=5e-5)
    assert wilson(15, 148).high == pytest.approx(0.1605, abs=5e-5)
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0, 1)


@settings(deadline=None)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy(case: tuple[int, int]) -> None:
    k, n = case
    expected = binomtest(k, n).proportion_ci(0.95, method="wilson")
    ours = wilson(k, n)
    assert ours.low == pytest.approx(expected.low, abs=1e-12)
    assert ours.high == pytest.approx(expected.high, abs=1e-12)
    assert 0 <= ours.low <= k / n <= ours.high <= 1
    assert wilson(n - k, n).low == pytest.approx(1 - ours.high, abs=1e-12)


@pytest.mark.parametrize(("k", "n", "level"), [(2, 1, 0.95), (-1, 1, 0.95), (1, 1, 1.0), (1, 1, 0.0)])
def test_wilson_refuses_what_cannot_be(k: int, n: int, level: float) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        wilson(k, n, level)


def test_bootstrap_of_a_mean() -> None:
    values = np.random.default_rng(1).normal(size=400)
    interval = bootstrap(lambda i: {"mean": float(values[i].mean())}, 400, seed=3)["mean"]
    reach = 1.96 * values.std() / 20
    assert interval.low == pytest.approx(values.mean() - reach, abs=0.02)
    assert interval.high == pytest.approx(values.mean() + reach, abs=0.02)


def test_bootstrap_is_seeded() -> None:
    values = np.arange(50.0)

    def mean(indices: NDArray[np.int64]) -> Mapping[str, float]:
        return {"mean": float(values[indices].mean())}

    assert bootstrap(mean, 50, seed=1, samples=50) == bootstrap(mean, 50, seed=1, samples=50)
    assert bootstrap(mean, 50, seed=1, samples=50) != bootstrap(mean, 50, seed=2, samples=50)


def test_groups_are_drawn_whole_and_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(30), 20)
    values = rng.normal(size=30)[groups] + 0.1 * rng.normal(size=600)
    seen: list[NDArray[np.int64]] = []

    def mean(indices: NDArray[np.int64]) -> Mapping[str, float]:
        seen.append(indices)
        return {"mean": float(values[indices].mean())}

    alone = bootstrap(mean, 600, samples=300)["mean"]
    seen.clear()
    together = bootstrap(mean, 600, groups=groups, samples=300)["mean"]
    assert together.high - together.low > 3 * (alone.high - alone.low)
    for indices in seen[:10]:
        times = np.bincount(indices, minlength=600).reshape(30, 20)
        assert (times == times[:, :1]).all()
        assert times.sum() == 600


def test_groups_of_different_sizes_and_kinds() -> None:
    groups = np.array(["b", "a", "b", "c"])
    sizes = set()

    def size(indices: NDArray[np.int64]) -> Mapping[str, float]:
        sizes.add(len(indices))
        assert (indices == 0).sum() == (indices == 2).sum()
        return {"size": float(len(indices))}

    bootstrap(size, 4, groups=groups, samples=100)
    assert sizes == {3, 4, 5, 6}


def test_undefined_figures_are_left_out() -> None:
    def figures(indices: NDArray[np.int64]) -> Mapping[str, float]:
        return {"never": float("nan"), "sometimes": float("nan") if indices[0] else 1.0}

    intervals = bootstrap(figures, 2, samples=50)
    assert isnan(intervals["never"].low)
    assert isnan(intervals["never"].high)
    assert intervals["sometimes"].low == intervals["sometimes"].high == 1.0


def test_bootstrap_refuses_what_cannot_be() -> None:
    for n, samples in ((0, 10), (10, 0)):
        with pytest.raises(ValueError, match="needs observations"):
            bootstrap(lambda i: {}, n, samples=samples)
    with pytest.raises(ValueError, match="shape"):
        bootstrap(lambda i: {}, 3, groups=np.arange(4))
