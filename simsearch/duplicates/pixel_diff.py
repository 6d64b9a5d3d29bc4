"""Pixel comparison of two photos that a similarity transform aligns.

Keypoints cannot tell two tablets beside one ruler apart, nor two strengths in one layout: they agree except in a small
place. If one photo was made from the other, the pixels agree everywhere, up to encoding, scaling and brightening.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.images import resized
from simsearch.core.types import Pixels

Thumbnail: TypeAlias = NDArray[np.uint8]
"""(height, width, 3) RGB, `SIDE` pixels on the longer side."""
Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom, as shares of width and height, 0 to 1."""

SIDE = 320
_RIM = 4  # pixels at the border of the common part; interpolation and encoding blur them
_LEAST_COMMON = 0.05  # share of the photo with less detail; a smaller common part proves nothing
_NOISE, _CONTRAST = 12.0, 0.3  # grey levels and share of local contrast by which encoding and scaling change a pixel
_BRIGHT, _DARK = 252.0, 3.0  # grey levels beyond which brightening may have clipped the picture
_MOST = 8  # places reported
_LARGEST = 3e-4  # share of the common part, 20 to 30 pixels; a larger difference is no matter of encoding
_OFFSETS = [(1, 1), (0, 1), (1, 0), (2, 1), (1, 2)]  # the transform may be off by one pixel
_SAMPLE = 2000  # pixels used to fit the light


@dataclass(frozen=True)
class PixelTest:
    """Where two aligned photos differ."""

    largest: float
    """Size of the largest place that differs, as a share of the common part, 0 to 1."""
    differing: float
    """Total size of all places that differ, as a share of the common part, 0 to 1."""
    places: tuple[tuple[Box, Box], ...]
    """Places too large to come from encoding, as boxes in the first and the second photo; largest first, at most 8."""

    @property
    def same(self) -> bool:
        """Whether encoding, scaling and brightening explain every difference."""
        return not self.places


def thumbnail(pixels: Pixels) -> Thumbnail:
    """The photo at the size of the comparison."""
    return resized(pixels, SIDE)


def pixel_test(a: Thumbnail, b: Thumbnail, factor: complex, shift: complex) -> PixelTest | None:
    """Compare the common part of both; None if it is too small.

    A point x + iy of `a` lies at factor * (x + iy) + shift in `b`, in pixels of the thumbnails; factor is not 0.
    """
    if abs(factor) > 1:  # bring the photo with more detail to the scale of the other one
        other = pixel_test(b, a, 1 / factor, -shift / factor)
        return other and PixelTest(other.largest, other.differing, tuple((x, y) for y, x in other.places))
    moved, inside = _moved(a, b.shape[:2], factor, shift)
    shown = int(inside.sum())
    if shown < _LEAST_COMMON * inside.size:
        return None
    here, there = (_softened(pixels) for pixels in (moved, b))
    bad = _differs(_relit(here, there, inside), there) & inside
    _, labels, stats, _ = cv2.connectedComponentsWithStats(bad.astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    large = [1 + int(i) for i in np.argsort(-areas, kind="stable")[:_MOST] if areas[i] > _LARGEST * shown]
    places = []
    for label in large:
        rows, columns = np.nonzero(labels == label)
        points = columns + 1j * rows
        places.append((_box((points - shift) / factor, a), _box(points, b)))
    return PixelTest(float(areas.max(initial=0)) / shown, float(bad.sum()) / shown, tuple(places))


def _moved(
    pixels: Thumbnail, shape: tuple[int, int], factor: complex, shift: complex
) -> tuple[Thumbnail, NDArray[np.bool_]]:
    """`pixels` in a frame of `shape` (height, width), and where they cover it, without a rim."""
    height, width = shape
    matrix = np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])
    detailed = (
        pixels if abs(factor) > 0.95 else cv2.GaussianBlur(pixels, (0, 0), 0.5 * np.sqrt(1 / abs(factor) ** 2 - 1))
    )
    moved = cv2.warpAffine(detailed, matrix, (width, height), flags=cv2.INTER_LINEAR)
    covered = cv2.warpAffine(np.ones(pixels.shape[:2], np.uint8), matrix, (width, height))
    rim = np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)
    inside = cv2.erode(covered, rim, borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    return np.asarray(moved, np.uint8), inside.astype(bool)


def _softened(pixels: NDArray[np.generic]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), 0.8), np.float32)


def _relit(here: NDArray[np.float32], there: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """`here` in the light of `there`: one parabola a channel, fitted without the worst fifth of the pixels."""
    out = np.empty_like(here)
    sample = np.flatnonzero(inside)
    sample = sample[:: max(1, len(sample) // _SAMPLE)]
    for channel in range(3):
        x = here.reshape(-1, 3)[sample, channel].astype(np.float64)
        y = there.reshape(-1, 3)[sample, channel].astype(np.float64)
        terms = np.stack([np.ones_like(x), x, x * x / 255], axis=1)
        kept = np.ones(len(x), bool)
        for _ in range(3):
            # The ridge pulls towards no change of light. Without it a picture of one colour has no solution.
            gram = terms[kept].T @ terms[kept] + np.eye(3)
            weights = np.linalg.solve(gram, terms[kept].T @ y[kept] + [0.0, 1.0, 0.0])
            missed = np.abs(terms @ weights - y)
            kept = missed <= max(4.0, float(np.partition(missed, len(missed) * 4 // 5)[len(missed) * 4 // 5]))
        plane = here[..., channel]
        out[..., channel] = (weights[2] / 255 * plane + weights[1]) * plane + weights[0]
    return out


def _differs(here: NDArray[np.float32], there: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(height, width) where they differ at each of `_OFFSETS` by more than noise and contrast explain."""
    here, there = (np.clip(side, _DARK, _BRIGHT) for side in (here, there))
    height, width = there.shape[:2]
    framed = cv2.copyMakeBorder(here, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    third = np.full((1, 3), 1 / 3, np.float32)
    least = np.full((height, width), np.inf, np.float32)
    for y, x in _OFFSETS:
        missed = cv2.subtract(framed[y : y + height, x : x + width], there)
        squared = cv2.transform(cv2.multiply(missed, missed), third)
        np.minimum(least, cv2.boxFilter(squared, -1, (5, 5)), out=least)
    grey = cv2.transform(there, third)
    mean = cv2.boxFilter(grey, -1, (9, 9))
    contrast = np.sqrt(np.maximum(cv2.boxFilter(grey * grey, -1, (9, 9)) - mean * mean, 0.0))
    return np.asarray(np.sqrt(np.maximum(least, 0.0)) > _NOISE + _CONTRAST * contrast, np.bool_)


def _box(points: NDArray[np.complex128], frame: Thumbnail) -> Box:
    height, width = frame.shape[:2]
    x, y = np.clip(points.real / width, 0, 1), np.clip(points.imag / height, 0, 1)
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())
