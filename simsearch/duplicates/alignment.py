"""The map under which two photos agree best: what keypoints and frames propose, tried and refined on the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from simsearch.core.images import resized
from simsearch.duplicates.pixel_diff import SIDE, PixelTest, Thumbnail, pixel_test, refined
from simsearch.duplicates.same_photo import Affine, Placement

MISS = 3.5
"""Pixels by which keypoints may miss their positions, root mean square."""
_NEARLY = 0.1
"""Share of the common part that may differ where a map is worth refining."""
_GLANCE, _ALIKE = 48, 0.5
"""Pixels on the longer side at a first glance, and the least correlation of the two there."""


def best_alignment(
    a: Thumbnail, b: Thumbnail, proposed: Sequence[Placement], size: int
) -> tuple[Placement, PixelTest] | None:
    """The first placement under which the pixels agree, else the one with the least difference; None without any.

    Args:
        a: thumbnail of the first photo.
        b: of the second.
        proposed: placements in pixels of `size` on the longer side, the likelier first.
        size: `OrbSettings.size`.
    """
    best: tuple[Placement, PixelTest] | None = None
    for placed in proposed:
        matrix = _scaled(placed.matrix, SIDE / size)
        if placed.miss > MISS or not _at_a_glance(a, b, matrix):
            continue
        test = pixel_test(a, b, matrix)
        if test is not None and not test.same and test.differing < _NEARLY:
            nearer = refined(a, b, matrix)
            again = pixel_test(a, b, nearer)
            if again is not None and again.differing < test.differing:
                placed, test = replace(placed, matrix=_scaled(nearer, size / SIDE)), again
        if test is not None and (best is None or test.differing < best[1].differing or test.same):
            best = placed, test
            if test.same:
                break
    return best


def _scaled(matrix: Affine, factor: float) -> Affine:
    """A map between photos, between the same photos at `factor` times the size."""
    return np.concatenate([matrix[:, :2], matrix[:, 2:] * factor], axis=1)


def _at_a_glance(a: Thumbnail, b: Thumbnail, matrix: Affine) -> bool:
    """Whether the two may agree under the map, by few pixels: most of what is proposed for strangers ends here."""
    left, right = (cv2.cvtColor(resized(side, _GLANCE), cv2.COLOR_RGB2GRAY).astype(np.float32) for side in (a, b))
    height, width = right.shape
    small = _scaled(matrix, _GLANCE / SIDE)
    moved = cv2.warpAffine(left, small, (width, height), flags=cv2.INTER_AREA)
    inside = cv2.warpAffine(np.ones_like(left), small, (width, height), flags=cv2.INTER_NEAREST) > 0
    x, y = moved[inside], right[inside]
    if len(x) < 16:
        return False
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return spread < 1e-3 * len(x) or float((x * y).sum()) / spread >= _ALIKE
