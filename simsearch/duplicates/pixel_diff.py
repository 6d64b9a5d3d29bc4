"""Whether two photos that a similarity transform joins show the same everywhere: what keypoints cannot tell.

Two tablets beside one ruler, and two strengths in one layout, agree in their keypoints but for a small place. Where one
photo was made from another the pixels agree in every place, but for what encoding, scaling and brightening do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.features.orb import scaled

Picture: TypeAlias = NDArray[np.uint8]
"""(height, width, 3) RGB, `SIDE` pixels on the longer side."""
Box: TypeAlias = tuple[float, float, float, float]
"""left, top, right, bottom, as shares of width and height, 0 to 1."""

SIDE = 320
_RIM = 4  # pixels at the border of the common part that interpolation and encoding blur
_LEAST_COMMON = 0.05  # of the photo with less detail; less in common shows nothing
_NOISE, _CONTRAST = 12.0, 0.3  # grey levels, and share of the local contrast, that encoding and scaling change
_BRIGHT, _DARK = 252.0, 3.0  # grey levels beyond which brightening may have cut off what was there
_MOST = 8
_LARGEST = 3e-4  # of the common part: a place that differs and is larger was changed, 20 to 30 pixels
_OFFSETS = [(1, 1), (0, 1), (1, 0), (2, 1), (1, 2)]  # the transform may be wrong by a pixel
_SAMPLE = 2000  # pixels that the light is fitted to


@dataclass(frozen=True)
class PixelTest:
    """Where two photos differ that are one in all else."""

    largest: float
    """The largest place that differs, as a share of what both show, 0 to 1."""
    differing: float
    """All places that differ, likewise."""
    places: tuple[tuple[Box, Box], ...]
    """Those too large to come of encoding, in the first photo and in the second; the largest first, at most `_MOST`."""

    @property
    def same(self) -> bool:
        """Whether no place differs by more than what encoding, scaling and brightening do."""
        return not self.places


def picture(pixels: Pixels) -> Picture:
    """What is compared of a photo."""
    return scaled(pixels, SIDE)


def pixel_test(a: Picture, b: Picture, factor: complex, shift: complex) -> PixelTest | None:
    """Compares what both show; None where they have hardly anything in common.

    A point x + iy of `a` lies at factor * (x + iy) + shift in `b`, in pixels of the two pictures; factor not 0.
    """
    if abs(factor) > 1:  # the photo with more detail is brought to the scale of the other one
        other = pixel_test(b, a, 1 / factor, -shift / factor)
        return other and PixelTest(other.largest, other.differing, tuple((x, y) for y, x in other.places))
    height, width = b.shape[:2]
    matrix = np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])
    detailed = a if abs(factor) > 0.95 else cv2.GaussianBlur(a, (0, 0), 0.5 * np.sqrt(1 / abs(factor) ** 2 - 1))
    moved = cv2.warpAffine(detailed, matrix, (width, height), flags=cv2.INTER_LINEAR)
    common = cv2.warpAffine(np.ones(a.shape[:2], np.uint8), matrix, (width, height))
    rim = np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)
    inside = cv2.erode(common, rim, borderType=cv2.BORDER_CONSTANT, borderValue=(0,)).astype(bool)
    if inside.sum() < _LEAST_COMMON * inside.size:
        return None
    here, there = (_softened(pixels) for pixels in (moved, b))
    here = _lit(here, there, inside)
    bad = _apart(here, there) & inside
    _, labels, stats, _ = cv2.connectedComponentsWithStats(bad.astype(np.uint8))
    shown = int(inside.sum())
    areas = stats[1:, cv2.CC_STAT_AREA]
    large = [1 + int(i) for i in np.argsort(-areas, kind="stable")[:_MOST] if areas[i] > _LARGEST * shown]
    places = []
    for label in large:
        rows, columns = np.nonzero(labels == label)
        spots = columns + 1j * rows
        places.append((_box((spots - shift) / factor, a), _box(spots, b)))
    return PixelTest(float(areas.max(initial=0)) / shown, float(bad.sum()) / shown, tuple(places))


def _softened(pixels: NDArray[np.generic]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), 0.8), np.float32)


def _lit(here: NDArray[np.float32], there: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """`here` in the light of `there`: of each channel a parabola, fitted without the fifth that fits worst."""
    out = np.empty_like(here)
    places = np.flatnonzero(inside)
    places = places[:: max(1, len(places) // _SAMPLE)]
    for channel in range(3):
        x = here.reshape(-1, 3)[places, channel].astype(np.float64)
        y = there.reshape(-1, 3)[places, channel].astype(np.float64)
        terms = np.stack([np.ones_like(x), x, x * x / 255], axis=1)
        kept = np.ones(len(x), bool)
        for _ in range(3):
            # The ridge keeps a picture of one colour from having no solution; it pulls towards no change of light.
            gram = terms[kept].T @ terms[kept] + np.eye(3)
            weights = np.linalg.solve(gram, terms[kept].T @ y[kept] + [0.0, 1.0, 0.0])
            missed = np.abs(terms @ weights - y)
            kept = missed <= max(4.0, float(np.partition(missed, len(missed) * 4 // 5)[len(missed) * 4 // 5]))
        plane = here[..., channel]
        out[..., channel] = (weights[2] / 255 * plane + weights[1]) * plane + weights[0]
    return out


def _apart(here: NDArray[np.float32], there: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(height, width) where they differ in every one of `_OFFSETS`, by more than noise and contrast explain."""
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


def _box(spots: NDArray[np.complex128], frame: Picture) -> Box:
    height, width = frame.shape[:2]
    x, y = np.clip(spots.real / width, 0, 1), np.clip(spots.imag / height, 0, 1)
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())
