"""Bytes become a picture that Pillow can decode: of the right kind, the right page or frame, within the limits.

`Pillow.open` is passed by: it checks the size by a limit of the whole process, and does not say why it read no kind.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

from PIL import (  # each import registers a kind
    AvifImagePlugin,  # noqa: F401
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Jpeg2KImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    PpmImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)
from PIL import Image as Pillow
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from simsearch.core.config import ImageSettings
from simsearch.core.formats import Unfit, colour, heif, jpeg, kinds, png, tiff, webp

_READ = ("PNG", "WEBP", "GIF", "BMP", "DIB", "AVIF", "JPEG2000", "PPM")
"""Pillow's names, beside JPEG and TIFF. EPS would start Ghostscript, TGA and PCX accept files that are no images."""
_LOOSE = ("BMP", "DIB", "PPM")
"""Kinds known by 2 to 4 bytes, with which other files may begin."""

_AT_REDUCED_SCALE = 4
"""A JPEG may have so many times `images.max_pixels`, as it is decoded at 1/2 of its size at most. Half as many where
libjpeg must hold the coefficients of the whole picture: they take as much memory as half of its pixels."""


@dataclass(frozen=True)
class Picture:
    """A picture before it is decoded."""

    opened: ImageFile
    data: bytes
    """The file, as its decoder gets it."""
    profile: bytes
    """ICC profile of its colours; empty for sRGB."""
    page: tiff.Page | None = None
    """Where the file is a TIFF."""


def picture(data: bytes) -> Picture:
    """The picture that a viewer shows first.

    Raises:
        Unfit: it is of a kind that is not read; the text names the kind.
        SyntaxError: it begins like an image of a kind that is read, but its header is damaged.
    """
    if data.startswith(b"\xff\xd8\xff"):
        opened: ImageFile = JpegImageFile(io.BytesIO(data), "")  # of several (MPO) the first
        return Picture(opened, data, _profile(opened))
    if data.startswith(kinds.TIFF_STARTS):
        opened, page = tiff.opened(data)
        return Picture(opened, data, _profile(opened), page)
    if data.startswith(png.SIGNATURE):
        data, profile = png.without_extras(data)
        return Picture(_opened(data), data, profile)
    if data[:4] == b"RIFF":
        data = webp.with_true_length(data)
    opened = _opened(data)
    return Picture(opened, data, _profile(opened) or (colour.in_boxes(data) if data[4:8] == b"ftyp" else b""))


def _opened(data: bytes) -> ImageFile:
    damage: SyntaxError | None = None
    for kind in (*_READ, "HEIF") if heif.available() else _READ:
        factory, accepts = Pillow.OPEN[kind]
        if accepts is None or accepts(data[:16].ljust(16)) is not True:  # a text: Pillow was built without the kind
            continue
        try:
            return heif.opened(data) if kind == "HEIF" else factory(io.BytesIO(data), "")
        except SyntaxError as error:
            damage = damage or (None if kind in _LOOSE else error)
    raise damage or kinds.refusal(data, heif.available())


def _profile(opened: ImageFile) -> bytes:
    found = opened.info.get("icc_profile")
    return found if isinstance(found, bytes) else b""


def fit(found: Picture, settings: ImageSettings, side: int) -> bool:
    """Check the size of a picture, and have a JPEG decoded at the least scale that is not below `side` pixels.

    Returns whether it will be decoded at a reduced scale.

    Raises:
        Unfit: "zero_size", or "too_large": more pixels than decoding may hold.
    """
    width, height = found.opened.size
    if width < 1 or height < 1:
        raise Unfit("zero_size", f"the picture is {width} x {height} pixels")
    most, limit = settings.max_pixels, f"{settings.max_pixels} (images.max_pixels)"
    if isinstance(found.opened, JpegImageFile):
        # A JPEG can be decoded without its fine detail, at 1/2, 1/4 or 1/8 of its size.
        scale = side / max(width, height)
        found.opened.draft(None, (math.ceil(width * scale), math.ceil(height * scale)))
        times = _AT_REDUCED_SCALE // (2 if jpeg.holds_all(found.data) else 1)
        if found.opened.size != (width, height):
            most, limit = times * most, f"{times} x {limit}"
    if width * height > most:
        raise Unfit("too_large", f"{width} x {height} pixels are more than {limit}")
    return found.opened.size != (width, height)
