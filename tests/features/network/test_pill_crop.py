"""Finding loose pills: on drawn photos, whose pills are where we put them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from simsearch.core.types import Pixels
from simsearch.features.network.pill_crop import crop_to_pills, cropped, cropped_with_outlines

GROUND, PAPER, BLACK = (205, 205, 210), (255, 255, 255), (20, 20, 20)


def sheet(width: int = 640, height: int = 480, ground: tuple[int, int, int] = GROUND) -> Pixels:
    return np.full((height, width, 3), ground, np.uint8)


def ruler(pixels: Pixels, left: int = 40, bottom: int = 440) -> None:
    cv2.line(pixels, (left, bottom), (left + 400, bottom), BLACK, 3)
    cv2.line(pixels, (left, bottom), (left, bottom - 400), BLACK, 3)
    for i in range(0, 400, 8):
        length = 22 if i % 40 == 0 else 12
        cv2.line(pixels, (left + i, bottom), (left + i, bottom + length), BLACK, 2)
        cv2.line(pixels, (left, bottom - i), (left - length, bottom - i), BLACK, 2)
    for i in range(0, 400, 80):
        cv2.putText(pixels, str(i // 8), (left + i, bottom + 38), cv2.FONT_HERSHEY_SIMPLEX, 0.5, BLACK, 1, cv2.LINE_AA)


def tablet(pixels: Pixels, x: int, y: int, radius: int, colour: tuple[int, int, int]) -> None:
    cv2.circle(pixels, (x + 2, y + 3), radius, tuple(int(0.7 * c) for c in GROUND), -1, cv2.LINE_AA)
    cv2.circle(pixels, (x, y), radius, colour, -1, cv2.LINE_AA)
    cv2.putText(pixels, "A5", (x - 10, y + 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, BLACK, 1, cv2.LINE_AA)


def box(pixels: Pixels) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the crop."""
    found = cropped(pixels)
    (left, top), (height, width) = found.origin, found.pixels.shape[:2]
    return left, top, left + width, top + height


@pytest.mark.parametrize("colour", [(230, 120, 60), (90, 30, 40), (245, 245, 245)], ids=["orange", "dark", "white"])
def test_two_tablets_beside_a_ruler_fill_the_crop(colour: tuple[int, int, int]) -> None:
    pixels = sheet()
    ruler(pixels)
    tablet(pixels, 200, 220, 22, colour)
    tablet(pixels, 255, 220, 22, colour)
    left, top, right, bottom = box(pixels)
    assert (left < 178, right > 277, top < 198, bottom > 242) == (True,) * 4, "both tablets are in it"
    assert max(right - left, bottom - top) < 180, "and little else"
    assert crop_to_pills(pixels).shape == (bottom - top, right - left, 3)


def test_tablets_in_the_corner_of_the_ruler() -> None:
    pixels = sheet()
    ruler(pixels)
    tablet(pixels, 68, 412, 22, (240, 200, 60))
    tablet(pixels, 122, 412, 22, (240, 200, 60))
    left, _, right, _ = box(pixels)
    assert left < 48 < 142 < right < left + 220


def test_each_pill_has_an_outline_in_the_crop() -> None:
    pixels = sheet()
    ruler(pixels)
    tablet(pixels, 200, 220, 22, (230, 120, 60))
    tablet(pixels, 265, 220, 22, (230, 120, 60))
    crop, outlines = cropped_with_outlines(pixels)
    assert len(outlines) == 2
    for outline in outlines:
        inside = np.zeros(crop.shape[:2], np.uint8)
        cv2.fillPoly(inside, [np.rint(outline).astype(np.int32)], 1)
        assert 1 < inside.sum() / (np.pi * 22**2) < 1.5, "the pill, and the shadow at its foot"
        colours = crop[inside == 1].astype(int)
        assert (np.abs(colours - [230, 120, 60]).max(axis=1) < 40).mean() > 0.6


def test_a_photo_printed_on_a_page_is_entered() -> None:
    page = sheet(800, 1000, PAPER)
    for row in range(4):
        cv2.putText(page, "Appearance of the tablet", (60, 80 + 40 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.8, BLACK, 2)
    print_ = sheet(500, 360)
    tablet(print_, 180, 150, 24, (230, 120, 60))
    tablet(print_, 240, 150, 24, (230, 120, 60))
    page[400:760, 150:650] = print_
    crop = crop_to_pills(page)
    orange = (np.abs(crop.astype(int) - (230, 120, 60)).max(axis=2) < 20).mean()
    assert orange > 0.1, "the tablets, a hundredth of the page, are a tenth of the crop"


def test_a_large_pill_is_not_entered() -> None:
    pixels = sheet(ground=PAPER)
    cv2.ellipse(pixels, (320, 240), (300, 200), 0, 0, 360, (235, 210, 40), -1, cv2.LINE_AA)
    for x in (250, 320, 390):
        cv2.circle(pixels, (x, 240), 16, (150, 130, 20), -1, cv2.LINE_AA)
    np.testing.assert_array_equal(crop_to_pills(pixels), pixels)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (40, 640), (30, 30), (480, 640)])
def test_nothing_to_find_leaves_the_photo(size: tuple[int, int]) -> None:
    pixels = np.full((*size, 3), 200, np.uint8)
    np.testing.assert_array_equal(crop_to_pills(pixels), pixels)


def test_the_box_lies_in_the_photo_whatever_its_size() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        height, width = (int(n) for n in rng.integers(60, 900, 2))
        pixels = sheet(width, height)
        radius = max(4, min(height, width) // 12)
        tablet(pixels, int(rng.integers(radius, width - radius)), int(rng.integers(radius, height - radius)), radius,
               (230, 120, 60))  # fmt: skip
        left, top, right, bottom = box(pixels)
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height


def test_the_same_photo_twice_gives_the_same_crop() -> None:
    pixels = sheet()
    ruler(pixels)
    tablet(pixels, 200, 220, 22, (230, 120, 60))
    np.testing.assert_array_equal(crop_to_pills(pixels), crop_to_pills(pixels.copy()))
