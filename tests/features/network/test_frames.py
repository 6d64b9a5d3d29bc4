"""Frames: one area, the shape that fits a photo, nothing squeezed."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.features.network.frames import frame_for, framed, frames, seen
from simsearch.features.network.network import Inference, Network
from simsearch.features.network.weights_file import Architecture

AREA = Architecture("mobilenet_v3_small", embedding=32, input_size=224, pair_hidden=16, frames="area")
SIZES = [(64, 64), (50, 200), (200, 50), (1, 1), (500, 3), (480, 640), (1000, 451), (7, 9)]


def test_one_area_and_five_shapes() -> None:
    assert frames(AREA) == ((224, 224), (192, 256), (256, 192), (160, 320), (320, 160))
    assert frames(Architecture(input_size=224)) == ((224, 224),)


@pytest.mark.parametrize("size", [64, 96, 160, 192, 256, 512])
def test_frames_are_steps_of_the_network_and_of_like_area(size: int) -> None:
    for height, width in frames(Architecture(input_size=size, frames="area"))[1:]:
        assert height % 32 == width % 32 == 0
        assert 0.6 < height * width / size**2 < 1.6


@pytest.mark.parametrize(
    ("height", "width", "wanted"),
    [
        (640, 288, (320, 160)),
        (288, 640, (160, 320)),
        (480, 640, (192, 256)),
        (600, 600, (224, 224)),
        (1, 9, (160, 320)),
    ],
)
def test_a_photo_gets_the_frame_in_which_it_is_largest(height: int, width: int, wanted: tuple[int, int]) -> None:
    assert frame_for(height, width, AREA) == wanted


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_frame_is_filled_whatever_the_photo(height: int, width: int) -> None:
    photo = np.full((height, width, 3), (10, 200, 90), np.uint8)
    for frame in frames(AREA):
        out = framed(photo, frame)
        assert out.shape == (*frame, 3)
        assert (out == (10, 200, 90)).all()


def test_the_aspect_is_kept() -> None:
    photo = np.zeros((50, 200, 3), np.uint8)
    photo[10:40, 10:190] = 255
    for frame in frames(AREA):
        out = framed(photo, frame)
        rows, columns = np.flatnonzero(out.max(axis=(1, 2)) > 128), np.flatnonzero(out.max(axis=(0, 2)) > 128)
        assert len(columns) / len(rows) == pytest.approx(180 / 30, rel=0.2)
        assert rows.mean() == pytest.approx((frame[0] - 1) / 2, abs=1)


def test_photos_of_all_shapes_are_described_in_their_order() -> None:
    rng = np.random.default_rng(4)
    photos = [rng.integers(0, 255, (h, w, 3), np.uint8) for h, w in [(640, 288), (300, 300), (288, 640), (640, 300)]]
    ready = Inference(Network(AREA).eval(), precision="float32", device="cpu")
    together, surfaces = ready.describe(photos)
    assert together.shape == (4, 32)
    assert surfaces.shape[0] == 4
    for i, photo in enumerate(photos):
        alone = ready.describe([photo])[0][0]
        assert float(together[i] @ alone) > 0.9999
    assert {seen(photo, AREA).shape for photo in photos} == {(320, 160, 3), (224, 224, 3), (160, 320, 3)}


def test_nothing_to_describe() -> None:
    embeddings, surfaces = Inference(Network(AREA).eval(), precision="float32", device="cpu").describe([])
    assert embeddings.shape == (0, 32)
    assert len(surfaces) == 0
