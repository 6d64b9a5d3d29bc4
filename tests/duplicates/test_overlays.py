"""What is drawn over a copy, and what only looks like it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from simsearch.core.types import Pixels
from simsearch.duplicates import overlays
from simsearch.duplicates.overlays import overlay
from simsearch.duplicates.pixel_diff import thumbnail
from simsearch.duplicates.thumbnails import Shown, shown
from tests.duplicates.test_pixel_diff import HEIGHT, WIDTH, encoded, package


def seen(pixels: Pixels) -> Shown:
    return shown(thumbnail(encoded(pixels, 88)))


def tablet(colour: tuple[int, int, int], at: int = 320) -> Pixels:
    """One on a white sheet with a ruler."""
    sheet = np.full((HEIGHT, WIDTH, 3), 252, np.uint8)
    for x in range(20, WIDTH, 20):
        cv2.line(sheet, (x, 440), (x, 460), (10, 10, 10), 2)
    cv2.circle(sheet, (at, 220), 70, colour, -1)
    return sheet


def watermarked(pixels: Pixels, colour: int = 255, opacity: float = 0.43) -> Pixels:
    film = pixels.copy()
    cv2.putText(film, "PHARMA SHOP", (60, 260), cv2.FONT_HERSHEY_SIMPLEX, 2.2, (colour,) * 3, 9)
    return np.asarray(cv2.addWeighted(film, opacity, pixels, 1 - opacity, 0), np.uint8)


def bannered(pixels: Pixels, *, upper: bool = False) -> Pixels:
    out = pixels.copy()
    top = 0 if upper else HEIGHT * 91 // 100
    cv2.rectangle(out, (0, top), (WIDTH, top + HEIGHT * 9 // 100), (20, 40, 110), -1)
    cv2.putText(out, "free delivery", (30, top + 36), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2)
    return out


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("colour", [0, 255])
def test_words_that_a_photo_shines_through_are_drawn_over_it(colour: int, swapped: bool) -> None:
    pair = seen(package()), seen(watermarked(package(), colour))
    found = overlay(*(pair[::-1] if swapped else pair), pills=False)
    assert found is not None
    left, top, right, bottom = found.place
    assert left < 0.2
    assert right > 0.7
    assert 0.3 < top < bottom < 0.7
    assert 0.002 < found.share < 0.1


@pytest.mark.parametrize("upper", [False, True])
def test_a_strip_is_drawn_over_a_photo_of_pills_and_may_be_print_on_a_package(upper: bool) -> None:
    sheet = tablet((200, 60, 60))
    found = overlay(seen(sheet), seen(bannered(sheet, upper=upper)), pills=True)
    assert found is not None
    assert found.share == pytest.approx(0.1, abs=0.03)
    assert (found.place[1] == 0) == upper
    assert overlay(seen(package()), seen(bannered(package(), upper=upper)), pills=False) is None


def test_another_tablet_below_the_same_strip_is_another_photo() -> None:
    here, there = tablet((200, 60, 60)), bannered(tablet((200, 60, 60), at=335))
    assert overlay(seen(here), seen(there), pills=True) is None


@pytest.mark.parametrize("other", [(236, 214, 140), (225, 225, 225), (200, 200, 200)])
def test_another_tablet_at_the_same_place_is_no_film_of_colour(other: tuple[int, int, int]) -> None:
    """Yellow and white tablets beside one drawn ruler were told as one photo until strokes were asked for."""
    assert overlay(seen(tablet((246, 246, 246))), seen(tablet(other)), pills=True) is None


@pytest.mark.parametrize("strength", ["60 mg", "500 mg", "5 mg"])
def test_another_strength_is_no_watermark(strength: str) -> None:
    assert overlay(seen(package("50 mg")), seen(package(strength)), pills=False) is None


def test_words_that_cover_their_ground_are_print() -> None:
    printed = watermarked(package(), opacity=1.0)
    assert overlay(seen(package()), seen(printed), pills=False) is None


def test_equal_photos_and_strangers_have_nothing_drawn_over_them() -> None:
    assert overlay(seen(package()), seen(package()), pills=False) is None
    assert overlay(seen(package(seed=3)), seen(package(seed=9)), pills=False) is None


def test_what_differs_both_ways_is_not_looked_at_for_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(a: Shown, b: Shown) -> None:
        raise AssertionError

    monkeypatch.setattr(overlays, "_translucent", never)
    assert overlay(seen(tablet((150, 60, 60), 240)), seen(tablet((150, 60, 60), 420)), pills=False) is None


def test_of_white_words_on_white_ground_a_little_is_enough_where_it_is_beyond_doubt() -> None:
    sheet = tablet((150, 60, 60))
    cv2.circle(sheet, (320, 220), 70, (252, 252, 252), -1)
    for x in range(100, 500, 160):  # a few lines that the words cross
        cv2.line(sheet, (x, 180), (x + 30, 260), (150 - x // 5, 60 + x // 5, 60), 3)
    found = overlay(seen(sheet), seen(watermarked(sheet)), pills=True)
    assert found is not None
    assert 0.001 <= found.share < 0.002
    covered = sheet.copy()
    covered[210:222, 100:480] = np.where(covered[210:222, 100:480] < 250, 250, covered[210:222, 100:480])
    assert overlay(seen(sheet), seen(covered), pills=True) is None, "nothing shines through"
