"""The decoding table: each kind of file that Pillow, OpenCV or a browser shows is read as shown, or refused by name.

A kind's picture comes from the pixels that its file was made of, not from the decoder under test.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any, Literal

import cv2
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

Array = NDArray[Any]
LEVELS = 6
H, W = 48, 64


def picture() -> NDArray[np.uint8]:
    """Smooth, in colours, without symmetry."""
    values = np.random.default_rng(5).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(values, (W, H), interpolation=cv2.INTER_LINEAR), np.uint8)


RGB = picture()
MUTED = RGB // 2 + 64  # dark colours at the edge of sRGB are not to be told apart in 8-bit Lab
GREY = np.asarray(Pillow.fromarray(RGB).convert("L"), np.uint8)
ALPHA = np.tile(np.linspace(0, 255, W).astype(np.uint8), (H, 1))


def three(grey: Array) -> Array:
    return np.repeat(grey[..., None], 3, axis=2)


def saved(image: Pillow.Image | Array, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    (image if isinstance(image, Pillow.Image) else Pillow.fromarray(image)).save(stream, kind, **options)
    return stream.getvalue()


def tiff(
    values: Array,
    *,
    order: Literal["<", ">"] = "<",
    photometric: int = 1,
    bits: int = 0,
    form: int = 1,
    raw: bytes = b"",
    **tag: int,
) -> bytes:
    """An uncompressed TIFF of one page; `raw` replaces the values' own bytes, `_338=2` sets a tag."""
    samples = 1 if values.ndim == 2 else values.shape[2]
    body = raw or values.astype(values.dtype.newbyteorder(order)).tobytes()
    entries = {256: values.shape[1], 257: values.shape[0], 258: bits or values.itemsize * 8, 259: 1, 262: photometric}
    entries |= {273: 8, 277: samples, 278: values.shape[0], 279: len(body), 339: form}
    entries |= {int(name[1:]): value for name, value in tag.items()}
    start = 8 + len(body) + len(body) % 2
    out = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start) + body + bytes(len(body) % 2)
    out += struct.pack(order + "H", len(entries))
    for code, value in sorted(entries.items()):
        if code in (273, 279):
            out += struct.pack(order + "HHII", code, 4, 1, value)
        else:
            out += struct.pack(order + "HHIHH", code, 3, 1, value, 0)
    return out + bytes(4)


def chunk(name: bytes, body: bytes, *, right: bool = True) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) ^ (not right))


def png(pixels: Array, colour: int, *before: bytes, depth: int = 0) -> bytes:
    depth = depth or pixels.itemsize * 8
    rows = b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in pixels)
    width = pixels.shape[1] * (8 // depth if depth < 8 else 1)
    head = struct.pack(">IIBBBBB", width, pixels.shape[0], depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", head), *before, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def on_white(colours: Array, alpha: Array) -> Array:
    share = alpha[..., None] / 255
    return np.asarray(colours * share + 255 * (1 - share))


def float_mode(values: Array) -> bytes:
    return saved(values.astype(np.float32), "TIFF")


def bmp_with_alpha(alpha: int) -> bytes:
    """A BMP of 32 bits with a V4 header that names an alpha mask."""
    body = np.dstack([RGB[::-1, :, ::-1], np.full((H, W), alpha, np.uint8)]).tobytes()
    head = struct.pack("<IiiHHIIiiII", 108, W, H, 1, 32, 3, len(body), 0, 0, 0, 0)
    head += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(body), 0, 0, 14 + len(head)) + head + body


DEEP = GREY.astype(np.uint16) * 257
BEST: dict[str, Any] = {"quality": 98, "subsampling": 0}
CMYK = Pillow.fromarray(RGB).convert("CMYK")
SIGNED16 = (DEEP.astype(np.int32) - 32768).astype(np.int16)

READ: dict[str, tuple[Callable[[], bytes], Array]] = {
    "jpeg": (lambda: saved(RGB, "JPEG", **BEST), RGB),
    "jpeg progressive": (lambda: saved(RGB, "JPEG", progressive=True, **BEST), RGB),
    "jpeg with restarts": (lambda: saved(RGB, "JPEG", restart_marker_blocks=3, **BEST), RGB),
    "jpeg grey": (lambda: saved(GREY, "JPEG", quality=98), three(GREY)),
    "jpeg cmyk": (lambda: saved(CMYK, "JPEG", **BEST), RGB),
    "mpo": (lambda: saved(RGB, "MPO", save_all=True, append_images=[Pillow.fromarray(255 - RGB)], **BEST), RGB),
    "png": (lambda: saved(RGB, "PNG"), RGB),
    "png 16 bit": (lambda: png(RGB.astype(np.uint16) * 257, 2), RGB),
    "png grey 16 bit": (lambda: png(DEEP, 0), three(GREY)),
    "png grey with alpha": (lambda: png(np.dstack([GREY, ALPHA]), 4), on_white(three(GREY), ALPHA)),
    "png grey with alpha 16 bit": (
        lambda: png(np.dstack([GREY, ALPHA]).astype(np.uint16) * 257, 4),
        on_white(three(GREY), ALPHA),
    ),
    "png with alpha": (lambda: png(np.dstack([RGB, ALPHA]), 6), on_white(RGB, ALPHA)),
    "png with alpha 16 bit": (lambda: png(np.dstack([RGB, ALPHA]).astype(np.uint16) * 257, 6), on_white(RGB, ALPHA)),
    "png with alpha of nothing": (lambda: png(np.dstack([RGB, ALPHA * 0]), 6), RGB),
    "png with alpha of all": (lambda: png(np.dstack([RGB, ALPHA * 0 + 255]), 6), RGB),
    "png 2 bit with a transparent grey": (
        lambda: png(np.tile(np.array([0b00011011] * 4, np.uint8), (8, 1)), 0, chunk(b"tRNS", b"\0\1"), depth=2),
        three(np.tile(np.array([0, 255, 170, 255], np.uint8), (8, 4))),
    ),
    "png 1 bit with a transparent grey": (
        lambda: png(np.tile(np.array([0b01010101], np.uint8), (8, 1)), 0, chunk(b"tRNS", b"\0\0"), depth=1),
        three(np.full((8, 8), 255)),
    ),
    "png 16 bit with a transparent grey": (
        lambda: png(np.tile(np.array([0, 5000, 65535, 40000], np.uint16), (8, 2)), 0, chunk(b"tRNS", b"\x13\x88")),
        three(np.tile(np.array([0, 255, 255, 156], np.uint8), (8, 2))),
    ),
    "png 16 bit with a transparent colour": (
        lambda: png(np.full((4, 4, 3), 5000, np.uint16), 2, chunk(b"tRNS", b"\x13\x88" * 3)),
        np.full((4, 4, 3), 255),
    ),
    "webp lossless with alpha": (
        lambda: saved(np.dstack([RGB, ALPHA]), "WEBP", lossless=True, exact=True),
        on_white(RGB, ALPHA),
    ),
    "webp": (lambda: saved(RGB, "WEBP", lossless=True), RGB),
    "gif": (lambda: saved(Pillow.fromarray(three(GREY)).convert("L"), "GIF"), three(GREY)),
    "bmp": (lambda: saved(RGB, "BMP"), RGB),
    "bmp with alpha": (lambda: bmp_with_alpha(255), RGB),
    "bmp with alpha of nothing": (lambda: bmp_with_alpha(0), RGB),
    "dib": (lambda: saved(RGB, "DIB"), RGB),
    "ppm": (lambda: saved(RGB, "PPM"), RGB),
    "pgm 16 bit": (lambda: b"P5 64 48 65535\n" + DEEP.astype(">u2").tobytes(), three(GREY)),
    "pbm": (lambda: b"P4 8 2\n\x0f\xf0", three(np.array([[255] * 4 + [0] * 4, [0] * 4 + [255] * 4]))),
    "jpeg 2000": (lambda: saved(RGB, "JPEG2000"), RGB),
    "tiff": (lambda: tiff(RGB, photometric=2), RGB),
    "tiff 16 bit rgb": (lambda: saved_16_bit(), RGB),
    "tiff cmyk": (lambda: saved(CMYK, "TIFF"), RGB),
    "tiff lab": (lambda: lab(), MUTED),
    "tiff with an extra sample": (lambda: tiff(np.dstack([RGB, ALPHA]), photometric=2, _338=0), RGB),
    "tiff with alpha": (lambda: tiff(np.dstack([RGB, ALPHA]), photometric=2, _338=2), on_white(RGB, ALPHA)),
    "tiff with alpha of nothing": (lambda: tiff(np.dstack([RGB, ALPHA * 0]), photometric=2, _338=2), RGB),
    "tiff grey": (lambda: tiff(GREY), three(GREY)),
    "tiff white is zero 8": (lambda: tiff(255 - GREY, photometric=0), three(GREY)),
    "tiff white is zero 16": (lambda: tiff(65535 - DEEP, photometric=0), three(GREY)),
    "tiff white is zero 16 MM": (lambda: tiff(65535 - DEEP, photometric=0, order=">"), three(GREY)),
    "tiff white is zero 32 float": (
        lambda: tiff((1 - GREY / 255).astype(np.float32), photometric=0, form=3),
        three(GREY),
    ),
    "tiff white is zero 32 float MM": (
        lambda: tiff((1 - GREY / 255).astype(np.float32), photometric=0, form=3, order=">"),
        three(GREY),
    ),
    "tiff 16": (lambda: tiff(DEEP), three(GREY)),
    "tiff 16 MM": (lambda: tiff(DEEP, order=">"), three(GREY)),
    "tiff signed 16": (lambda: tiff(SIGNED16, form=2), three(GREY)),
    "tiff signed 16 MM": (lambda: tiff(SIGNED16, form=2, order=">"), three(GREY)),
    "tiff signed 16 from zero": (lambda: tiff((DEEP // 2).astype(np.int16), form=2), three(GREY)),
    "tiff signed 8": (lambda: tiff((GREY.astype(int) - 128).astype(np.int8), form=2), three(GREY)),
    "tiff signed 16, white is zero": (lambda: tiff(~SIGNED16, form=2, photometric=0), three(GREY)),
    "tiff float to 1": (lambda: float_mode(GREY / 255), three(GREY)),
    "tiff float to 255": (lambda: float_mode(GREY * 1.0), three(GREY)),
    "tiff float to 65535": (lambda: float_mode(DEEP * 1.0), three(GREY)),
    "avif": (lambda: saved(RGB, "AVIF", quality=98, subsampling="4:4:4"), RGB),
    "heic": (lambda: saved(RGB, "HEIF", quality=98, chroma=444), RGB),
}


def saved_16_bit() -> bytes:
    done, data = cv2.imencode(".tiff", RGB[..., ::-1].astype(np.uint16) * 257, [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    assert done
    return data.tobytes()


TO_D50 = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)


def lab() -> bytes:
    """CIELAB under D50, by the formulas of the CIE."""
    v = MUTED / 255
    linear = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    t = linear @ TO_D50.T / (0.96422, 1.0, 0.82521)
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    stored = [(116 * f[..., 1] - 16) * 2.55, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])]
    return tiff(np.dstack(stored).round().astype(np.int16).astype(np.uint8), photometric=8)


@pytest.mark.parametrize("kind", READ)
def test_is_read_as_it_is_shown(kind: str) -> None:
    if "avif" in kind and not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    if kind == "heic" and not heif.available():
        pytest.skip("no pillow-heif here")
    make, expected = READ[kind]
    found = images.decode(make(), ImageSettings(), "test").pixels
    levels = LEVELS + 2 if kind in ("jpeg cmyk", "avif", "heic") else LEVELS
    assert found.shape == expected.shape
    assert np.abs(found.astype(float) - expected).max() <= levels


def heif_like(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0" + brand + bytes(400)


SVG = b'<?xml version="1.0"?>\n<!-- made by hand -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "tiff float rgb": (
        lambda: tiff((RGB / 255).astype(np.float32), photometric=2, form=3),
        "(3 x float32); save it as 8",
    ),
    "tiff float16": (lambda: tiff((GREY / 255).astype(np.float16), form=3), "(1 x float16); save it as 8 bit"),
    "tiff double": (lambda: tiff(GREY / 255, form=3), "(1 x float64); save it as 8 bit"),
    "tiff 10 bit": (lambda: tiff(GREY, bits=10, raw=bytes(H * W * 2)), "(1 x uint10)"),
    "tiff 14 bit": (lambda: tiff(GREY, bits=14, raw=bytes(H * W * 2)), "(1 x uint14)"),
    "tiff 12 bit rgb": (lambda: tiff(RGB, bits=12, photometric=2, raw=bytes(H * W * 5)), "(3 x uint12)"),
    "tiff signed 16 rgb": (lambda: tiff(RGB.astype(np.int16), photometric=2, form=2), "(3 x int16)"),
    "tiff of an unknown compression": (lambda: tiff(RGB, photometric=2, _259=34887), "compression 34887"),
    "camera raw": (lambda: tiff(DEEP, photometric=32803), "is a camera's raw file"),
    "dng": (lambda: tiff(RGB, photometric=2, _50706=1), "is a camera's raw file"),
    "ico": (lambda: saved(RGB, "ICO"), "is an icon (ICO), which simsearch does not read; save it as JPEG or PNG"),
    "tga": (lambda: saved(RGB, "TGA"), "is a TGA picture"),
    "pcx": (lambda: saved(RGB, "PCX"), "is a PCX picture"),
    "sgi": (lambda: saved(RGB, "SGI"), "is an SGI picture"),
    "dds": (lambda: saved(RGB, "DDS"), "is a DDS texture"),
    "eps": (lambda: saved(RGB, "EPS"), "is PostScript (EPS)"),
    "pdf": (lambda: saved(RGB, "PDF"), "is a PDF document"),
    "qoi": (lambda: saved(RGB, "QOI"), "is a QOI picture"),
    "xbm": (lambda: saved(Pillow.fromarray(GREY).convert("1"), "XBM"), "is an X bitmap"),
    "hdr": (lambda: encoded(".hdr", (RGB / 255).astype(np.float32)), "is a Radiance (HDR) picture"),
    "sun raster": (lambda: encoded(".ras", RGB), "is a Sun raster picture"),
    "psd": (lambda: b"8BPS\0\1" + bytes(200), "is a Photoshop document"),
    "jpeg xl": (lambda: b"\xff\x0a" + bytes(200), "is a JPEG XL picture"),
    "jpeg xl box": (lambda: b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(200), "is a JPEG XL picture"),
    "svg": (lambda: SVG, "is an SVG drawing"),
    "web page": (lambda: b"<!DOCTYPE html><html><title>404</title>", "is a web page"),
    "video": (lambda: heif_like(b"mp42"), "is a video"),
    "lfs": (lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "is a Git LFS pointer"),
    "jpeg behind a line break": (lambda: b"\r\n" + saved(RGB, "JPEG"), "is an image behind 2 bytes of blanks"),
}


def encoded(ending: str, values: Array) -> bytes:
    done, data = cv2.imencode(ending, values)
    assert done
    return data.tobytes()


@pytest.mark.parametrize("kind", REFUSED)
def test_is_refused_by_its_name(kind: str) -> None:
    make, words = REFUSED[kind]
    with pytest.raises(ImageError) as caught:
        images.decode(make(), ImageSettings(), "test")
    assert words in str(caught.value)
    assert caught.value.code == ("unreadable" if "TIFF" in str(caught.value) or "camera" in words else "not_an_image")
