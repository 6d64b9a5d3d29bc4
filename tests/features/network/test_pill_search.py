"""Where loose pills lie: on drawn photos, whose outlines are known, and on people's photos where they are."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from simsearch.core.config import ImageSettings
from simsearch.core.errors import WeightsError
from simsearch.core.images import load
from simsearch.core.types import Pixels
from simsearch.features.network import onnx_session
from simsearch.features.network.pill_crop import cropped, cropped_with_outlines
from simsearch.features.network.pill_masks import PATH, MaskNetwork, built_in, mask_graph
from simsearch.features.network.pill_search import MOST, search
from simsearch.features.network.weights_file import read_tensors, write_tensors
from simsearch.synthetic.backgrounds import background
from simsearch.synthetic.pills import PillLook, pill
from tests.features.pills.drawn import CAPLET, CAPSULE, TABLET, scene

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
    [outline] = search(pixels)
    assert agreement(outline, mask) > 0.9
    crop, outlines = cropped_with_outlines(pixels)
    np.testing.assert_array_equal(crop, pixels, "one pill fills the photo")
    np.testing.assert_array_equal(outlines[0], outline)


def test_white_on_white_and_small_on_a_large_photo() -> None:
    pixels, mask = photographed(look("round", 1.0, WHITE), "paper", 60)
    large = np.full((900, 1200, 3), pixels[0, 0], np.uint8)
    large[400 : 400 + mask.shape[0], 700 : 700 + mask.shape[1]] = pixels
    [outline] = search(large)
    whole = np.zeros(large.shape[:2], np.uint8)
    whole[400 : 400 + mask.shape[0], 700 : 700 + mask.shape[1]] = mask
    assert agreement(outline, whole) > 0.85
    assert cropped(large).pixels.shape[0] < 200, "the pill fills the crop"


def test_pills_are_told_apart_largest_first() -> None:
    found = search(scene(TABLET, CAPLET, CAPSULE))
    assert len(found) == 3
    areas = [cv2.contourArea(outline) for outline in found]
    assert areas == sorted(areas, reverse=True)


def test_pills_that_nearly_touch_are_two() -> None:
    colours, cover = pill(look("capsule", 2.3, WHITE, BLUE), 60)
    pixels = np.full((400, 400, 3), 190, np.float32)
    tall, wide = cover.shape
    for top in (130, 132 + tall):
        part, share = pixels[top : top + tall, 100 : 100 + wide], cover[..., None] / 255
        part[:] = part * (1 - share) + colours * share
    found = search(pixels.astype(np.uint8))
    assert len(found) == 2
    assert all(0.8 < cv2.contourArea(outline) / (cover > 127).sum() < 1.2 for outline in found)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (20, 20), (40, 500), (3000, 40)])
def test_any_size_has_an_answer(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    found = search(pixels)
    assert len(found) <= MOST
    assert all(np.isfinite(outline).all() for outline in found)


@pytest.mark.parametrize("level", [0, 128, 205, 255])
def test_plain_ground_shows_no_pill(level: int) -> None:
    assert search(np.full((300, 400, 3), level, np.uint8)) == []


def test_the_same_photo_twice_has_the_same_outline() -> None:
    pixels, _ = photographed(look("round", 1.0, WHITE), "wood")
    np.testing.assert_array_equal(search(pixels), search(pixels.copy()))


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    tensors = read_tensors(PATH)
    lacking = {name: value for name, value in tensors.items() if name != "out.bias"}
    with pytest.raises(WeightsError, match=r"out\.bias"):
        mask_graph(lacking)
    path = tmp_path / "masks.safetensors"
    write_tensors(path, lacking, {"format": "simsearch-pill-masks-1", "card": "{}"})
    with pytest.raises(WeightsError, match=r"masks\.safetensors.*out\.bias"):
        MaskNetwork(path)
    write_tensors(path, tensors, {"format": "another", "card": "{}"})
    with pytest.raises(WeightsError, match=r"masks\.safetensors"):
        MaskNetwork(path)


def test_several_pictures_at_once_are_seen_as_each_by_itself() -> None:
    pictures = [scene(TABLET, size=128), scene(CAPLET, size=128)]
    together = built_in().look(pictures)
    assert together.shape == (2, 2, 64, 64)
    for picture, maps in zip(pictures, together, strict=True):
        np.testing.assert_allclose(built_in().look([picture])[0], maps, atol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(not (PHOTOS / "nlmphotos.csv").exists(), reason="the photos that people took are not here")
def test_nearly_every_photo_that_people_took_of_a_pill_shows_one() -> None:
    with (PHOTOS / "nlmphotos.csv").open() as table:
        rows = [row for row in csv.DictReader(table) if row["split"] == "train"]
    found = [search(load(PHOTOS / row["image"], ImageSettings()).pixels) for row in rows]
    assert np.mean([len(outlines) == 1 for outlines in found]) > 0.9


@pytest.mark.skipif(not onnx_session.installed(), reason="needs ONNX Runtime")
def test_onnx_runtime_and_opencv_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.asarray(cv2.resize(scene(TABLET, CAPLET, CAPSULE), (256, 192)), np.uint8)
    quick = MaskNetwork().look([picture, picture[::-1].copy()])
    monkeypatch.setattr(onnx_session, "installed", lambda: False)
    monkeypatch.setattr(onnx_session, "Session", None)
    plain = MaskNetwork().look([picture, picture[::-1].copy()])
    assert quick.shape == plain.shape == (2, 2, 96, 128)
    assert np.abs(quick - plain).max() < 1e-3
