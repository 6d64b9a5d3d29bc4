"""What stands beside a PNG's picture does not decide whether it is read."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError

RGB = np.random.default_rng(1).integers(0, 256, (20, 30, 3)).astype(np.uint8)


def chunk(name: bytes, body: bytes, *, right: bool = True) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) ^ (not right))


def with_chunk(extra: bytes, *, behind: bool = False) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(RGB).save(stream, "PNG")
    data = stream.getvalue()
    at = data.index(b"IEND") - 4 if behind else 33
    return data[:at] + extra + data[at:]


def pixels(data: bytes) -> Any:
    return images.decode(data, ImageSettings(), "test").pixels


PACKED = zlib.compress(bytes(3_000_000))
LARGE = {
    "zTXt": chunk(b"zTXt", b"k\0\0" + PACKED),
    "iTXt": chunk(b"iTXt", b"k\0\1\0\0\0" + PACKED),
    "tEXt": chunk(b"tEXt", b"k\0" + bytes(3_000_000)),
    "iCCP": chunk(b"iCCP", b"k\0\0" + PACKED),
    "iCCP bomb": chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(100_000_000))),
    "many": chunk(b"zTXt", b"k\0\0" + PACKED) * 40,
    "own": chunk(b"prVt", bytes(2_000_000)),
}


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("behind", [False, True])
def test_large_texts_and_profiles(name: str, behind: bool) -> None:
    assert np.array_equal(pixels(with_chunk(LARGE[name], behind=behind)), RGB)


@pytest.mark.parametrize(
    "name", ["tEXt", "zTXt", "iTXt", "iCCP", "gAMA", "pHYs", "tRNS", "eXIf", "tIME", "sRGB", "bKGD"]
)
@pytest.mark.parametrize("behind", [False, True])
def test_a_wrong_checksum_beside_the_picture(name: str, behind: bool) -> None:
    assert np.array_equal(pixels(with_chunk(chunk(name.encode(), b"abcdefgh", right=False), behind=behind)), RGB)


@pytest.mark.parametrize("name", ["gAMA", "cHRM", "iCCP", "cICP", "sRGB", "tEXt", "eXIf", "tIME"])
def test_nonsense_beside_the_picture(name: str) -> None:
    for body in (b"", b"x", b"\xff" * 32, bytes(32), b"abc\0\0nonsense"):
        assert pixels(with_chunk(chunk(name.encode(), body))).shape == RGB.shape


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE"])
def test_a_wrong_checksum_in_the_picture_is_refused(name: bytes) -> None:
    stream = io.BytesIO()
    Pillow.fromarray(RGB).quantize(16).save(stream, "PNG")
    data = bytearray(stream.getvalue())
    at = data.index(name)
    data[at + 4 + int.from_bytes(data[at - 4 : at])] ^= 1
    with pytest.raises(ImageError) as caught:
        pixels(bytes(data))
    assert caught.value.code == "unreadable"


def test_a_wrong_checksum_of_sound_pixels_is_no_damage() -> None:
    """The pixels have a second one, by zlib, which is checked."""
    data = bytearray(with_chunk(b""))
    at = data.index(b"IDAT")
    data[at + 4 + int.from_bytes(data[at - 4 : at])] ^= 1
    assert np.array_equal(pixels(bytes(data)), RGB)
