"""Intensity histograms: how often each brightness occurs, whatever its place; four ways of comparing two of them.

A histogram has `bins` equal bins over [0, 255] and sum 1. There is one of grey, or one each of red, green and blue,
whose similarities are averaged. The equations are those of OpenCV's compareHist, distances turned round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import setting
from simsearch.core.types import Descriptor, Image, Similarities
from simsearch.features.base import fingerprint

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HistogramSettings:
    """`channels`: one histogram of the luma, or one each of red, green and blue; `bins`: equal parts of [0, 255]."""

    channels: str = setting("grey", choices=("grey", "rgb"))
    bins: int = setting(256, low=2, high=256)


class _Histogram:
    """Descriptor: float32 (channels, bins), each row of sum 1."""

    name: ClassVar[str]
    Settings: ClassVar[type] = HistogramSettings
    similarity_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    symmetric: ClassVar[bool] = True
    dtype: np.dtype[Any] = np.dtype(np.float32)

    def __init__(self, settings: HistogramSettings) -> None:
        self.settings = settings
        self.shape = (3 if settings.channels == "rgb" else 1, settings.bins)
        self.fingerprint = fingerprint(self.name, settings)

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        return [self._describe(image) for image in images]

    def _describe(self, image: Image) -> Descriptor:
        pixels = image.pixels if self.settings.channels == "rgb" else image.grey[..., None]
        counts = [cv2.calcHist([pixels], [c], None, [self.settings.bins], [0, 256]) for c in range(self.shape[0])]
        return np.stack(counts).reshape(self.shape).astype(np.float32) / np.float32(pixels.shape[0] * pixels.shape[1])

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        if not len(others):
            return np.zeros(0, np.float32)
        # In float64 and brought to sum 1 again: the square root in Bhattacharyya's distance turns 1e-7 into 3e-4.
        a, b = query.astype(np.float64), np.stack(others).astype(np.float64)
        a, b = a / a.sum(axis=-1, keepdims=True), b / b.sum(axis=-1, keepdims=True)
        low, high = self.similarity_range
        return np.asarray(np.clip(self._similarities(a, b).mean(axis=1), low, high), np.float32)

    def _similarities(self, a: Floats, b: Floats) -> Floats:
        """Similarities (n, channels) of histograms `a` (channels, bins) and `b` (n, channels, bins)."""
        raise NotImplementedError


class Correlation(_Histogram):
    """Pearson's correlation of the bins, -1 to 1: sum (a - ā)(b - b̄) / sqrt(sum (a - ā)² sum (b - b̄)²).

    A histogram whose bins are all equal makes it 0 / 0. It is then 1 if both are such, else 0.
    """

    name: ClassVar[str] = "histogram-correlation"
    similarity_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def _similarities(self, a: Floats, b: Floats) -> Floats:
        a, b = a - a.mean(axis=-1, keepdims=True), b - b.mean(axis=-1, keepdims=True)
        spread_a, spread_b = (a * a).sum(axis=-1), (b * b).sum(axis=-1)
        even_a, even_b = spread_a < 1e-12, spread_b < 1e-12
        even = even_a | even_b
        spread = np.where(even, 1.0, np.sqrt(spread_a * spread_b))
        return np.asarray(np.where(even, even_a & even_b, (a * b).sum(axis=-1) / spread))


class ChiSquare(_Histogram):
    """1 - (1/2) sum (a - b)² / (a + b), 0 (no bin in common) to 1; bins empty in both add nothing.

    The symmetric chi-square: compareHist's HISTCMP_CHISQR_ALT is four times the part taken from 1. The plain form,
    sum (a - b)² / a, is not symmetric, has no bound, and is not defined where only a is 0.
    """

    name: ClassVar[str] = "histogram-chi-square"

    def _similarities(self, a: Floats, b: Floats) -> Floats:
        both = a + b
        terms = (a - b) ** 2 / np.where(both > 0, both, 1.0)
        return np.asarray(1.0 - 0.5 * terms.sum(axis=-1))


class Intersection(_Histogram):
    """sum min(a, b), 0 (no bin in common) to 1."""

    name: ClassVar[str] = "histogram-intersection"

    def _similarities(self, a: Floats, b: Floats) -> Floats:
        return np.asarray(np.minimum(a, b).sum(axis=-1))


class Bhattacharyya(_Histogram):
    """1 - sqrt(1 - sum sqrt(a b)), 0 (no bin in common) to 1: one minus what OpenCV calls Bhattacharyya distance."""

    name: ClassVar[str] = "histogram-bhattacharyya"

    def _similarities(self, a: Floats, b: Floats) -> Floats:
        return np.asarray(1.0 - np.sqrt(np.maximum(1.0 - np.sqrt(a * b).sum(axis=-1), 0.0)))


METHODS = (Correlation, ChiSquare, Intersection, Bhattacharyya)
