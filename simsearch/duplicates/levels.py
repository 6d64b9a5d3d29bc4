"""A second glance at two photos, and a third one from nearer: do their grey levels agree, whatever the light?

Of two copies of one photo, one was made from the other by one curve of levels, nearly. A place that such a curve leaves
different, and that is too large for an edge, belongs to another photo. This takes a twentieth of the time of the whole
comparison (a tenth from nearer), and ends half of those of strangers, and two thirds of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.images import resized
from simsearch.duplicates.light import deviation
from simsearch.duplicates.same_photo import Affine, area, inverse, resized_map

Levels = NDArray[np.uint8]
"""(height, width) grey, `SIDE` or `NEARER` pixels on the longer side."""

SIDE, NEARER, _OF = 80, 160, 320  # pixels on the longer side here, and of the thumbnails that maps lead between
_NOISE, _CONTRAST = 20.0, 0.7  # grey levels and share of the local contrast that a curve may miss
_SPOT, _SPOT_NEARER = 6, 8
"""Pixels that are left of places that differ when their rims are taken off. Of 889 pairs of edited copies (600 files
of photos drawn with seed 51) 3 had any, and none more than 4; of 454 pairs of strangers 215 had more than 8. From
nearer, of 150 pairs of copies in another light 1 had any (20), and of 246 pairs of strangers 166 more than 8."""
_OTHER_LIGHT = 0.06
"""Share of the common part that differs by more than that where two photos do not agree as they are. Of 2,441 pairs of
copies in one light (seed 97) none had more than 0.035; of 4,483 other pairs two thirds have more."""
_BORDER, _THREE = np.ones((5, 5), np.uint8), np.ones((3, 3), np.uint8)  # two pixels at the border are left out
_LEAST = 50  # pixels of a common part that says something
_BINS = 32


def levels(pixels: NDArray[np.uint8], side: int = SIDE) -> Levels:
    """Of a grey picture (height, width)."""
    return np.ascontiguousarray(resized(pixels, side))


@dataclass(frozen=True)
class LevelTest:
    """What a glance at grey levels says of two photos under a map."""

    another: bool
    """Whether no curve makes one of the other: surely two photos."""
    other_light: bool
    """Whether they surely do not agree as they are."""


def level_test(a: Levels, b: Levels, matrix: Affine, slack: int = 1) -> LevelTest:
    """Compare two photos of one size.

    Args:
        a: the first photo.
        b: the second.
        matrix: from the first to the second thumbnail.
        slack: how many times larger places that differ may be, for a map that is not refined to the end.
    """
    if area(matrix) > 1:
        a, b, matrix = b, a, inverse(matrix)
    nearer = max(a.shape) > SIDE
    small = resized_map(matrix, (NEARER if nearer else SIDE) / _OF)
    height, width = b.shape
    moved = np.asarray(cv2.warpAffine(a, small, (width, height), flags=cv2.INTER_LINEAR), np.uint8)
    covered = cv2.warpAffine(np.ones(a.shape, np.uint8), small, (width, height), flags=cv2.INTER_NEAREST)
    inside = np.asarray(cv2.erode(covered, _BORDER, borderType=cv2.BORDER_CONSTANT, borderValue=(0,)), np.uint8)
    shown = cv2.countNonZero(inside)
    if shown < _LEAST:
        return LevelTest(False, False)
    spot, room = slack * (_SPOT_NEARER if nearer else _SPOT), _allowed(b)
    other_light = np.count_nonzero((cv2.absdiff(moved, b) > room) & inside.view(np.bool_)) > _OTHER_LIGHT * shown
    another = _left(moved, b, inside, room) > spot and _left(b, moved, inside, _allowed(moved)) > spot
    return LevelTest(another, bool(other_light))


def surely_another(a: Levels, b: Levels, matrix: Affine, slack: int = 1) -> bool:
    """See `LevelTest.another`; arguments as for `level_test`."""
    return level_test(a, b, matrix, slack).another


def _allowed(there: Levels) -> NDArray[np.float32]:
    """(height, width) grey levels that a curve may miss."""
    room = deviation(there.astype(np.float32))
    room *= np.float32(_CONTRAST)
    room += np.float32(_NOISE)
    return room


def _left(here: Levels, there: Levels, inside: NDArray[np.uint8], room: NDArray[np.float32]) -> int:
    """Pixels that differ, in places that are more than edges, when `here` is seen through the best rising curve."""
    counts = cv2.calcHist([here, there], [0, 1], inside, [_BINS, 256], [0, 256, 0, 256]).cumsum(axis=1)
    medians = np.where(counts[:, -1] > 0, (2 * counts >= counts[:, -1:]).argmax(axis=1), 0)
    curve = np.interp(np.arange(256), (np.arange(_BINS) + 0.5) * (256 / _BINS), np.maximum.accumulate(medians))
    apart = cv2.absdiff(cv2.LUT(here, curve.astype(np.uint8)), there)
    bad = (apart > room) & inside.view(np.bool_)
    return cv2.countNonZero(cv2.erode(bad.view(np.uint8), _THREE))
