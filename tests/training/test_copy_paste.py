"""Pills laid out anew: those of the photo, on its ground, as many as drawn."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.training.copy_paste import copy_pasted

GROUND, RED, BLUE = (200, 200, 190), (220, 30, 30), (30, 30, 220)


def two_pills() -> tuple[Pixels, list[NDArray[np.float32]]]:
    """A red and a blue disc of 20 pixels, and where they are."""
    crop = np.full((120, 120, 3), GROUND, np.uint8)
    outlines = []
    for x, colour in ((32, RED), (86, BLUE)):
        cv2.circle(crop, (x, 60), 20, colour, -1)
        turns = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        outlines.append(np.stack([x + 20 * np.cos(turns), 60 + 20 * np.sin(turns)], axis=1).astype(np.float32))
    return crop, outlines


def discs(pixels: Pixels, colour: tuple[int, int, int]) -> int:
    near = (np.abs(pixels.astype(int) - colour).max(axis=2) < 40).astype(np.uint8)
    count, _, boxes, _ = cv2.connectedComponentsWithStats(near)
    return sum(bool(boxes[i, cv2.CC_STAT_AREA] > 300) for i in range(1, count))


def test_one_to_three_pills_of_the_photo_on_its_ground() -> None:
    crop, outlines = two_pills()
    seen = set()
    for seed in range(40):
        out = copy_pasted(crop, outlines, np.random.default_rng(seed))
        assert out.dtype == np.uint8
        assert out.ndim == 3
        assert (np.abs(out.astype(int) - GROUND).max(axis=2) < 12).mean() > 0.2, "its ground between and around them"
        red, blue = discs(out, RED), discs(out, BLUE)
        assert 1 <= red + blue <= 3
        seen.add((red, blue))
    assert {(1, 0), (0, 1), (1, 1)} <= seen
    assert seen & {(2, 1), (1, 2)}


def test_it_is_a_function_of_the_generator() -> None:
    crop, outlines = two_pills()
    one, again, other = (copy_pasted(crop, outlines, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_nothing_is_too_small_or_at_the_rim() -> None:
    crop = np.full((10, 6, 3), 90, np.uint8)
    for outline in ([[0, 0], [5, 0], [5, 9], [0, 9]], [[2, 2], [2, 2], [2, 2]], [[0, 0]]):
        for seed in range(5):
            out = copy_pasted(crop, [np.array(outline, np.float32)], np.random.default_rng(seed))
            assert min(out.shape[:2]) >= 1


def test_the_photo_stays() -> None:
    crop, outlines = two_pills()
    before = crop.copy()
    copy_pasted(crop, outlines, np.random.default_rng(0))
    np.testing.assert_array_equal(crop, before)
