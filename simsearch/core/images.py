"""A file's bytes become one upright RGB array, or a named reason why not. The only place that decodes.

Reads JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000 and PPM, and HEIC where the extra `heif` is installed. All
functions may be called from several threads at once.

Pillow warns of odd metadata in photos that it reads all the same. These warnings are left to the process: a filter
would be the whole process's, and no way to set one for the calling thread is safe before Python 3.14. The command line,
whose process is its own, silences them (`cli.context`).
"""

from __future__ import annotations

import hashlib
import io
import math
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, UnidentifiedImageError
from PIL import Image as Pillow

from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError
from simsearch.core.types import Image, Photo, PhotoLike, Pixels

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .gif .bmp .dib .tif .tiff .avif .heic .heif .hif .jp2 .ppm .pgm .pnm".split()
)
"""Endings of the files that count as photos when a folder is scanned. A table may name files with any ending."""

_READ = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "JPEG2000", "PPM")
"""Pillow's names. Others are left out: EPS would start Ghostscript, and TGA and PCX accept files that are no images."""

_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_ENDS_EARLY = ("truncated", "unexpected end", "not enough", "premature", "end of file")

_TURNS = {  # EXIF orientation -> how to make it upright; from 5 on, width and height change places
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}


@cache
def _formats() -> bool:
    """Register HEIC with Pillow, once; whether that was possible."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def load(path: Path, settings: ImageSettings) -> Image:
    """The photo in `path`.

    Raises:
        ImageError: it cannot be read or decoded; `code` says why.
    """
    return decode(read(path, settings), settings, str(path))


def load_or_error(photo: PhotoLike, settings: ImageSettings) -> Image | ImageError:
    """The photo, or why it cannot be read. Its name is its path; "-" where there are only bytes."""
    try:
        if isinstance(photo, Photo):
            return decode(photo.data, settings, photo.name)
        return decode(photo, settings, "-") if isinstance(photo, bytes) else load(Path(photo), settings)
    except ImageError as error:
        return error


def read(path: Path, settings: ImageSettings) -> bytes:
    """The bytes of `path`, at most one more than `settings.max_bytes`, so that :func:`decode` refuses a larger file.

    Raises:
        ImageError: "missing": the file cannot be read.
    """
    try:
        if not (path.is_file() or path.is_dir()) and path.exists():
            raise ImageError("missing", f"{path}: is no file but a device or pipe")  # reading might never end
        with path.open("rb") as stream:
            return stream.read(settings.max_bytes + 1)
    except IsADirectoryError:
        raise ImageError("missing", f"{path}: is a folder, not a photo") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError("missing", f"{path}: cannot be read ({reason})") from None


def decode(data: bytes, settings: ImageSettings, name: str = "<bytes>", sha256: str = "") -> Image:
    """The photo in `data`.

    Args:
        data: content of an image file.
        settings: limits, and the side in pixels that the photo is brought down to.
        name: of the photo, for messages and records.
        sha256: of `data`, where the caller knows it already.

    Raises:
        ImageError: it cannot be decoded; `code` says why.
    """
    if not data:
        raise ImageError("zero_size", f"{name}: the file is empty")
    if len(data) > settings.max_bytes:
        raise ImageError("too_large", f"{name}: has more than {settings.max_bytes} bytes (images.max_bytes)")
    formats = (*_READ, "HEIF") if _formats() else _READ
    try:
        with Pillow.open(io.BytesIO(data), formats=formats) as opened:
            upright, width, height = _upright(opened, settings, name)
            pixels = _rgb(upright)
    except ImageError:
        raise
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):  # the latter where warnings are errors
        limit = f"{settings.max_pixels} (images.max_pixels)"
        raise ImageError("too_large", f"{name}: has far more pixels than {limit}") from None
    except UnidentifiedImageError:
        raise _unidentified(data, name) from None
    except MemoryError:
        raise ImageError("too_large", f"{name}: does not fit into memory") from None
    except Exception as error:  # on damaged data decoders raise whatever they stumble over
        raise _damaged(data, name, error) from error
    digest = sha256 or hashlib.sha256(data).hexdigest()
    return Image(np.ascontiguousarray(shrunk(pixels, settings.working_size)), digest, width, height, name)


def resized(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Grey (h, w) or RGB (h, w, 3) scaled to `side` pixels on the longer side; the aspect is kept.

    Down by area averaging, up bilinearly. Descriptors depend on both: whoever changes them raises the versions in the
    fingerprints of the methods.
    """
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), dtype=np.uint8)


def shrunk(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """As :func:`resized`, but only down: `pixels` themselves where they are small enough."""
    return pixels if max(pixels.shape[:2]) <= side else resized(pixels, side)


def _upright(opened: Pillow.Image, settings: ImageSettings, name: str) -> tuple[Pillow.Image, int, int]:
    width, height = opened.size
    if width < 1 or height < 1:
        raise ImageError("zero_size", f"{name}: the picture is {width} x {height} pixels")
    if width * height > settings.max_pixels:
        raise ImageError(
            "too_large", f"{name}: {width} x {height} pixels are more than {settings.max_pixels} (images.max_pixels)"
        )
    # A JPEG can be decoded without its fine detail, at 1/2, 1/4 or 1/8 of its size. The result is never smaller than
    # asked for.
    scale = settings.working_size / max(width, height)
    opened.draft(None, (math.ceil(width * scale), math.ceil(height * scale)))
    opened.seek(0)
    opened.load()
    orientation = _orientation(opened)
    turn = _TURNS.get(orientation)
    upright = opened if turn is None else opened.transpose(turn)
    return (upright, height, width) if turn is not None and orientation >= 5 else (upright, width, height)


def _orientation(opened: Pillow.Image) -> int:
    """1 to 8; 1 is upright. Call it after loading: PNG may keep it behind the pixels, TIFF is turned while loading."""
    try:
        value = opened.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a damaged EXIF block does not spoil the picture
        return 1
    return value if isinstance(value, int) else 1


def _rgb(image: Pillow.Image) -> Pixels:
    """An image of any Pillow mode as RGB; transparent pixels are laid on white."""
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I", "F"):
        return _deep(np.asarray(image))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Pillow.new("RGBA", image.size, "white")
        image = Pillow.alpha_composite(white, image)
    return np.asarray(image.convert("RGB"), dtype=np.uint8)


def _deep(values: NDArray[Any]) -> Pixels:
    """Grey of more than 8 bits as RGB of 8 bits. In 16 bits 65,535 is white.

    32-bit and float files do not say which value is white. It is taken to be the first of 1 (floats only), 255 and
    65,535 that no pixel exceeds, else the largest value.
    """
    x = values.astype(np.float32)
    if values.dtype.itemsize == 2:
        top = 65535.0
    else:
        most = float(x[np.isfinite(x)].max(initial=0.0))
        usual = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
        top = next((white for white in usual if most <= white), most)
    x = np.nan_to_num(x, nan=0.0, posinf=top, neginf=0.0)
    grey = np.clip(x / top * 255.0, 0, 255).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _unidentified(data: bytes, name: str) -> ImageError:
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS and not _formats():
        return ImageError("unreadable", f"{name}: is a HEIC photo; install the extra: pip install 'simsearch[heif]'")
    if _short(data):
        return ImageError("truncated", f"{name}: ends before the picture does")
    if data.startswith(_STARTS):
        return ImageError("unreadable", f"{name}: begins like an image, but its header is damaged")
    return ImageError("not_an_image", f"{name}: is not an image of a kind that simsearch reads")


def _damaged(data: bytes, name: str, error: Exception) -> ImageError:
    text = str(error).lower()
    if isinstance(error, EOFError) or any(t in text for t in _ENDS_EARLY) or _short(data):
        return ImageError("truncated", f"{name}: the file ends before the picture does")
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return ImageError("unreadable", f"{name}: the image data is damaged ({reason})")


def _short(data: bytes) -> bool:
    """Whether a file with a known start is shorter than its header says, or hardly longer than that start."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return len(data) < int.from_bytes(data[4:8], "little") + 8
    if data[4:8] == b"ftyp" and data[8:12] in (*_HEIF_BRANDS, b"avif", b"avis"):
        return _boxes_end(data) > len(data)
    if data[:4] in (b"II*\0", b"MM\0*"):
        # The directory is often the last thing in the file.
        directory = int.from_bytes(data[4:8], "little" if data[:1] == b"I" else "big")
        return directory >= len(data) or len(data) < 64
    return len(data) < 64 and data.startswith((*_STARTS, b"RIFF"))


def _boxes_end(data: bytes) -> int:
    """Where the last top-level box of an ISO media file (HEIC, AVIF) ends, as its header says."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:  # then the size is a 64-bit number behind the name
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:  # 0: up to the end of the file
            return len(data)
        at += size
    return at if at >= len(data) else len(data) + 1
