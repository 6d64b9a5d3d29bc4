"""Confidence intervals: Wilson's for one share, the bootstrap for everything else. NumPy alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Indices: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """Lower and upper end; both nan where the figure is undefined."""

    low: float
    high: float


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share: (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), within [0, 1].

    It also holds at the ends: 0 of n gives [0, z^2 / (n + z^2)]. No trials (n = 0) give [0, 1].
    Source: Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference".
    Raises ValueError unless 0 <= successes <= n and 0 < level < 1.
    """
    if not 0 <= successes <= n or not 0 < level < 1:
        raise ValueError(f"{successes} successes of {n} at level {level} cannot be")
    if n == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share, size = successes / n, z * z / n
    centre = (share + size / 2) / (1 + size)
    reach = z * sqrt(share * (1 - share) / n + size / (4 * n)) / (1 + size)
    # At the ends the formula gives exactly 0 and 1; rounding does not.
    low = 0.0 if successes == 0 else max(0.0, centre - reach)
    high = 1.0 if successes == n else min(1.0, centre + reach)
    return Interval(low, high)


def bootstrap(
    figures: Callable[[Indices], Mapping[str, float]],
    n: int,
    *,
    groups: NDArray[Any] | None = None,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Percentile bootstrap intervals of every figure that `figures(indices)` returns, by its name.

    `figures` is called `samples` times with indices into the n observations, drawn with replacement. With `groups`,
    shape (n,), whole groups are drawn: pairs of one product are not independent, and drawing them one by one would
    make the interval too narrow. A figure leaves out the samples in which it is nan (no positives, say); where all are,
    its interval is [nan, nan]. The same seed gives the same intervals.

    Source: Efron, Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13; clusters: Davison, Hinkley (1997),
    section 3.8. Raises ValueError for n = 0, no samples, or groups of another length.
    """
    if n < 1 or samples < 1 or not 0 < level < 1:
        raise ValueError("a bootstrap needs observations, samples, and a level between 0 and 1")
    drawn: dict[str, list[float]] = {}
    for indices in _resamples(n, groups, samples, seed):
        for name, value in figures(indices).items():
            drawn.setdefault(name, []).append(value)
    return {name: _percentiles(np.array(values, np.float64), level) for name, values in drawn.items()}


def _resamples(n: int, groups: NDArray[Any] | None, samples: int, seed: int) -> list[Indices]:
    rng = np.random.default_rng(seed)
    if groups is None:
        return [rng.integers(n, size=n) for _ in range(samples)]
    if np.shape(groups) != (n,):
        raise ValueError(f"groups have the shape {np.shape(groups)}, not ({n},)")
    _, own = np.unique(groups, return_inverse=True)
    order = np.argsort(own, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(own))[:-1])
    picks = (rng.integers(len(members), size=len(members)) for _ in range(samples))
    return [np.concatenate([members[g] for g in pick]) for pick in picks]


def _percentiles(values: NDArray[np.float64], level: float) -> Interval:
    values = values[~np.isnan(values)]
    if not len(values):
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
