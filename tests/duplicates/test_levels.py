"""The second glance, and that from nearer: one curve of grey levels, or another photo."""

import numpy as np

from simsearch.duplicates.levels import NEARER, SIDE, level_test, levels, surely_another
from tests.duplicates.test_pixel_diff import package

ONTO = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def _levels(pixels: np.ndarray, side: int = SIDE) -> np.ndarray:
    return levels(np.ascontiguousarray(pixels.mean(axis=2).astype(np.uint8)), side)


def test_another_light_is_the_same_photo() -> None:
    whole = package()
    bright = np.clip(whole.astype(np.float32) * 1.25 + 10, 0, 255).astype(np.uint8)
    assert not surely_another(_levels(whole), _levels(bright), ONTO)
    assert not surely_another(_levels(bright), _levels(whole), ONTO)


def test_a_place_that_no_curve_explains_is_another_photo() -> None:
    whole = package()
    other = whole.copy()
    height, width = whole.shape[:2]
    other[height // 4 : 3 * height // 4, width // 4 : width // 2] = 250
    other[height // 4 : 3 * height // 4, width // 2 : 3 * width // 4] = 5
    assert surely_another(_levels(whole), _levels(other), ONTO)


def test_too_small_a_common_part_says_nothing() -> None:
    whole = _levels(package())
    beside = np.array([[1.0, 0.0, 310.0], [0.0, 1.0, 0.0]])
    assert not surely_another(whole, 255 - whole, beside)


def test_from_nearer_a_smaller_place_is_seen() -> None:
    whole = package()
    bright = np.clip(whole.astype(np.float32) * 1.25 + 10, 0, 255).astype(np.uint8)
    assert not surely_another(_levels(whole, NEARER), _levels(bright, NEARER), ONTO)
    other = whole.copy()
    height, width = whole.shape[:2]
    top, left, size = height // 3, width // 3, width // 24
    other[top : top + size, left : left + size] = 250
    other[top : top + size, left + 2 * size : left + 3 * size] = 5
    seen = [surely_another(_levels(whole, side), _levels(other, side), ONTO) for side in (SIDE, NEARER)]
    assert seen == [False, True]
    assert not surely_another(_levels(whole, NEARER), _levels(other, NEARER), ONTO, slack=6)


def test_copies_in_one_light_are_told_from_those_in_another() -> None:
    whole = package()
    bright = np.clip(whole.astype(np.float32) * 1.25 + 10, 0, 255).astype(np.uint8)
    noisy = np.clip(whole + np.random.default_rng(1).normal(0, 6, whole.shape), 0, 255).astype(np.uint8)
    for other, expected in ((whole, False), (noisy, False), (bright, True), (package(seed=8), True)):
        assert level_test(_levels(whole), _levels(other), ONTO).other_light == expected
