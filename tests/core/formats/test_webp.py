"""A WebP is as long as its chunks say."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError

RGB = np.random.default_rng(1).integers(0, 256, (20, 30, 3)).astype(np.uint8)


def webp(**options: Any) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(RGB).save(stream, "WEBP", **options)
    return stream.getvalue()


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"icc_profile": b"x" * 77}, {"exif": b"Exif\0\0"}])
@pytest.mark.parametrize("wrong", [1, 2, 1000, 2**31, -4, -len(webp()) // 2])
def test_a_wrong_length_in_the_head(options: dict[str, Any], wrong: int) -> None:
    data = webp(**options)
    told = (int.from_bytes(data[4:8], "little") + wrong).to_bytes(4, "little")
    found = images.decode(data[:4] + told + data[8:], ImageSettings())
    assert np.array_equal(found.pixels, images.decode(data, ImageSettings()).pixels)


def test_a_cut_one_is_refused() -> None:
    data = webp()
    for cut in (3, 40, len(data) // 2):
        with pytest.raises(ImageError) as caught:
            images.decode(data[:-cut], ImageSettings())
        assert caught.value.code == "truncated"


def test_what_follows_does_not_matter() -> None:
    data = webp(lossless=True)
    assert np.array_equal(images.decode(data + b"trailing" * 9, ImageSettings()).pixels, RGB)
