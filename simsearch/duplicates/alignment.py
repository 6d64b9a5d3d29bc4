"""The map under which two photos agree best: what keypoints and frames propose, tried and refined on the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from simsearch.duplicates.pixel_diff import SIDE, PixelTest, pixel_test, refined
from simsearch.duplicates.same_photo import Affine, Placement
from simsearch.duplicates.thumbnails import GLANCE, Shown

MISS = 3.5
"""Pixels by which keypoints may miss their positions, root mean square."""
_NEARLY = 0.05
"""Share of the common part that may differ where a map is worth refining."""
_ALIKE = 0.5
"""Least correlation of two photos at a first glance."""
_FAINT = 20.0
"""Grey levels by which two photos may differ there, root mean square, whatever their correlation. Of 34 pairs
of official photos 95 in 100 differed by 25 or more."""


def best_alignment(a: Shown, b: Shown, proposed: Sequence[Placement], size: int) -> tuple[Placement, PixelTest] | None:
    """The first placement under which the pixels agree, else the one with the least difference; None without any.

    Args:
        a: the first photo.
        b: the second.
        proposed: placements in pixels of `size` on the longer side, the likelier first.
        size: `OrbSettings.size`.
    """
    best: tuple[Placement, PixelTest] | None = None
    for placed in proposed:
        matrix = in_thumbnails(placed, size)
        if placed.miss > MISS or not _at_a_glance(a, b, matrix):
            continue
        test = pixel_test(a.pixels, b.pixels, matrix)
        # A frame lies on a frame exactly; what keypoints say of a place is refined.
        if test is not None and placed.miss and not test.same and test.differing < _NEARLY:
            nearer = refined(a.pixels, b.pixels, matrix)
            again = pixel_test(a.pixels, b.pixels, nearer)
            if again is not None and again.differing < test.differing:
                placed, test = replace(placed, matrix=_scaled(nearer, size / SIDE)), again
        if test is not None and (best is None or test.differing < best[1].differing or test.same):
            best = placed, test
            if test.same:
                break
    return best


def in_thumbnails(placed: Placement, size: int) -> Affine:
    """The map between pixels of the thumbnails."""
    matrix = _scaled(placed.matrix, SIDE / size)
    if not placed.miss:  # the edges of the frames meet, so the centres of their pixels do not
        matrix[:, 2] += (np.diag(matrix) - 1) / 2
    return matrix


def _scaled(matrix: Affine, factor: float) -> Affine:
    """A map between photos, between the same photos at `factor` times the size."""
    return np.concatenate([matrix[:, :2], matrix[:, 2:] * factor], axis=1)


def _at_a_glance(a: Shown, b: Shown, matrix: Affine) -> bool:
    """Whether the two may agree under the map, by few pixels: most of what is proposed for strangers ends here."""
    left, right = a.glance, b.glance
    height, width = right.shape
    small = _scaled(matrix, GLANCE / SIDE)
    moved = cv2.warpAffine(left, small, (width, height), flags=cv2.INTER_AREA)
    inside = cv2.warpAffine(np.ones_like(left), small, (width, height), flags=cv2.INTER_NEAREST) > 0
    x, y = moved[inside], right[inside]
    if len(x) < 16:
        return False
    x, y = x - x.mean(), y - y.mean()
    if float(np.square(x - y).mean()) < _FAINT**2:  # fine lines on an empty ground correlate with nothing at this size
        return True
    return float((x * y).sum()) >= _ALIKE * float(np.sqrt((x * x).sum() * (y * y).sum()))
