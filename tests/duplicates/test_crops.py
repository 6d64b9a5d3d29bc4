"""Crops that are found without keypoints."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.core.types import Pixels
from simsearch.duplicates.alignment import best_alignment
from simsearch.duplicates.crops import crop_placements
from simsearch.duplicates.pixel_diff import thumbnail
from simsearch.duplicates.thumbnails import Shown, shown
from tests.duplicates.test_overlays import tablet
from tests.duplicates.test_pixel_diff import encoded, package, warmer

SIZE = 640


def seen(pixels: Pixels) -> Shown:
    return shown(thumbnail(encoded(pixels, 88)))


def cut(pixels: Pixels, left: int, top: int, share: float) -> Pixels:
    height, width = (int(side * share) for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


@pytest.mark.parametrize("share", [0.6, 0.7, 0.85])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_crop_in_another_light_lies_where_it_was_cut(share: float, swapped: bool) -> None:
    crop, whole = seen(warmer(cut(package(), 60, 40, share))), seen(package())
    pair = (whole, crop) if swapped else (crop, whole)
    [placed] = crop_placements(*pair, SIZE)
    assert placed.scale == pytest.approx(1 / share if swapped else share, rel=0.03)
    aligned = best_alignment(*pair, [placed], SIZE)
    assert aligned is not None
    assert aligned[1].same


def test_another_photo_holds_no_crop() -> None:
    assert crop_placements(seen(cut(package(seed=3), 60, 40, 0.7)), seen(package(seed=9)), SIZE) == []


def test_a_crop_of_another_tablet_is_proposed_at_most_and_not_called_one_photo() -> None:
    pair = seen(cut(tablet((200, 60, 60)), 90, 60, 0.7)), seen(tablet((60, 60, 200)))
    aligned = best_alignment(*pair, crop_placements(*pair, SIZE), SIZE)
    assert aligned is None or not aligned[1].same
