"""The scale of a photo by its ruler."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from simsearch.core.types import Pixels
from simsearch.features.base import NoSettings
from simsearch.features.pills import PillLooks, names, ruler
from simsearch.testing.pictures import image
from tests.features.pills.drawn import CAPLET, TABLET, scene


def ruled(
    pixels: Pixels, step: float, *, sides: tuple[bool, ...] = (True, False), fifth: float = 2.2, tenth: float = 3.2
) -> Pixels:
    """The picture with a ruler along its lower edge (True) and up its left one (False); `step`: pixels of a tick."""
    drawn, side = pixels.copy(), len(pixels)
    for level in sides:
        for number in range(int((side - 40) / step)):
            long = step * (tenth if number % 10 == 0 else fifth if number % 5 == 0 else 1.4)
            here, foot = 20 + number * step, side - 24 if level else 24
            ends = ((here, foot), (here, foot - long)) if level else ((foot, here), (foot + long, here))
            one, other = ((round(x * 8), round(y * 8)) for x, y in ends)
            cv2.line(drawn, one, other, (40, 40, 40), 1, cv2.LINE_AA, 3)
    return drawn


def paper(side: int = 480) -> Pixels:
    noise = np.random.default_rng(0).normal(0, 3, (side, side, 1))
    return np.clip(230 + noise + np.zeros(3), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("step", [3.0, 3.7, 5.0, 7.7, 12.4])
@pytest.mark.parametrize("sides", [(True,), (False,), (True, False)])
def test_a_ruler_along_any_side_tells_the_scale(step: float, sides: tuple[bool, ...]) -> None:
    assert ruler.scale(ruled(paper(), step, sides=sides)) == pytest.approx((step, step), rel=0.02)


def test_a_large_photo_is_looked_at_in_small_and_told_in_its_own_pixels() -> None:
    photo = cv2.resize(ruled(paper(600), 6.0), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    assert ruler.scale(np.asarray(photo, np.uint8)) == pytest.approx((18, 18), rel=0.02)


def test_a_squeezed_photo_has_a_scale_for_each_side() -> None:
    photo = cv2.resize(ruled(paper(), 6.0), (480, 400), interpolation=cv2.INTER_AREA)
    assert ruler.scale(np.asarray(photo, np.uint8)) == pytest.approx((6, 5), rel=0.02)


def test_the_clearer_one_counts_where_they_cannot_both_be_millimetres() -> None:
    clear = ruled(paper(), 5.0, sides=(True,))
    pale = ruled(clear, 12.0, sides=(False,))
    pale[:, 60:] = clear[:, 60:]
    both = cv2.addWeighted(clear, 0.75, pale, 0.25, 0)
    assert ruler.scale(np.asarray(both, np.uint8))[0] in (0.0, pytest.approx(5, rel=0.02))


@pytest.mark.parametrize("fifth", [1.4])
def test_ticks_of_one_length_tell_nothing(fifth: float) -> None:
    assert ruler.scale(ruled(paper(), 6.0, fifth=fifth, tenth=fifth)) == (0.0, 0.0)


def test_a_grid_letters_and_pills_tell_nothing() -> None:
    grid = paper()
    grid[::12], grid[:, ::12] = 60, 60
    words = paper()
    for line in range(8):
        cv2.putText(words, "Para 500 mg IIIII lll 111", (10, 40 + 50 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0))
    for picture in (paper(), grid, words, scene(TABLET, CAPLET), paper(20)):
        assert ruler.scale(picture) == (0.0, 0.0)


def test_pills_are_measured_along_both_sides() -> None:
    [looks] = PillLooks(NoSettings()).describe([image(ruled(scene(CAPLET, angle=0, height=60), 6.0))])
    [pill] = names.seen(looks, 480, 480)
    assert pill.size_mm == pytest.approx((22.0, 10.0), abs=0.6)
    assert f"{pill.size_mm[0]:.1f} x {pill.size_mm[1]:.1f} mm" in pill.words if pill.size_mm else False


def test_a_round_pill_has_one_size_and_a_photo_without_a_ruler_none() -> None:
    method = PillLooks(NoSettings())
    [with_ruler, without] = method.describe([image(ruled(scene(TABLET), 6.0)), image(scene(TABLET))])
    [pill] = names.seen(with_ruler, 480, 480)
    assert pill.size_mm == pytest.approx((46 / 6, 46 / 6), abs=0.5)
    assert " x " not in pill.words
    [pill] = names.seen(without, 480, 480)
    assert pill.size_mm is None
    assert "mm" not in pill.words


@pytest.mark.parametrize("size", [(1, 1), (1, 6000), (6000, 3), (21, 21)])
def test_strips_of_pixels_tell_nothing(size: tuple[int, int]) -> None:
    assert ruler.scale(np.full((*size, 3), 128, np.uint8)) == (0.0, 0.0)


@pytest.mark.parametrize("scale", [(0.9, 0.9), (60.0, 60.0)])
def test_sizes_that_no_pill_has_are_not_told(scale: tuple[float, float]) -> None:
    outline = np.array([(0, 0), (50, 0), (50, 50), (0, 50)], np.float32)
    assert ruler.size(outline, scale) == (0.0, 0.0)
