"""Figures of pair verification and of open-set recognition. Arrays in, frozen dataclasses out.

Everywhere a higher score is more alike, and a pair is accepted when score >= threshold. Scores may be -inf
(not compared), but neither nan nor inf (ValueError). A figure whose class is empty (the recall without positives) is
nan; no observations at all is a ValueError.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simsearch.evaluation.intervals import Interval, bootstrap

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
NAN = float("nan")


@dataclass(frozen=True)
class Confusion:
    """Counts of accepted and rejected pairs at one threshold."""

    threshold: float
    true_accepts: int
    false_accepts: int
    true_rejects: int
    false_rejects: int

    @property
    def accuracy(self) -> float:
        """(TA + TR) / n."""
        wrong = self.false_accepts + self.false_rejects
        return ratio(self.true_accepts + self.true_rejects, self.true_accepts + self.true_rejects + wrong)

    @property
    def precision(self) -> float:
        """TA / (TA + FA); nan when nothing is accepted."""
        return ratio(self.true_accepts, self.true_accepts + self.false_accepts)

    @property
    def recall(self) -> float:
        """TA / (TA + FR), also the true accept rate; nan without positives."""
        return ratio(self.true_accepts, self.true_accepts + self.false_rejects)

    @property
    def f1(self) -> float:
        """2 TA / (2 TA + FA + FR); nan when there are neither positives nor accepts."""
        return ratio(2 * self.true_accepts, 2 * self.true_accepts + self.false_accepts + self.false_rejects)

    @property
    def false_accept_rate(self) -> float:
        """FA / (FA + TR); nan without negatives."""
        return ratio(self.false_accepts, self.false_accepts + self.true_rejects)


@dataclass(frozen=True, eq=False)
class Roc:
    """Receiver operating characteristic: k points from (0, 0) to (1, 1), one for each distinct score."""

    thresholds: Floats
    """(k,), falling; the first is inf (nothing is accepted)."""
    false_accept_rate: Floats
    """(k,), rising, 0 to 1; nan without negatives."""
    true_accept_rate: Floats
    """(k,), rising, 0 to 1; nan without positives."""


@dataclass(frozen=True)
class PairFigures:
    """The figures of one method on n pairs. Shares lie in [0, 1]."""

    pairs: int
    positives: int
    threshold: float
    accuracy: float
    precision: float
    recall: float
    f1: float
    auc: float
    fpr_at_95_tpr: float
    equal_error_rate: float


def confusion(scores: ArrayLike, same: ArrayLike, threshold: float) -> Confusion:
    """Counts at `threshold`. `scores` (n,), `same` (n,) of bool."""
    s, y = _pairs(scores, same)
    accepted = s >= threshold
    return Confusion(
        float(threshold), int((accepted & y).sum()), int((accepted & ~y).sum()), int((~accepted & ~y).sum()),
        int((~accepted & y).sum()),
    )  # fmt: skip


def best_threshold(scores: ArrayLike, same: ArrayLike) -> float:
    """The threshold of maximal accuracy: a score of the sample, or the next number above the largest (accept nothing).

    Of equally good thresholds it is the highest: in doubt, two photos are not called one product.
    """
    s, y = _pairs(scores, same)
    values, accepted, positive = _steps(s, y)
    right = positive + (len(y) - y.sum()) - (accepted - positive)
    # The first maximum belongs to the highest threshold; inf stands for "accept nothing".
    best = int(np.argmax(right))
    return float(values[best]) if best else float(np.nextafter(s.max(), np.inf))


def roc(scores: ArrayLike, same: ArrayLike) -> Roc:
    """The curve over all thresholds. Equal scores are one point."""
    s, y = _pairs(scores, same)
    values, accepted, positive = _steps(s, y)
    return Roc(values, _ratios(accepted - positive, len(y) - y.sum()), _ratios(positive, y.sum()))


def roc_auc(scores: ArrayLike, same: ArrayLike) -> float:
    """P(score of a positive > score of a negative) + P(equal) / 2, in [0, 1]; nan when either class is empty.

    The area under :func:`roc`, as the Mann-Whitney statistic. Source: Hanley, McNeil (1982).
    """
    s, y = _pairs(scores, same)
    negatives = np.sort(s[~y])
    below = np.searchsorted(negatives, s[y], "left") + np.searchsorted(negatives, s[y], "right")
    return ratio(float(below.sum()) / 2, int(y.sum()) * len(negatives))


def fpr_at_tpr(curve: Roc, tpr: float = 0.95) -> float:
    """The smallest false accept rate at a true accept rate of at least `tpr`; not interpolated, nan where none is."""
    reached = curve.true_accept_rate >= tpr
    return float(curve.false_accept_rate[reached].min()) if reached.any() else NAN


def equal_error_rate(curve: Roc) -> float:
    """The rate where false accepts equal false rejects, interpolated linearly; nan without one of the classes."""
    far, frr = curve.false_accept_rate, 1 - curve.true_accept_rate
    gap = far - frr  # rises from -1 to 1
    if np.isnan(gap).any():
        return NAN
    after = int(np.argmax(gap >= 0))
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(far[after - 1] + share * (far[after] - far[after - 1]))


def pair_figures(scores: ArrayLike, same: ArrayLike, threshold: float) -> PairFigures:
    """All figures of n pairs. `threshold` was chosen on other products."""
    at, curve = confusion(scores, same, threshold), roc(scores, same)
    positives = at.true_accepts + at.false_rejects
    return PairFigures(
        positives + at.false_accepts + at.true_rejects, positives, at.threshold,
        at.accuracy, at.precision, at.recall, at.f1,
        roc_auc(scores, same), fpr_at_tpr(curve), equal_error_rate(curve),
    )  # fmt: skip


def pair_intervals(
    scores: ArrayLike,
    same: ArrayLike,
    threshold: float,
    *,
    groups: NDArray[Any] | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Bootstrap 95 % intervals of the shares of :func:`pair_figures`, by field name.

    `groups` (n,): the product of each pair, by its first image; products are resampled as a whole.
    """
    s, y = _pairs(scores, same)

    def figures(indices: NDArray[np.int64]) -> dict[str, float]:
        values = asdict(pair_figures(s[indices], y[indices], threshold))
        return {k: v for k, v in values.items() if k not in ("pairs", "positives", "threshold")}

    return bootstrap(figures, len(s), groups=groups, samples=samples, seed=seed)


@dataclass(frozen=True)
class OpenSetFigures:
    """Rates at one threshold, for photos of products in the catalog (known) and of other products (unknown)."""

    threshold: float
    """nan where no threshold reaches the rate asked for."""
    known: int
    unknown: int
    true_accept_rate: float
    """Share of the known that are accepted as the right product; nan without known."""
    wrong_accept_rate: float
    """Share of the known that are accepted as a wrong product; nan without known."""
    false_accept_rate: float
    """Share of the unknown that are accepted; nan without unknown."""


def open_set_at(
    known: ArrayLike, unknown: ArrayLike, threshold: float, right: ArrayLike | None = None
) -> OpenSetFigures:
    """Rates at `threshold`; nan rates for a nan threshold.

    `known` (k,), `unknown` (u,): the best score of each query. `right` (k,): whether the best product is the right one
    (None: all are).
    """
    inside, outside, correct = _open_set(known, unknown, right)
    if np.isnan(threshold):
        return OpenSetFigures(NAN, len(inside), len(outside), NAN, NAN, NAN)
    accepted = inside >= threshold
    return OpenSetFigures(
        float(threshold), len(inside), len(outside), ratio(int((accepted & correct).sum()), len(inside)),
        ratio(int((accepted & ~correct).sum()), len(inside)), ratio(int((outside >= threshold).sum()), len(outside)),
    )  # fmt: skip


def open_set_at_rate(
    known: ArrayLike, unknown: ArrayLike, true_accept_rate: float = 0.95, right: ArrayLike | None = None
) -> OpenSetFigures:
    """Rates at the highest threshold whose true accept rate is at least `true_accept_rate`.

    Threshold and rates are nan where no threshold reaches it: too few of the known have the right product on top.
    """
    inside, outside, correct = _open_set(known, unknown, right)
    if not 0 < true_accept_rate <= 1:
        raise ValueError(f"a true accept rate of {true_accept_rate} is not in (0, 1]")
    falling = np.sort(inside[correct])[::-1]
    rates = np.arange(1, len(falling) + 1) / max(1, len(inside))
    enough = np.flatnonzero(rates >= true_accept_rate)
    threshold = float(falling[enough[0]]) if len(enough) else NAN
    return open_set_at(inside, outside, threshold, correct)


def _open_set(known: ArrayLike, unknown: ArrayLike, right: ArrayLike | None) -> tuple[Floats, Floats, Bools]:
    inside, outside = np.asarray(known, np.float64), np.asarray(unknown, np.float64)
    correct = np.ones(inside.shape, np.bool_) if right is None else np.asarray(right, np.bool_)
    if inside.ndim != 1 or outside.ndim != 1 or correct.shape != inside.shape:
        raise ValueError(
            f"known {inside.shape}, right {correct.shape} and unknown {outside.shape} must be (k,), (k,) and (u,)"
        )
    if not len(inside) + len(outside):
        raise ValueError("there is nothing to measure")
    check_scores(inside)
    check_scores(outside)
    return inside, outside, correct


def _pairs(scores: ArrayLike, same: ArrayLike) -> tuple[Floats, Bools]:
    s, y = np.asarray(scores, np.float64), np.asarray(same, np.bool_)
    if s.ndim != 1 or s.shape != y.shape:
        raise ValueError(f"scores {s.shape} and same {y.shape} must both be (n,)")
    if not len(s):
        raise ValueError("there are no pairs to measure")
    check_scores(s)
    return s, y


def _steps(s: Floats, y: Bools) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Thresholds (inf, then the distinct scores, falling), the pairs each accepts, and the positives among these."""
    order = np.argsort(-s, kind="stable")
    s, y = s[order], y[order]
    last = np.append(np.flatnonzero(s[1:] != s[:-1]), len(s) - 1)
    positive = np.cumsum(y)[last]
    return np.append(np.inf, s[last]), np.append(0, last + 1), np.append(0, positive)


def check_scores(values: Floats) -> None:
    """Raise ValueError for a nan, which has no rank, and for an inf, which no threshold rejects."""
    if not (values < np.inf).all():
        raise ValueError("scores must be neither nan nor inf")


def ratio(part: float, whole: float) -> float:
    """part / whole, nan when whole is 0."""
    return float(part / whole) if whole else NAN


def _ratios(parts: NDArray[np.int64], whole: int) -> Floats:
    return parts / whole if whole else np.full(parts.shape, NAN)
