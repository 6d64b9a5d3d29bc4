"""Every kind of file becomes upright RGB, or is refused with the right reason, whatever its bytes."""

from __future__ import annotations

import hashlib
import io
import random
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import features

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import REFUSALS, ImageError
from simsearch.core.formats import flatten, heif
from simsearch.core.types import Image, Photo, Pixels

# Pillow warns of odd metadata. The command line drops these warnings; a test run would make them errors.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

DEFAULTS = ImageSettings()
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
HEIGHT, WIDTH = 48, 72


def quarters() -> NDArray[np.uint8]:
    """Red and green above, blue and white below: tells every orientation from every other."""
    corners = np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8)
    return np.asarray(np.kron(corners, np.ones((HEIGHT // 2, WIDTH // 2, 1))), np.uint8)


def smooth(seed: int = 0, height: int = 96, width: int = 128) -> NDArray[np.uint8]:
    values = np.random.default_rng(seed).integers(0, 256, (9, 12, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def encoded(picture: Pillow.Image | NDArray[Any], kind: str, **options: Any) -> bytes:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    stream = io.BytesIO()
    (picture if isinstance(picture, Pillow.Image) else Pillow.fromarray(picture)).save(stream, kind, **options)
    return stream.getvalue()


def decoded(data: bytes, **settings: int) -> Image:
    return images.decode(data, ImageSettings(**settings), "test")


def picture_or_code(data: bytes, **settings: int) -> Image | str:
    """What decoding gives, or the code of the refusal; any other exception fails the test."""
    try:
        return decoded(data, **settings)
    except ImageError as error:
        return error.code


def refused(data: bytes, **settings: int) -> str:
    with pytest.raises(ImageError) as caught:
        decoded(data, **settings)
    assert str(caught.value).startswith("test: ")
    assert "\n" not in str(caught.value)
    return caught.value.code


def assert_quarters(image: Image, tolerance: int = 12) -> None:
    assert image.pixels.shape == (HEIGHT, WIDTH, 3)
    assert image.pixels.dtype == np.uint8
    assert image.pixels.flags.c_contiguous
    assert (image.width, image.height) == (WIDTH, HEIGHT)
    # Away from the seams, where lossy formats bleed.
    inner = [(slice(y + 4, y + 20), slice(x + 4, x + 32)) for y in (0, HEIGHT // 2) for x in (0, WIDTH // 2)]
    for (rows, columns), colour in zip(inner, (RED, GREEN, BLUE, WHITE), strict=True):
        assert np.abs(image.pixels[rows, columns].astype(int) - colour).max() <= tolerance


FINE: dict[str, Any] = {"quality": 95, "subsampling": 0}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg": ("JPEG", FINE),
    "progressive jpeg": ("JPEG", FINE | {"progressive": True}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {"quality": 95}),
    "lossless webp": ("WEBP", {"lossless": True}),
    "bmp": ("BMP", {}),
    "dib": ("DIB", {}),
    "tiff": ("TIFF", {}),
    "lzw tiff": ("TIFF", {"compression": "tiff_lzw"}),
    "deflate tiff": ("TIFF", {"compression": "tiff_deflate"}),
    "gif": ("GIF", {}),
    "jpeg 2000": ("JPEG2000", {}),
    "ppm": ("PPM", {}),
    "avif": ("AVIF", {"quality": 95, "subsampling": "4:4:4"}),
    "heic": ("HEIF", {"quality": 95, "chroma": 444}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read(kind: str) -> None:
    name, options = KINDS[kind]
    assert_quarters(decoded(encoded(quarters(), name, **options)))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_of_an_animation_the_first_frame_counts(kind: str) -> None:
    others = [Pillow.fromarray(255 - quarters()), Pillow.new("RGB", (WIDTH, HEIGHT), "black")]
    exact: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "AVIF": KINDS["avif"][1]}
    options = exact.get(kind, {})
    assert_quarters(decoded(encoded(quarters(), kind, save_all=True, append_images=others, **options)))


def transparent() -> Pillow.Image:
    """The quarters, where the white one is black below nothing."""
    values = np.dstack([quarters(), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    values[HEIGHT // 2 :, WIDTH // 2 :] = (0, 0, 0, 0)
    return Pillow.fromarray(values)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_transparency_is_laid_on_white(kind: str) -> None:
    best: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100}, "HEIF": {"quality": 100}}
    options = best.get(kind, {})
    assert_quarters(decoded(encoded(transparent(), kind, **options)), tolerance=20)


def test_half_transparency_is_half_white() -> None:
    values = np.full((8, 8, 4), (200, 0, 0, 128), np.uint8)
    assert decoded(encoded(values, "PNG")).pixels[4, 4].tolist() == pytest.approx([227, 127, 127], abs=1)


def test_palette() -> None:
    picture = Pillow.fromarray(quarters()).convert("P", palette=Pillow.Palette.ADAPTIVE, colors=4)
    for kind in ("PNG", "GIF", "BMP", "TIFF"):
        assert_quarters(decoded(encoded(picture, kind)))


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
@pytest.mark.parametrize("partly", [False, True])
def test_palette_with_transparency(kind: str, partly: bool) -> None:
    indices = np.kron(np.arange(4).reshape(2, 2), np.ones((HEIGHT // 2, WIDTH // 2))).astype(np.uint8)
    picture = Pillow.frombytes("P", (WIDTH, HEIGHT), indices.tobytes())
    picture.putpalette([*RED, *GREEN, *BLUE, 0, 0, 0])
    transparency: Any = bytes([255, 255, 255, 0]) if partly and kind == "PNG" else 3
    assert_quarters(decoded(encoded(picture, kind, transparency=transparency)))


def test_grey_with_alpha() -> None:
    values = np.zeros((6, 4, 2), np.uint8)
    values[:3] = (80, 255)
    bands = [Pillow.fromarray(np.ascontiguousarray(values[..., i])) for i in range(2)]
    found = decoded(encoded(Pillow.merge("LA", bands), "PNG"))
    assert found.pixels[0, 0].tolist() == [80, 80, 80]
    assert found.pixels[5, 3].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_one_colour_said_to_be_transparent(mode: str) -> None:
    picture = Pillow.new(mode, (5, 5), 0)
    key: Any = (0, 0, 0) if mode == "RGB" else 0
    assert decoded(encoded(picture, "PNG", transparency=key)).pixels.min() == 255


def test_cmyk_jpeg() -> None:
    assert_quarters(decoded(encoded(Pillow.fromarray(quarters()).convert("CMYK"), "JPEG", **FINE)))


def test_grey_jpeg_and_ycbcr_tiff() -> None:
    grey = decoded(encoded(np.full((9, 9), 77, np.uint8), "JPEG"))
    assert grey.pixels.shape == (9, 9, 3)
    assert np.abs(grey.pixels.astype(int) - 77).max() <= 1
    assert_quarters(decoded(encoded(Pillow.fromarray(quarters()).convert("YCbCr"), "TIFF")))


def test_one_bit() -> None:
    values = np.indices((10, 12)).sum(axis=0) % 2 == 0
    for kind in ("PNG", "TIFF", "BMP"):
        assert np.array_equal(decoded(encoded(values, kind)).pixels[..., 1], values * 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(("value", "wanted"), [(0, 0), (200, 1), (257 * 100, 100), (65535, 255)])
def test_16_bit_grey_keeps_its_brightness(kind: str, value: int, wanted: int) -> None:
    found = decoded(encoded(np.full((7, 9), value, np.uint16), kind))
    assert found.pixels.shape == (7, 9, 3)
    assert np.unique(found.pixels).tolist() == [wanted]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def test_16_bit_colour_png() -> None:
    pixel = struct.pack(">HHH", 257 * 10, 257 * 130, 257 * 250)
    assert np.unique(decoded(png(4, 3, 16, 2, (b"\0" + pixel * 4) * 3)).pixels).tolist() == [10, 130, 250]


def test_16_bit_png_with_alpha() -> None:
    pixel = struct.pack(">HH", 257 * 90, 65535)
    assert np.unique(decoded(png(4, 3, 16, 4, (b"\0" + pixel * 4) * 3)).pixels).tolist() == [90]


def test_16_bit_colour_tiff() -> None:
    values = np.full((5, 6, 3), 257, np.uint16) * np.array([10, 130, 250], np.uint16)
    done, data = cv2.imencode(".tiff", values[..., ::-1].copy(), [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    assert done
    assert decoded(data.tobytes()).pixels[2, 2].tolist() == [10, 130, 250]


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0, 3e7])
def test_float_tiff(white: float) -> None:
    values = np.linspace(0, white, 64, dtype=np.float32).reshape(8, 8)
    found = decoded(encoded(values, "TIFF")).pixels[..., 0]
    assert np.abs(found - values / white * 255).max() <= 0.51


def test_float_tiff_with_what_is_no_number() -> None:
    values = np.full((4, 4), 0.5, np.float32)
    values[0] = np.nan, np.inf, -np.inf, -3.0
    assert decoded(encoded(values, "TIFF")).pixels[:2, :, 0].tolist() == [[0, 255, 0, 0], [128, 128, 128, 128]]


def test_32_bit_whole_numbers() -> None:
    values = np.array([[0, 50, 255, 100]], np.int32)
    assert decoded(encoded(values, "TIFF")).pixels[0, :, 0].tolist() == [0, 50, 255, 100]
    assert decoded(encoded(values * 257, "TIFF")).pixels[0, :, 0].tolist() == [0, 50, 255, 100]


STORED: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}
"""How a camera that writes this EXIF orientation stores an upright picture."""


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(kind: str, orientation: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(STORED[orientation](quarters()))
    options: dict[str, Any] = {"exif": exif.tobytes()}
    if kind == "TIFF":
        options = {"tiffinfo": {0x0112: orientation}}
    elif kind in ("JPEG", "WEBP", "AVIF", "HEIF"):
        options |= {"quality": 95} | ({"subsampling": 0} if kind == "JPEG" else {})
    assert_quarters(decoded(encoded(stored, kind, **options)), tolerance=40)


def test_exif_of_a_nearly_square_photo_shrunk_while_decoding() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    found = decoded(encoded(np.zeros((2000, 1999), np.uint8), "JPEG", exif=exif))
    assert (found.width, found.height) == (2000, 1999)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0nonsense",
        b"Exif\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06",
        b"Exif\0\0II*\0\xff\xff\xff\xff\1\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0\0\0\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x02ab\0\0\0\0\0\0",
    ],
    ids="nonsense empty cut far out-of-range text".split(),
)
def test_a_damaged_exif_block_does_not_spoil_the_picture(exif: bytes) -> None:
    assert_quarters(decoded(encoded(quarters(), "JPEG", exif=exif, **FINE)))


def test_size_is_brought_down_and_never_up() -> None:
    large = decoded(encoded(smooth(1, 300, 1000), "PNG"))
    assert large.pixels.shape == (192, 640, 3)
    assert (large.width, large.height) == (1000, 300)
    assert decoded(encoded(smooth(1, 300, 1000), "PNG"), working_size=100).pixels.shape == (30, 100, 3)
    assert decoded(encoded(smooth(1, 30, 20), "PNG")).pixels.shape == (30, 20, 3)
    assert decoded(encoded(smooth(1, 640, 640), "PNG")).pixels.shape == (640, 640, 3)
    assert decoded(encoded(np.zeros((2, 3000), np.uint8), "PNG")).pixels.shape == (1, 640, 3)


@pytest.mark.parametrize("shape", [(3000, 4000), (1700, 2600), (400, 6000), (1279, 1281)])
def test_a_large_jpeg_is_decoded_at_reduced_scale(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """As good as decoded in full and then scaled, but from far fewer pixels."""
    picture = smooth(2, *shape)
    seen: list[tuple[int, int]] = []
    shrunk = flatten.shrunk

    def noting(pixels: Pixels, side: int) -> Pixels:
        seen.append((pixels.shape[0], pixels.shape[1]))
        return shrunk(pixels, side)

    monkeypatch.setattr(flatten, "shrunk", noting)
    found = decoded(encoded(picture, "JPEG", quality=92))
    assert (found.height, found.width) == shape
    assert max(found.pixels.shape) == 640
    assert 640 <= max(seen[0]) < max(1300, max(shape) / 4)
    expected = cv2.resize(picture, found.pixels.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(found.pixels.astype(int) - expected).mean() < 3


def test_resized_keeps_the_shape_and_never_vanishes() -> None:
    assert images.resized(np.zeros((1000, 500), np.uint8), 512).shape == (512, 256)
    assert images.resized(np.zeros((10, 20, 3), np.uint8), 512).shape == (256, 512, 3)
    assert images.resized(np.zeros((1, 640), np.uint8), 64).shape == (1, 64)


def test_shrunk_never_enlarges() -> None:
    assert images.shrunk(np.zeros((100, 50, 3), np.uint8), 20).shape == (20, 10, 3)
    small = np.zeros((10, 20, 3), np.uint8)
    assert images.shrunk(small, 20) is small
    assert images.shrunk(np.zeros((1, 500, 3), np.uint8), 20).shape == (1, 20, 3)


def test_a_photo_is_called_by_its_name() -> None:
    data = encoded(quarters(), "PNG")
    found = [images.load_or_error(photo, DEFAULTS) for photo in (Photo("/etc/passwd", data), data)]
    assert [image.name for image in found if isinstance(image, Image)] == ["/etc/passwd", "-"]
    broken = images.load_or_error(Photo("upload 7.png", b"text"), DEFAULTS)
    assert str(broken).startswith("upload 7.png: ")
    assert "text" not in repr(Photo("upload 7.png", b"text"))


def test_reading_photos_leaves_the_filters_of_warnings_alone() -> None:
    code = """
import sys, warnings
import cv2, numpy, PIL.Image
before = list(warnings.filters)
from simsearch.core import images
from simsearch.core.config import ImageSettings
images.decode(sys.stdin.buffer.read(), ImageSettings())
assert warnings.filters == before
"""
    root = Path(images.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], input=encoded(quarters(), "PNG"), check=True, cwd=root)


def test_hash_is_of_the_file() -> None:
    data = encoded(quarters(), "PNG")
    assert decoded(data).sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", ["photo.jpg", "Φωτό με κενά 药盒 💊.png", "no ending", "x" * 200])
def test_load_takes_any_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(encoded(quarters(), "PNG"))
    found = images.load(path, DEFAULTS)
    assert_quarters(found)
    assert found.name == str(path)


@pytest.mark.parametrize(
    "name", ["nothing.jpg", "", "x" * 5000, "null\0byte.jpg", "half \udc80 name.jpg", "file/in.jpg"]
)
def test_what_cannot_be_opened_is_missing(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(ImageError) as caught:  # "" is the folder itself
        images.load(tmp_path / name, DEFAULTS)
    assert caught.value.code == "missing"


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9z"/></svg>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"


WAVE = b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 80


@pytest.mark.parametrize(
    "data", [b"sku,image\n1,a.jpg\n", SVG, EPS, WAVE, b"%PDF-1.7\n", b"\0" * 500, b"a", b"\xff\xd8"]
)
def test_what_is_no_image(data: bytes) -> None:
    assert refused(data) == "not_an_image"


def test_noise_is_no_image() -> None:
    for seed in range(30):
        assert refused(np.random.default_rng(seed).bytes(3000)) == "not_an_image"


def test_formats_that_nobody_asked_for_are_not_read() -> None:
    for kind in ("TGA", "PCX", "ICO", "SGI", "EPS"):
        assert refused(encoded(quarters(), kind)) == "not_an_image"


def test_empty_file() -> None:
    assert refused(b"") == "zero_size"


def test_no_width() -> None:
    assert refused(png(0, 5, 8, 0, b"")) in ("zero_size", "unreadable")
    assert refused(b"P6 0 5 255\n") in ("zero_size", "not_an_image")


def test_too_many_bytes(tmp_path: Path) -> None:
    data = encoded(smooth(), "PNG")
    assert refused(data, max_bytes=len(data) - 1) == "too_large"
    assert decoded(data, max_bytes=len(data)).width == 128
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ImageError) as caught:
        images.load(tmp_path / "a.png", ImageSettings(max_bytes=len(data) - 1))
    assert caught.value.code == "too_large"


def test_too_many_pixels() -> None:
    assert refused(png(60_000, 60_000, 8, 2, b"")) == "too_large"
    assert refused(png(12_000, 12_000, 8, 2, b"")) == "too_large"  # Pillow would only warn
    assert refused(encoded(smooth(), "PNG"), max_pixels=96 * 128 - 1) == "too_large"
    assert decoded(encoded(smooth(), "PNG"), max_pixels=96 * 128).width == 128


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    side = 20_000
    body = zlib.compressobj(9)
    packed = b"".join(body.compress(bytes(side // 8 + 1)) for _ in range(side)) + body.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    assert len(data) < 60_000
    assert refused(data) == "too_large"


def samples() -> dict[str, bytes]:
    """A small valid file of each kind."""
    picture, other = smooth(3), Pillow.fromarray(smooth(4))
    found = {}
    for kind, (name, options) in KINDS.items():
        if (name != "AVIF" or features.check("avif")) and (name != "HEIF" or heif.available()):
            found[kind] = encoded(picture, name, **options)
    animated: dict[str, Any] = {"save_all": True, "append_images": [other]}
    found |= {f"animated {kind}": encoded(picture, kind, **animated) for kind in ("GIF", "PNG", "WEBP")}
    found["palette png"] = encoded(Pillow.fromarray(picture).quantize(16), "PNG")
    return found


SAMPLES = samples()
ENDS_EARLY = {"truncated", "unreadable", "not_an_image"}


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_cut_file_is_never_taken_for_a_whole_one(kind: str) -> None:
    data = SAMPLES[kind]
    whole = decoded(data).pixels
    cuts = {*range(1, 70), *range(70, len(data), max(1, len(data) // 40)), *range(len(data) - 25, len(data))}
    found = {cut: picture_or_code(data[:cut]) for cut in sorted(cuts)}
    codes = [result for result in found.values() if isinstance(result, str)]
    # What misses only what follows the (first) picture is whole.
    assert all(np.array_equal(result.pixels, whole) for result in found.values() if isinstance(result, Image))
    assert set(codes) <= ENDS_EARLY
    assert len(codes) >= 80


@pytest.mark.parametrize(
    "kind", ["jpeg", "progressive jpeg", "png", "webp", "bmp", "tiff", "gif", "avif", "heic", "ppm"]
)
@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_a_cut_file_is_called_truncated(kind: str, share: float) -> None:
    data = SAMPLES.get(kind) or pytest.skip(f"no {kind} here")
    assert refused(data[: int(len(data) * share)]) == "truncated"


@pytest.mark.parametrize("kind", ["png", "palette png", "animated PNG"])
def test_damage_that_a_checksum_shows_is_refused(kind: str) -> None:
    data = SAMPLES[kind]
    whole = decoded(data).pixels
    middle = data.index(b"IDAT") + 30
    for at in range(middle, middle + 400, 10):
        broken = bytearray(data)
        broken[at] ^= 0x55
        found = picture_or_code(bytes(broken))
        intact = isinstance(found, Image) and np.array_equal(found.pixels, whole)
        assert intact or found in ("unreadable", "truncated"), at


def test_a_wrong_checksum_in_a_png_header_is_refused() -> None:
    data = bytearray(SAMPLES["png"])
    data[29] ^= 0xFF
    assert refused(bytes(data)) == "unreadable"


@pytest.mark.parametrize("kind", SAMPLES)
def test_any_damage_gives_a_picture_or_a_reason(kind: str) -> None:
    data, chance = SAMPLES[kind], random.Random(kind)
    slowest = 0.0
    for _ in range(500):
        broken = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 8))):
            reach = len(broken) if chance.random() < 0.5 else min(len(broken), 300)
            broken[chance.randrange(reach)] = chance.randrange(256)
        if chance.random() < 0.2:
            del broken[chance.randrange(1, len(broken)) :]
        began = time.perf_counter()
        found = picture_or_code(bytes(broken), max_pixels=4_000_000)
        if isinstance(found, str):
            assert found in REFUSALS
        else:
            assert found.pixels.shape[2] == 3
            assert max(found.pixels.shape) <= DEFAULTS.working_size
        slowest = max(slowest, time.perf_counter() - began)
    assert slowest < 5


# -- the larger picture, for reading ---------------------------------------------------------------------------------


def test_sharp_is_the_photo_at_the_size_for_reading() -> None:
    picture = smooth(3, 1000, 3000)
    image = decoded(encoded(picture, "PNG"))
    assert (image.pixels.shape, image.sharp.shape) == ((213, 640, 3), (667, 2000, 3))
    assert np.array_equal(image.sharp, flatten.resized(picture, 2000))
    assert image.sharp is image.sharp  # decoded once
    assert np.array_equal(image.sharp_grey, cv2.cvtColor(image.sharp, cv2.COLOR_RGB2GRAY))
    assert np.array_equal(image.pixels, flatten.resized(picture, 640))


@pytest.mark.parametrize("size", [640, 641, 1999])
def test_sharp_is_never_enlarged(size: int) -> None:
    picture = smooth(4, 300, size)
    image = decoded(encoded(picture, "PNG"))
    assert np.array_equal(image.sharp, picture)
    assert (image.sharp is image.pixels) is (size == 640)


def test_sharp_is_never_smaller_than_pixels() -> None:
    image = decoded(encoded(smooth(5, 300, 1200), "PNG"), working_size=1000, reading_size=700)
    assert max(image.pixels.shape) == max(image.sharp.shape) == 1000


def test_sharp_is_upright_and_in_the_same_colours() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    large = np.asarray(np.kron(quarters(), np.ones((20, 20, 1), np.uint8)), np.uint8)
    data = encoded(large, "JPEG", exif=exif, quality=95)
    image = decoded(data)
    assert image.sharp.shape == (WIDTH * 20, HEIGHT * 20, 3)
    shown = flatten.resized(image.sharp, 640).astype(int)
    assert np.abs(shown - image.pixels)[10:310].mean() < 1  # above the edge between the colours
    assert np.array_equal(images.decode_sharp(data, DEFAULTS).pixels, image.sharp)


def test_an_image_that_kept_no_bytes_is_as_sharp_as_it_is() -> None:
    image = images.decode(encoded(smooth(6, 900, 900), "PNG"), DEFAULTS, keep=False)
    assert image.larger is None
    assert image.sharp is image.pixels
    assert image.sharp_grey is image.grey


def test_what_is_decodable_only_at_a_smaller_scale_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """A JPEG of 4 times max_pixels is decoded at half its size or less; at full size it is refused by name."""
    image = decoded(encoded(smooth(7, 1000, 1500), "JPEG"), max_pixels=500_000)
    assert max(image.pixels.shape) == 640
    for _ in range(2):
        with pytest.raises(ImageError, match="test: 1500 x 1000 pixels are more than") as caught:
            _ = image.sharp
        assert caught.value.code == "too_large"
    scarce = decoded(encoded(smooth(8, 1000, 1500), "JPEG"))

    def no_memory(*_: Any) -> Any:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(images, "_heard", no_memory)
        with pytest.raises(ImageError, match="does not fit into memory"):
            _ = scarce.sharp
    assert scarce.sharp.shape == (1000, 1500, 3)  # there is memory again


def test_many_threads_ask_for_one_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    image = decoded(encoded(smooth(9, 1000, 1500), "JPEG"))
    calls = counted_decodes(monkeypatch)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: image.sharp, range(32)))
    assert calls == [(2000,)]
    assert all(one is found[0] for one in found)


def counted_decodes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The sides that each decode from now on is asked for."""
    calls: list[tuple[int, ...]] = []
    real = images._heard

    def counted(data: bytes, settings: ImageSettings, sides: Sequence[int], whole: bool) -> Any:
        calls.append(tuple(sides))
        return real(data, settings, sides, whole)

    monkeypatch.setattr(images, "_heard", counted)
    return calls


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "HEIF", "JPEG2000", "AVIF"])
@pytest.mark.parametrize("size", [(900, 1500), (700, 701), (2500, 1400)])
def test_one_decode_gives_both_pictures(kind: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    if (kind == "AVIF" and not features.check("avif")) or (kind == "HEIF" and not heif.available()):
        pytest.skip("not built in")
    data = encoded(smooth(11, *size), kind)
    calls = counted_decodes(monkeypatch)
    image = decoded(data)
    sharp = image.sharp
    assert calls == [(640, 2000)]
    assert max(sharp.shape) == min(2000, max(size))
    assert np.array_equal(sharp, images.decode_sharp(data, DEFAULTS).pixels)
    assert np.array_equal(image.pixels, images.decode(data, DEFAULTS, keep=False).pixels)


@pytest.mark.parametrize(("size", "decodes"), [((900, 1279), 1), ((900, 1280), 2), ((3000, 4000), 2)])
def test_pixels_of_a_jpeg_do_not_depend_on_reading(
    size: tuple[int, int], decodes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is decoded once more only where the working picture comes from a reduced scale."""
    data = encoded(smooth(12, *size), "JPEG", quality=90)
    alone = images.decode(data, DEFAULTS, keep=False).pixels
    calls = counted_decodes(monkeypatch)
    image = decoded(data)
    assert np.array_equal(image.pixels, alone)
    sharp = image.sharp
    assert len(calls) == decodes
    assert np.array_equal(image.pixels, alone)
    assert np.array_equal(sharp, images.decode_sharp(data, DEFAULTS).pixels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_cut_outs_are_of_the_originals_own_pixels(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = smooth(height=2400, width=3200)
    image = images.decode(encoded(picture, kind, **({"quality": 100} if kind == "JPEG" else {})), DEFAULTS)
    decodes = counted_decodes(monkeypatch)
    left, right = image.cut_outs([(0.0, 0.0, 0.5, 0.5), (0.5, 0.25, 0.75, 1.0)])
    assert len(decodes) == 1
    assert (left.shape, right.shape) == ((1200, 1600, 3), (1800, 800, 3))
    assert np.abs(left.astype(int) - picture[:1200, :1600]).mean() < 2
    assert np.abs(right.astype(int) - picture[600:, 1600:2400]).mean() < 2


def test_a_large_cut_out_is_brought_down_to_the_size_for_reading() -> None:
    image = images.decode(encoded(smooth(height=2000, width=4000), "JPEG"), DEFAULTS)
    assert [cut.shape for cut in image.cut_outs([(0.0, 0.0, 1.0, 1.0), (0.25, 0.0, 1.0, 1.0)])] == [
        (1000, 2000, 3),
        (1333, 2000, 3),
    ]


def test_cut_outs_of_a_photo_that_has_no_more_pixels_are_those_of_sharp() -> None:
    picture = smooth(height=300, width=900)
    image = images.decode(encoded(picture, "PNG"), DEFAULTS)
    [cut] = image.cut_outs([(0.1, 0.5, 0.30005, 0.9999)])
    assert np.array_equal(cut, picture[150:, 90:271])
    assert not np.shares_memory(cut, image.sharp)
    assert image.cut_outs([(1.0, 1.0, 1.0, 1.0)])[0].shape == (1, 1, 3)  # never nothing


def test_cut_outs_of_a_jpeg_that_is_too_large_for_a_whole_decode_are_of_half_its_size() -> None:
    data = encoded(smooth(height=1500, width=2200), "JPEG")
    image = images.decode(data, ImageSettings(reading_size=1000, max_pixels=1_000_000))
    assert image.cut_outs([(0.0, 0.0, 0.2, 0.2)])[0].shape == (150, 220, 3)


def test_a_file_that_was_accepted_is_decoded_as_before(tmp_path: Path) -> None:
    settings = ImageSettings(working_size=64)
    noise = np.random.default_rng(0).integers(0, 256, (150, 200, 3), np.uint8)
    plain, turned = tmp_path / "plain.jpg", tmp_path / "turned.jpg"
    plain.write_bytes(encoded(noise, "JPEG"))
    exif = Pillow.Exif()
    exif[0x0112] = 6
    turned.write_bytes(encoded(noise, "JPEG", exif=exif))
    drawn = tmp_path / "drawn.png"
    drawn.write_bytes(encoded(noise, "PNG"))
    for path in (plain, turned, drawn):
        known = images.load(path, settings, keep=False)
        found = images.load_accepted(path, settings, known.sha256)
        assert found is not None
        assert np.array_equal(images.resized(found, 64), known.pixels)
        assert images.load_accepted(path, settings, "0" * 64) is None
