"""Calibration: whether events of probability p occur in a share p of the cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from simsearch.evaluation.metrics import Floats


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability diagram of b bins of equal width, and the errors that summarise it."""

    edges: Floats
    """(b + 1,), 0 to 1; a bin includes its upper edge, the first bin 0 too."""
    counts: Floats
    """(b,) pairs in each."""
    confidence: Floats
    """(b,) mean probability in each; nan where it is empty."""
    frequency: Floats
    """(b,) share of positives in each; nan where it is empty."""
    expected_error: float
    """Expected calibration error: sum over bins of (count / n) |frequency - confidence|, 0 to 1."""
    largest_error: float
    """Maximum calibration error: the largest |frequency - confidence| of a bin, 0 to 1."""
    brier: float
    """Brier score: mean of (probability - same)^2, 0 to 1."""


def reliability(probabilities: ArrayLike, same: ArrayLike, bins: int = 15) -> Reliability:
    """How far `probabilities` (n,) of "same product" are from the frequencies of `same` (n,).

    Bins and both errors: Guo, Pleiss, Sun, Weinberger (2017), "On Calibration of Modern Neural Networks", eq. 3 and 5.
    Their confidence is that of the predicted class; here it is the probability of "same", so that both ends of the
    scale are examined. Brier score: Brier (1950), "Verification of Forecasts Expressed in Terms of Probability".

    Raises ValueError for no pairs, and for probabilities outside [0, 1] or nan.
    """
    p, y = np.asarray(probabilities, np.float64), np.asarray(same, np.bool_)
    if p.ndim != 1 or p.shape != y.shape or not len(p):
        raise ValueError(f"probabilities {p.shape} and same {y.shape} must both be (n,), n at least 1")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("a probability lies outside [0, 1]")
    if bins < 1:
        raise ValueError(f"{bins} bins are none")
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, p, "left") - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins).astype(np.float64)
    filled = np.where(counts > 0, counts, np.nan)
    confidence = np.bincount(place, weights=p, minlength=bins) / filled
    frequency = np.bincount(place, weights=y, minlength=bins) / filled
    gap = np.abs(frequency - confidence)
    return Reliability(
        edges, counts, confidence, frequency, float(np.nansum(gap * counts) / len(p)), float(np.nanmax(gap)),
        float(((p - y) ** 2).mean()),
    )  # fmt: skip
