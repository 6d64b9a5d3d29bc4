"""What a pill is called, and where it lies."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from simsearch.features.base import NoSettings
from simsearch.features.pills import PillLooks, names
from simsearch.synthetic.pills import PillLook
from simsearch.testing.pictures import image
from tests.features.pills.drawn import BLUE, CAPLET, CAPSULE, TABLET, WHITE, look, scene


@pytest.mark.parametrize(
    ("shown", "colours", "shape"),
    [(TABLET, ("orange",), "round"), (look("capsule", 2.4, WHITE, BLUE), ("blue", "white"), "capsule")],
    ids=["tablet", "capsule"],
)
@pytest.mark.parametrize("size", [(480, 480), (480, 300), (300, 480)])
def test_a_pill_in_words_and_in_its_place(
    shown: PillLook, colours: tuple[str, ...], shape: str, size: tuple[int, int]
) -> None:
    height, width = size
    whole = scene(shown, angle=30)
    top, left = (480 - height) // 2, (480 - width) // 2
    pixels = np.ascontiguousarray(whole[top : top + height, left : left + width])
    [looks] = PillLooks(NoSettings()).describe([image(pixels)])
    [pill] = names.seen(looks, width, height)
    assert (pill.colours, pill.shape) == (colours, shape)
    assert pill.words.startswith(" ".join([*colours, shape]))
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [np.rint(np.array(pill.outline) * (width, height)).astype(np.int32)], 1)
    differs = np.abs(pixels.astype(int) - pixels[2, 2]).max(axis=2) > 25
    assert (inside.astype(bool) & differs).sum() / (inside.astype(bool) | differs).sum() > 0.85


def test_the_outlines_of_all_pills_lie_in_the_photo() -> None:
    [looks] = PillLooks(NoSettings()).describe([image(scene(TABLET, CAPLET, CAPSULE))])
    for pill in names.seen(looks, 480, 480):
        points = np.array(pill.outline)
        assert points.shape == (32, 2)
        assert points.min() >= 0
        assert points.max() <= 1
