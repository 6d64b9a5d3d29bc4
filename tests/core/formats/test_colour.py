"""Profiles are brought to sRGB; what is no profile for a picture leaves it alone."""

from __future__ import annotations

import io
import random
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms, features

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.formats import colour, heif

RGB = np.kron(np.random.default_rng(3).integers(0, 256, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3 = colour.of_code_points(12, 13)
ADOBE = colour._built((0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06), (563 / 256,))
LINEAR = colour._built(colour.BT709, (1.0,))
SWAPPED = colour._built((0.3127, 0.3290, 0.15, 0.06, 0.30, 0.60, 0.64, 0.33), colour._SRGB_CURVE)  # blue for red


def decoded(data: bytes) -> NDArray[np.float64]:
    return images.decode(data, ImageSettings(), "test").pixels.astype(float)


def saved(values: Any, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    (values if isinstance(values, Pillow.Image) else Pillow.fromarray(values)).save(stream, kind, **options)
    return stream.getvalue()


def light(values: NDArray[Any]) -> NDArray[np.float64]:
    v = values / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def levels(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    v = np.clip(linear, 0, 1)
    return 255 * np.where(v <= 0.0031308, v * 12.92, 1.055 * v ** (1 / 2.4) - 0.055)


# Linear Display P3 to linear sRGB, and Adobe RGB (1998) to sRGB; both from CSS Color Module Level 4.
P3_TO_SRGB = np.array([[1.22494, -0.22494, 0.0], [-0.04206, 1.04206, 0.0], [-0.01964, -0.07864, 1.09827]])
ADOBE_TO_SRGB = np.array([[1.39836, -0.39836, 0.0], [0.0, 1.0, 0.0], [0.0, -0.04293, 1.04293]])
EXPECTED = {
    "P3": (P3, levels(light(RGB) @ P3_TO_SRGB.T)),
    "Adobe RGB": (ADOBE, levels((RGB / 255) ** (563 / 256) @ ADOBE_TO_SRGB.T)),
    "linear": (LINEAR, levels(RGB / 255)),
    "swapped": (SWAPPED, RGB[..., ::-1].astype(float)),
}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG", "AVIF", "HEIF"])
def test_profiles_are_converted(name: str, kind: str) -> None:
    if (kind == "AVIF" and not features.check("avif")) or (kind == "HEIF" and not heif.available()):
        pytest.skip("not read here")
    profile, expected = EXPECTED[name]
    exact: dict[str, Any] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}
    exact["AVIF"] = {"quality": 100, "subsampling": "4:4:4"}
    found = decoded(saved(RGB, kind, icc_profile=profile, **exact.get(kind, {"quality": 100})))
    assert (
        np.abs(found - expected).max() <= 6 if kind in ("PNG", "TIFF", "WEBP") else np.abs(found - expected).mean() < 4
    )


def test_srgb_and_no_profile_leave_every_bit() -> None:
    for profile in (SRGB, colour._built(colour.BT709, colour._SRGB_CURVE)):
        assert np.array_equal(decoded(saved(RGB, icc_profile=profile)), RGB)
    assert np.array_equal(decoded(saved(RGB)), RGB)


def test_grey_and_palette_and_alpha() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.abs(decoded(saved(grey, icc_profile=LINEAR))[..., 0] - levels(grey / 255)).max() <= 2
    few = Pillow.fromarray(RGB).quantize(48)
    shown = np.asarray(few.convert("RGB"))[..., ::-1]
    assert np.abs(decoded(saved(few, icc_profile=SWAPPED)) - shown).max() <= 2
    half = np.dstack([RGB, np.full(RGB.shape[:2], 128, np.uint8)])
    expected = levels(RGB / 255) * 128 / 255 + 255 * 127 / 255
    assert np.abs(decoded(saved(half, icc_profile=LINEAR)) - expected).max() <= 3


def grey_profile(gamma: float) -> bytes:
    curve = struct.pack(">4sIIH", b"curv", 0, 1, round(gamma * 256)) + bytes(2)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    head = bytes(8) + b"\2\x40\0\0mntrGRAYXYZ " + bytes(12) + b"acsp" + bytes(28)
    head += struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    table = struct.pack(">I4sII4sII", 2, b"wtpt", 156, 20, b"kTRC", 176, 14)
    return struct.pack(">I", 192) + head[4:] + table + white + curve


def test_grey_profiles_are_for_grey_pictures_alone() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = decoded(saved(grey, icc_profile=grey_profile(1.8)))
    assert np.abs(found[..., 0] - levels((grey / 255) ** 1.8)).max() <= 4
    assert np.array_equal(decoded(saved(RGB, icc_profile=grey_profile(1.0))), RGB)


def test_profiles_that_are_none() -> None:
    chance = random.Random(1)
    for n in range(300):
        damaged = bytearray(ADOBE)
        for _ in range(chance.choice((1, 4, 40))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        profile = bytes(damaged[: chance.randrange(1, len(damaged))] if n % 3 == 0 else damaged)
        assert decoded(saved(RGB, icc_profile=profile)).shape == RGB.shape
    for profile in (b"x", bytes(200), SRGB[:200], SRGB[:16] + b"CMYK" + SRGB[20:]):
        assert np.array_equal(decoded(saved(RGB, icc_profile=profile)), RGB)


def png_with(*chunks: tuple[bytes, bytes]) -> bytes:
    import zlib

    data = saved(RGB)
    extra = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return data[:33] + extra + data[33:]


def gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 1e5))


def test_png_says_its_colours_in_chunks() -> None:
    corners = (b"cHRM", struct.pack(">8I", *(round(v * 1e5) for v in colour._P3)))
    assert np.abs(decoded(png_with(gamma(1.0))) - levels(RGB / 255)).max() <= 2
    assert np.abs(decoded(png_with((b"cICP", b"\x0c\x0d\0\1"))) - EXPECTED["P3"][1]).max() <= 2
    wide = levels((RGB / 255) ** 2.2 @ P3_TO_SRGB.T)
    assert np.abs(decoded(png_with(gamma(1 / 2.2), corners)) - wide).max() <= 3
    assert np.array_equal(decoded(png_with(gamma(0.45455))), RGB)
    assert np.array_equal(decoded(png_with((b"sRGB", b"\0"), gamma(1.0))), RGB)
    assert np.array_equal(decoded(png_with(corners)), RGB)
    assert np.array_equal(decoded(png_with((b"cICP", b"\x09\x10\0\1"))), RGB)  # HDR: as stored


def test_primaries_that_span_nothing() -> None:
    assert colour.of_gamma(0.5, (0.3, 0.0, 0, 0, 0, 0, 0, 0)) == b""
    assert colour.of_gamma(0.5, (0.3, 0.3) * 4) == b""
    assert colour.of_gamma(0.0, colour.BT709) == b""


def test_a_profile_costs_little_and_threads_may_share_it() -> None:
    data = saved(np.tile(RGB, (10, 10, 1)), "JPEG", icc_profile=ADOBE, quality=95)
    alone = decoded(data)
    began = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        assert all(np.array_equal(found, alone) for found in pool.map(decoded, [data] * 40))
    assert time.perf_counter() - began < 10
