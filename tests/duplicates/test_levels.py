"""The second glance: one curve of grey levels, or another photo."""

import numpy as np

from simsearch.duplicates.levels import levels, surely_another
from tests.duplicates.test_pixel_diff import package

ONTO = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def _levels(pixels: np.ndarray) -> np.ndarray:
    return levels(np.ascontiguousarray(pixels.mean(axis=2).astype(np.uint8)))


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
