"""The map under which two photos agree best: what keypoints and frames propose, tried and refined on the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from simsearch.duplicates.levels import Levels, level_test, surely_another
from simsearch.duplicates.pixel_diff import SIDE, PixelPair, PixelTest, refined
from simsearch.duplicates.same_photo import Affine, Placement, moved, resized_map
from simsearch.duplicates.thumbnails import GLANCE, Shown

MISS = 3.5
"""Pixels by which keypoints may miss their positions, root mean square."""
_BESIDE = 3.0
"""Pixels of the thumbnails by which the corners of a photo lie apart under two maps of which one is tried."""
_ALL_OVER = PixelTest(0.0, 0.0, ())
"""What is found of two photos that agree all over."""
_ROUGHLY = 3
"""Times that places may be as large that differ under a map that was refined at a quarter of the pixels."""
_ALIKE = 0.5
"""Least correlation of two photos at a first glance."""
_FAINT = 20.0
"""Grey levels by which two photos may differ there, root mean square, whatever their correlation. Of 34 pairs
of official photos 95 in 100 differed by 25 or more."""


def best_alignment(
    a: Shown, b: Shown, proposed: Sequence[Placement], size: int, *, places_below: float = 0.0
) -> tuple[Placement, PixelTest] | None:
    """The first placement under which the pixels agree, else the one with the least difference; None without any.

    Args:
        a: the first photo.
        b: the second.
        proposed: placements in pixels of `size` on the longer side, the likelier first.
        size: `OrbSettings.size`.
        places_below: the miss, see `Placement`, below which it matters where two photos differ. What is surely another
            photo under another placement is not compared further.
    """
    best: tuple[Placement, PixelTest] | None = None
    done: list[Affine] = []
    pair = PixelPair(a.pixels, b.pixels)
    for placed in proposed:
        matrix = in_thumbnails(placed, size)
        if placed.miss > MISS or any(_near(matrix, other, a) for other in done) or not _at_a_glance(a, b, matrix):
            continue
        done.append(matrix)
        places, seen = placed.miss < places_below, level_test(a.levels, b.levels, matrix)
        if seen.another and not places:
            continue
        tried = _tried(a, b, pair, placed, size, places=places, one_light=not seen.other_light)
        if tried is not None and (best is None or tried[1].differing < best[1].differing or tried[1].same):
            best = tried
            if tried[1].same:
                break
    return best


def _near(matrix: Affine, other: Affine, a: Shown) -> bool:
    """Whether two maps of a photo are so near each other that refining leads to the same one."""
    height, width = a.pixels.shape[:2]
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    return bool(np.abs(moved(matrix, corners) - moved(other, corners)).max() < _BESIDE)


def _tried(
    a: Shown, b: Shown, pair: PixelPair, placed: Placement, size: int, *, places: bool, one_light: bool
) -> tuple[Placement, PixelTest] | None:
    """The placement, refined where that is needed, and what differs under it; None where too little is in common.

    Args:
        a: the first photo.
        b: the second.
        pair: the pixels of both.
        placed: where they are compared.
        size: `OrbSettings.size`.
        places: whether it matters where they differ; else what is surely another photo is not compared further.
        one_light: whether they may agree as they are.
    """
    matrix = in_thumbnails(placed, size)
    maps = [(placed, matrix)]
    if one_light and pair.in_one_light(matrix):
        return placed, _ALL_OVER
    another = not places and surely_another(a.nearer, b.nearer, matrix)
    if placed.miss:  # a frame lies on a frame exactly; what keypoints say may be off by a pixel
        if another and not one_light:  # in a quarter of the time; most of these strangers end here
            matrix = _refined(a.levels, b.levels, matrix)
            if surely_another(a.nearer, b.nearer, matrix, _ROUGHLY):
                return None
        onto = _refined(a.nearer, b.nearer, matrix)
        maps.insert(0, (replace(placed, matrix=_scaled(onto, size / SIDE)), onto))
        if one_light and pair.in_one_light(onto):
            return maps[0][0], _ALL_OVER
        another = another and surely_another(a.nearer, b.nearer, onto)
    if another:
        return None
    # What is printed or drawn over one of the two may lead the refinement astray.
    tests = [(one, pair.test(onto)) for one, onto in maps[: 2 if places else 1]]
    found = [(one, test) for one, test in tests if test is not None]
    return min(found, key=lambda item: item[1].differing, default=None)


def _refined(a: Levels, b: Levels, matrix: Affine) -> Affine:
    """A map between thumbnails, refined on their grey levels at another size."""
    factor = max(a.shape) / SIDE
    return resized_map(refined(a, b, resized_map(matrix, factor)), 1 / factor)


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
    warped = cv2.warpAffine(left, small, (width, height), flags=cv2.INTER_AREA)
    inside = cv2.warpAffine(np.ones_like(left), small, (width, height), flags=cv2.INTER_NEAREST) > 0
    x, y = warped[inside], right[inside]
    if len(x) < 16:
        return False
    x, y = x - x.mean(), y - y.mean()
    if float(np.square(x - y).mean()) < _FAINT**2:  # fine lines on an empty ground correlate with nothing at this size
        return True
    return float((x * y).sum()) >= _ALIKE * float(np.sqrt((x * x).sum() * (y * y).sum()))
