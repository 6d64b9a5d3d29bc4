"""A JPEG is read where its picture is whole, whatever stands around it, and refused where it is not."""

from __future__ import annotations

import io
import random
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError

KINDS: dict[str, dict[str, Any]] = {
    "sequential": {},
    "progressive": {"progressive": True},
    "optimised": {"optimize": True},
    "restarts": {"restart_marker_blocks": 5},
    "grey": {"mode": "L"},
    "cmyk": {"mode": "CMYK"},
}


def photo(kind: str, *, width: int = 320, height: int = 240) -> bytes:
    options = dict(KINDS[kind])
    rough = np.random.default_rng(2).integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
    image = Pillow.fromarray(rough).resize((width, height), Pillow.Resampling.BICUBIC)
    stream = io.BytesIO()
    image.convert(options.pop("mode", "RGB")).save(stream, "JPEG", quality=85, **options)
    return stream.getvalue()


def pixels(data: bytes) -> Any:
    return images.decode(data, ImageSettings(), "test").pixels


def refusal(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        pixels(data)
    return caught.value.code


@pytest.mark.parametrize("kind", KINDS)
def test_what_lacks_only_its_end_marker_is_read(kind: str) -> None:
    data = photo(kind)
    assert data.endswith(b"\xff\xd9")
    whole = pixels(data)
    for ending in (b"", b"\xff", b"\xff\xff"):
        assert np.array_equal(pixels(data[:-2] + ending), whole)


@pytest.mark.parametrize("kind", KINDS)
def test_what_lacks_more_is_refused(kind: str) -> None:
    data = photo(kind)
    for cut in (20, 60, 200, len(data) // 4, len(data) // 2):
        assert refusal(data[:-cut]) == "truncated"


def test_a_progressive_photo_without_its_last_scans_is_refused() -> None:
    data = photo("progressive")
    scans = [i for i in range(len(data) - 1) if data[i : i + 2] == b"\xff\xda"]
    assert len(scans) == 10
    for at in scans[1:]:
        assert refusal(data[:at]) == "truncated"


@pytest.mark.parametrize("kind", KINDS)
def test_what_follows_the_picture_does_not_matter(kind: str) -> None:
    data = photo(kind)
    for more in (b"\n", bytes(5000), b"\xff" * 9, data, b"\0\0\0\x18ftypmp42" + bytes(999)):
        assert np.array_equal(pixels(data + more), pixels(data))


@pytest.mark.parametrize("kind", ["sequential", "optimised", "grey", "cmyk", "restarts"])
def test_a_picture_that_lost_its_middle_is_refused(kind: str) -> None:
    data = photo(kind)
    assert refusal(data[: len(data) // 2] + b"\xff\xd9") in ("truncated", "unreadable")
    assert refusal(data[: len(data) // 3] + data[2 * len(data) // 3 :]) in ("truncated", "unreadable")


@pytest.mark.parametrize("kind", ["sequential", "grey", "cmyk"])
def test_a_picture_with_noise_or_zeros_in_it_is_refused(kind: str) -> None:
    data = photo(kind)
    middle, chance = len(data) // 2, random.Random(1)
    for filling in (chance.randbytes(2000), bytes(2000)):
        assert refusal(data[:middle] + filling + data[middle + 2000 :]) in ("truncated", "unreadable")


@pytest.mark.parametrize("kind", ["sequential", "optimised", "grey", "cmyk"])
def test_a_few_bytes_too_many_are_an_encoder_s_habit(kind: str) -> None:
    data = photo(kind)
    for padding in (bytes(18), bytes(3000), b"\x12" * 40):
        assert np.array_equal(pixels(data[:-2] + padding + b"\xff\xd9"), pixels(data))
    assert refusal(data[:-2] + b"\x12" * 300 + b"\xff\xd9") == "unreadable"


def test_a_large_photo_is_read_at_reduced_scale_beyond_the_limit_of_pixels() -> None:
    data = photo("sequential", width=2000, height=1000)
    assert images.decode(data, ImageSettings(max_pixels=500_000)).width == 2000
    with pytest.raises(ImageError, match=r"more than 4 x 499999 \(images.max_pixels\)"):
        images.decode(data, ImageSettings(max_pixels=499_999))
    with pytest.raises(ImageError, match="more than 2 x 999999"):
        images.decode(photo("progressive", width=2000, height=1000), ImageSettings(max_pixels=999_999))


def test_one_decoded_in_full_counts_in_full() -> None:
    data = photo("sequential")
    with pytest.raises(ImageError, match="more than 76799 "):
        images.decode(data, ImageSettings(max_pixels=320 * 240 - 1))


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (8, 8), (9, 1), (300, 7), (17, 33)])
@pytest.mark.parametrize("kind", KINDS)
def test_small_and_narrow_pictures(kind: str, size: tuple[int, int]) -> None:
    options = dict(KINDS[kind])
    stream = io.BytesIO()
    Pillow.new(options.pop("mode", "RGB"), size, 90).save(stream, "JPEG", **options)
    assert pixels(stream.getvalue()).shape == (size[1], size[0], 3)
