"""A decoded picture of any kind becomes 8-bit RGB as a viewer shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from simsearch.core.formats import colour
from simsearch.core.types import Pixels

_DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
_STRIP = 256  # rows
_GREY = ("1", "L", "LA", "La", *_DEEP)


def rgb(
    image: Pillow.Image, profile: bytes, sides: Sequence[int], *, signed: int = 0, inverted: bool = False
) -> list[Pixels]:
    """`image` in sRGB, once for each of `sides`: at most so many pixels on the longer side.

    Transparent pixels are laid on white. Where no pixel is visible at all, but colours differ, transparency is taken to
    mean nothing, as browsers take it in BMP.

    Args:
        image: of any Pillow mode.
        profile: ICC profile of its colours; empty for sRGB.
        sides: limits of the results.
        signed: bits of a stored value with a sign; 0 where values have none. Where a value is below zero, zero is
            mid-grey.
        inverted: whether zero is white.
    """
    grey = image.mode in _GREY
    if image.mode in _DEEP or signed:
        pixels = _deep(np.asarray(image), signed=signed, key=image.info.get("transparency"))
        pixels = np.asarray(255 - pixels, np.uint8) if inverted else pixels
    elif image.has_transparency_data:
        with_alpha = image if image.mode == "RGBA" else image.convert("RGBA")
        pixels, profile = _on_white(with_alpha, profile, grey), b""
    elif image.mode in ("CMYK", "LAB"):
        pixels, profile = np.asarray(colour.ink_to_rgb(image, profile), np.uint8), b""
    else:
        pixels = np.asarray(image if image.mode == "RGB" else image.convert("RGB"), np.uint8)
    return at_sides(pixels, profile, sides, grey=grey)


def at_sides(pixels: Pixels, profile: bytes, sides: Sequence[int], *, grey: bool = False) -> list[Pixels]:
    """Pixels of that profile in sRGB, once for each of `sides`."""
    return [colour.srgb(shrunk(pixels, side), profile, grey=grey) for side in sides]


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


def _on_white(image: Pillow.Image, profile: bytes, grey: bool) -> Pixels:
    """An RGBA image laid on white, in strips: whole copies of a large picture would take gigabytes."""
    width, height = image.size
    *colours, alpha = image.getextrema()
    means_nothing = alpha == (255, 255) or (alpha == (0, 0) and any(low != high for low, high in colours))  # type: ignore[misc]
    flat = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _STRIP):
        strip = image.crop((0, top, width, min(top + _STRIP, height)))
        if profile:
            opacity = strip.getchannel("A")
            strip = Pillow.fromarray(colour.srgb(np.asarray(strip.convert("RGB"), np.uint8), profile, grey=grey))
            strip.putalpha(opacity)
        if not means_nothing:
            strip = Pillow.alpha_composite(Pillow.new("RGBA", strip.size, "white"), strip)
        flat[top : top + _STRIP] = np.asarray(strip.convert("RGB"), np.uint8)
    return flat


def _deep(values: NDArray[Any], *, signed: int, key: Any) -> Pixels:
    """Grey of more than 8 bits, or with a sign, as RGB of 8 bits. `key` is the value that is transparent, if any."""
    x = values.view(np.int8).astype(np.float32) if signed == 8 else values.astype(np.float32)
    finite = x[np.isfinite(x)]
    low, most = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    if signed and low < 0:
        half = 2.0 ** (signed - 1) if signed < 32 else next(2.0**n for n in (7, 15, 31) if 2.0**n >= max(-low, most))
        x, top = x + half, 2 * half - 1
    else:
        top = _white(values.dtype, signed, most)
    x = np.nan_to_num(x, nan=0.0, posinf=top, neginf=0.0)
    grey = np.clip(x / top * 255.0, 0, 255).round().astype(np.uint8)
    if isinstance(key, int):
        grey[values == key] = 255
    return np.repeat(grey[..., None], 3, axis=2)


def _white(dtype: np.dtype[Any], signed: int, most: float) -> float:
    """The value of white. In 16 bits that is 65,535.

    Signed, 32-bit and float files do not say which it is. It is taken to be the first of 1 (floats only), 255 and the
    largest that 16 bits hold which no pixel exceeds, else the largest value.
    """
    if dtype.itemsize == 2:
        return 65535.0
    if signed == 8:
        return 127.0
    usual = (1.0, 255.0, 65535.0) if dtype.kind == "f" else (255.0, 32767.0 if signed == 16 else 65535.0)
    return next((white for white in usual if most <= white), most)
