"""One pill that fills its photo: on drawn photos, whose outline is known, and on people's photos where they are."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from simsearch.core.config import ImageSettings
from simsearch.core.images import load
from simsearch.core.types import Pixels
from simsearch.features.network.filling_pill import filling_pill
from simsearch.features.network.pill_crop import cropped_with_outlines
from simsearch.synthetic.backgrounds import background
from simsearch.synthetic.pills import PillLook, pill

PHOTOS = next((found for up in Path(__file__).parents if (found := up / "shared" / "data").is_dir()), Path("none"))
"""The photos that no repository may hold, beside a checkout."""
WHITE, ORANGE, BLUE = (242, 240, 236), (228, 120, 50), (60, 110, 190)


def photographed(look: PillLook, ground: str, height: int = 150) -> tuple[Pixels, Pixels]:
    """A pill in the middle of its ground with a shadow at its foot, and its mask of 0 and 1."""
    colours, cover = pill(look, height)
    tall, wide = cover.shape
    size = max(tall, wide) + 60
    pixels = background(ground, np.random.default_rng(4), size).astype(np.float32)
    top, left = (size - tall) // 2, (size - wide) // 2
    mask = np.zeros((size, size), np.float32)
    mask[top : top + tall, left : left + wide] = cover / 255
    shadow = cv2.GaussianBlur(np.roll(mask, (6, 8), (0, 1)), (0, 0), 5)
    pixels *= 1 - 0.35 * shadow[..., None]
    spread = np.zeros_like(pixels)
    spread[top : top + tall, left : left + wide] = colours
    mixed = pixels * (1 - mask[..., None]) + spread * mask[..., None]
    return mixed.astype(np.uint8), (mask > 0.5).astype(np.uint8)


def look(shape: str, aspect: float, colour: tuple[int, int, int], cap: tuple[int, int, int] | None = None) -> PillLook:
    return PillLook(shape, aspect, colour, cap or colour, "AB 12", printed=False, scored=False, gloss=0.4)


def agreement(outline: np.ndarray, mask: Pixels) -> float:
    painted = np.zeros_like(mask)
    cv2.fillPoly(painted, [np.rint(outline).astype(np.int32)], 1)
    return float((painted & mask).sum() / (painted | mask).sum())


@pytest.mark.parametrize("ground", ["paper", "lined", "wood", "cloth", "dark", "gradient"])
@pytest.mark.parametrize(
    "shown",
    [look("round", 1.0, ORANGE), look("oblong", 2.2, BLUE), look("capsule", 2.3, WHITE, BLUE)],
    ids=["round", "oblong", "capsule of two colours"],
)
def test_the_outline_is_that_of_the_pill(shown: PillLook, ground: str) -> None:
    pixels, mask = photographed(shown, ground)
    if shown.aspect > 1:
        pixels, mask = pixels[90:-90].copy(), mask[90:-90].copy()
    outline = filling_pill(pixels)
    assert outline is not None
    assert agreement(outline, mask) > 0.85
    crop, outlines = cropped_with_outlines(pixels)
    np.testing.assert_array_equal(crop, pixels)
    np.testing.assert_array_equal(outlines[0], outline)


def test_a_small_pill_a_page_and_plain_ground_fill_no_photo() -> None:
    plain = np.full((300, 400, 3), 205, np.uint8)
    assert filling_pill(plain) is None
    small = plain.copy()
    cv2.circle(small, (200, 150), 18, ORANGE, -1, cv2.LINE_AA)
    assert filling_pill(small) is None
    page = np.full((400, 400, 3), 250, np.uint8)
    page[60:340, 60:340] = (150, 160, 170)
    assert filling_pill(page) is None


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (20, 20), (40, 500)])
def test_any_size_has_an_answer(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    filling_pill(rng.integers(0, 256, (*size, 3), dtype=np.uint8))


def test_the_same_photo_twice_has_the_same_outline() -> None:
    pixels, _ = photographed(look("round", 1.0, WHITE), "wood")
    np.testing.assert_array_equal(filling_pill(pixels), filling_pill(pixels.copy()))


@pytest.mark.slow
@pytest.mark.skipif(not (PHOTOS / "nlmphotos.csv").exists(), reason="the photos that people took are not here")
def test_most_photos_that_people_took_of_a_pill_are_filled_by_it() -> None:
    with (PHOTOS / "nlmphotos.csv").open() as table:
        rows = [row for row in csv.DictReader(table) if row["split"] == "train" and row["frame"] == "crop"]
    photos = (load(PHOTOS / row["image"], ImageSettings()).pixels for row in rows)
    assert np.mean([filling_pill(photo) is not None for photo in photos]) > 0.85
