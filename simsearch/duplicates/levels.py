"""A second glance at two photos, and a third one from nearer: do their grey levels agree, whatever the light?

Of two copies of one photo, one was made from the other by one curve of levels, nearly. A place that such a curve leaves
different, and that is too large for an edge, belongs to another photo. This takes a twentieth of the time of the whole
comparison (a tenth from nearer), and ends half of those of strangers, and two thirds of the rest.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.images import resized
from simsearch.duplicates.same_photo import Affine, inverse, resized_map

Levels = NDArray[np.uint8]
"""(height, width) grey, `SIDE` or `NEARER` pixels on the longer side."""

SIDE, NEARER, _OF = 80, 160, 320  # pixels on the longer side here, and of the thumbnails that maps lead between
_NOISE, _CONTRAST = 20.0, 0.7  # grey levels and share of the local contrast that a curve may miss
_SPOT, _SPOT_NEARER = 6, 8
"""Pixels that are left of places that differ when their rims are taken off. Of 889 pairs of edited copies (600 files
of photos drawn with seed 51) 3 had any, and none more than 4; of 454 pairs of strangers 215 had more than 8. From
nearer, of 150 pairs of copies in another light 1 had any (20), and of 246 pairs of strangers 166 more than 8."""
_RIM, _LEAST = 2, 50  # pixels at the border that are left out; pixels of a common part that says something
_BINS = 32


def levels(pixels: NDArray[np.uint8], side: int = SIDE) -> Levels:
    """Of a grey picture (height, width)."""
    return np.ascontiguousarray(resized(pixels, side))


def surely_another(a: Levels, b: Levels, matrix: Affine) -> bool:
    """Whether no curve makes one of the other; both of one size. `matrix`: from the first to the second thumbnail."""
    if abs(np.linalg.det(matrix[:, :2])) > 1:
        a, b, matrix = b, a, inverse(matrix)
    nearer = max(a.shape) > SIDE
    small = resized_map(matrix, (NEARER if nearer else SIDE) / _OF)
    height, width = b.shape
    moved = np.asarray(cv2.warpAffine(a, small, (width, height), flags=cv2.INTER_LINEAR), np.uint8)
    covered = cv2.warpAffine(np.ones(a.shape, np.uint8), small, (width, height), flags=cv2.INTER_NEAREST)
    rim = np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)
    inside = cv2.erode(covered, rim, borderType=cv2.BORDER_CONSTANT, borderValue=(0,)) > 0
    if np.count_nonzero(inside) < _LEAST:
        return False
    spot = _SPOT_NEARER if nearer else _SPOT
    return _left(moved, b, inside) > spot and _left(b, moved, inside) > spot


def _left(here: Levels, there: Levels, inside: NDArray[np.bool_]) -> int:
    """Pixels that differ, in places that are more than edges, when `here` is seen through the best rising curve."""
    bins = here[inside].astype(np.int64) * _BINS // 256
    counts = np.bincount(bins * 256 + there[inside], minlength=_BINS * 256).reshape(_BINS, 256).cumsum(axis=1)
    medians = np.where(counts[:, -1] > 0, (2 * counts >= counts[:, -1:]).argmax(axis=1), 0)
    curve = np.interp(np.arange(256), (np.arange(_BINS) + 0.5) * (256 / _BINS), np.maximum.accumulate(medians))
    apart = cv2.absdiff(cv2.LUT(here, curve.astype(np.uint8)), there)
    grey = there.astype(np.float32)
    mean = cv2.boxFilter(grey, -1, (5, 5))
    spread = cv2.subtract(cv2.sqrBoxFilter(grey, cv2.CV_32F, (5, 5)), cv2.multiply(mean, mean))
    bad = (apart > _NOISE + _CONTRAST * cv2.sqrt(np.maximum(spread, 0.0))) & inside
    return cv2.countNonZero(cv2.erode(bad.astype(np.uint8), np.ones((3, 3), np.uint8)))
