"""The values that cross rooms."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.core.types import Description, Image, Surface


def test_a_description_is_read_by_method() -> None:
    description = Description({"orb": np.arange(3)}, Surface.PILLS)
    assert "orb" in description
    assert "surface" not in description
    assert description["orb"].tolist() == [0, 1, 2]
    with pytest.raises(KeyError):
        _ = description["phash"]


@pytest.mark.parametrize("surface", Surface)
def test_only_pills_are_loose_pills(surface: Surface) -> None:
    assert Description({}, surface).loose_pills is (surface is Surface.PILLS)


def test_grey_is_luma_and_computed_once() -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    image = Image(pixels, "0" * 64, 4, 1)
    assert image.grey.tolist() == [[76, 150, 29, 255]]  # 0.299 R + 0.587 G + 0.114 B, ITU-R BT.601
    assert image.grey is image.grey
