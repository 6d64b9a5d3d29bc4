"""Of a file with several pictures the one that viewers show, upright, within the limits."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import features

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError
from simsearch.core.formats import heif

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def half(left: int, right: int) -> Pillow.Image:
    values = np.full((40, 80, 3), left, np.uint8)
    values[:, 40:] = right
    return Pillow.fromarray(values)


SHOWN, OTHER, BLANK = half(30, 220), half(220, 30), half(255, 255)


def decoded(data: bytes) -> NDArray[np.uint8]:
    return images.decode(data, ImageSettings(), "test").pixels


def assert_shown(data: bytes) -> None:
    found = decoded(data)
    assert found.shape == (40, 80, 3)
    assert np.abs(found.astype(int) - np.asarray(SHOWN)).max() <= 12


def saved(image: Pillow.Image, kind: str, **options: Any) -> bytes:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("primary", [0, 1, 2])
def test_of_a_heic_the_primary_picture(primary: int) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    heif.available()
    made = [OTHER.resize((70, 50)), OTHER.resize((30, 90)), OTHER]
    made[primary] = SHOWN
    file = pillow_heif.from_pillow(made[0])
    for image in made[1:]:
        file.add_from_pillow(image)
    stream = io.BytesIO()
    file.save(stream, quality=95, primary_index=primary)
    assert_shown(stream.getvalue())


def test_a_thumbnail_does_not_stand_for_its_picture() -> None:
    """Even where it has the working size: what an editor changed may have left it as it was."""
    pillow_heif = pytest.importorskip("pillow_heif")
    heif.available()
    fine = np.random.default_rng(1).integers(0, 256, (160, 200, 3)).astype(np.uint8)
    file = pillow_heif.from_pillow(Pillow.fromarray(fine))
    found = []
    for options in ({}, {"thumbnails": [100]}):
        stream = io.BytesIO()
        file.save(stream, quality=90, **options)
        found.append(images.decode(stream.getvalue(), ImageSettings(working_size=64)).pixels)
    assert np.array_equal(found[0], found[1])


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_turned_once(kind: str, orientation: int) -> None:
    if kind == "HEIF" and not heif.available():
        pytest.skip("no pillow-heif here")
    exif = Pillow.Exif()
    exif[0x112] = orientation
    back = {6: Pillow.Transpose.ROTATE_90, 8: Pillow.Transpose.ROTATE_270}
    turn = back.get(orientation, images._TURNS[orientation])
    assert_shown(saved(SHOWN.transpose(turn), kind, exif=exif.tobytes(), quality=95))


def test_of_an_mpo_the_first() -> None:
    assert_shown(saved(SHOWN, "MPO", save_all=True, append_images=[OTHER], quality=95))


def test_an_mpo_with_a_damaged_directory_is_a_jpeg() -> None:
    data = saved(SHOWN, "MPO", save_all=True, append_images=[OTHER], quality=95)
    assert_shown(data.replace(b"MPF\0II*\0\x08", b"MPF\0II*\0\xff"))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_a_blank_first_frame_is_worth_the_next(kind: str) -> None:
    exact: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "AVIF": {"quality": 95}}
    options = exact.get(kind, {})
    assert_shown(saved(BLANK, kind, save_all=True, append_images=[SHOWN, OTHER], duration=100, **options))
    assert_shown(saved(SHOWN, kind, save_all=True, append_images=[OTHER], duration=100, **options))
    nothing = decoded(saved(BLANK, kind, save_all=True, append_images=[half(254, 254)], duration=100, **options))
    assert nothing.min() == nothing.max()


def test_an_apng_s_picture_for_others_is_not_its_first_frame() -> None:
    assert_shown(saved(OTHER, "PNG", save_all=True, append_images=[SHOWN, OTHER], default_image=True))


EXIF = {"short": (3, b"\6\0\0\0"), "byte": (1, b"\6\0\0\0"), "long": (4, b"\6\0\0\0")}


@pytest.mark.parametrize("name", EXIF)
def test_orientation_of_any_whole_number(name: str) -> None:
    kind, value = EXIF[name]
    block = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHI", 0x112, kind, 1) + value + bytes(4)
    stored = SHOWN.transpose(Pillow.Transpose.ROTATE_90)
    assert_shown(saved(stored, "JPEG", exif=b"Exif\0\0" + block, quality=95))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_xmp_turns_nothing(kind: str) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    if kind == "PNG":
        data = saved(SHOWN, kind)
        body = b"iTXtXML:com.adobe.xmp\0\0\0\0\0" + xmp
        more = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        data = data[:33] + more + data[33:]
    elif kind == "TIFF":
        data = saved(SHOWN, kind, tiffinfo={700: xmp})
    else:
        data = saved(SHOWN, kind, xmp=xmp, quality=95)
    assert_shown(data)


def test_pillow_s_own_limit_of_pixels_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the whole process's, and lower than `images.max_pixels` may be."""
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 1000)
    assert_shown(saved(SHOWN, "PNG"))
    with pytest.raises(ImageError, match=r"100 x 50 pixels are more than 4999 \(images.max_pixels\)"):
        images.decode(saved(SHOWN.resize((100, 50)), "PNG"), ImageSettings(max_pixels=4999))
