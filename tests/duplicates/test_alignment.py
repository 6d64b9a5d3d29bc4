"""Which map two photos agree under, and how soon strangers end."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from simsearch.core.types import Pixels
from simsearch.duplicates import alignment, pixel_diff
from simsearch.duplicates.alignment import best_alignment
from simsearch.duplicates.pixel_diff import SIDE, PixelPair, thumbnail
from simsearch.duplicates.same_photo import Affine, Placement
from simsearch.duplicates.thumbnails import Shown, shown
from tests.duplicates.test_pixel_diff import brightened, encoded, package

SIZE = 512


def seen(pixels: Pixels) -> Shown:
    return shown(thumbnail(encoded(pixels, 88)))


def placed(x: float, y: float, miss: float = 1.0) -> Placement:
    return Placement(np.array([[1.0, 0.0, x], [0.0, 1.0, y]]), 0.0, miss)


@pytest.fixture
def sides(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sides of the pictures that maps are refined on."""
    found: list[int] = []
    whole = pixel_diff.refined

    def counted(a: Pixels, b: Pixels, matrix: Affine) -> Affine:
        found.append(max(a.shape))
        return whole(a, b, matrix)

    monkeypatch.setattr(alignment, "refined", counted)
    return found


def test_a_copy_under_a_map_that_is_off_is_found_by_refining(sides: list[int]) -> None:
    found = best_alignment(seen(package()), seen(brightened(package())), [placed(3.0, -2.5)], SIZE)
    assert found is not None
    assert found[1].same
    assert np.abs(found[0].matrix[:, 2]).max() < 1
    assert sides[-1] == SIDE // 2


def test_a_stranger_ends_at_the_least_size(sides: list[int]) -> None:
    other = brightened(package())
    for x, level in ((60, 250), (120, 5), (180, 250), (240, 5)):
        cv2.rectangle(other, (x, 330), (x + 25, 355), (level,) * 3, -1)
    found = best_alignment(seen(package()), seen(other), [placed(0.5, 0.5)], SIZE)
    assert found is None or not found[1].same
    assert sides == [SIDE // 4], "it is looked at once more after a quarter of the work"


def test_what_is_in_another_light_is_not_asked_whether_it_is_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(pair: PixelPair, matrix: Affine) -> bool:
        raise AssertionError

    monkeypatch.setattr(PixelPair, "in_one_light", never)
    found = best_alignment(seen(package()), seen(brightened(package())), [placed(0.0, 0.0, 0.0)], SIZE)
    assert found is not None
    assert found[1].same
