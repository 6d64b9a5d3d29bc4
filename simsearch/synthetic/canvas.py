"""A surface to draw on: shapes, text, gradients and patterns, all anti-aliased, in fractions of the sheet."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.synthetic import typefaces
from simsearch.synthetic.typefaces import Mask, Typeface

Colour: TypeAlias = tuple[int, int, int]
"""RGB, 0 to 255."""
Rect: TypeAlias = tuple[float, float, float, float]
"""left, top, right, bottom as fractions of the sheet."""

WHITE: Colour = (255, 255, 255)
INK: Colour = (32, 34, 40)
_SHIFT = 4  # cv2 takes fixed-point coordinates with this many fractional bits


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """A mix of the colours: `share` (0 to 1) of `b`, the rest of `a`."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return (red, green, blue)


def luminance(colour: Colour) -> float:
    """Relative luminance, 0 (black) to 1 (white)."""
    red, green, blue = ((channel / 255) ** 2.2 for channel in colour)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def contrast(a: Colour, b: Colour) -> float:
    """Contrast ratio, 1 (none) to 21 (black on white)."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def readable(ink: Colour, ground: Colour, least: float = 3.0) -> Colour:
    """`ink` if it stands out from `ground`, else white or near-black."""
    if contrast(ink, ground) >= least:
        return ink
    return max((WHITE, INK), key=lambda each: contrast(each, ground))


def over(below: NDArray[np.uint8], above: NDArray[np.uint8], cover: Mask) -> Pixels:
    """`above` over `below`, both (H, W, 3), blended by the coverage (H, W)."""
    cover = np.asarray(cv2.merge([cover, cover, cover]), dtype=np.uint8)
    upper = cv2.multiply(above, cover, scale=1 / 255)
    lower = cv2.multiply(np.ascontiguousarray(below), cv2.bitwise_not(cover), scale=1 / 255)
    return np.asarray(cv2.add(upper, lower), dtype=np.uint8)


def blend(pixels: Pixels, mask: Mask, x: int, y: int, colour: Colour) -> None:
    """Lay `colour` through `mask`, its upper left corner at (x, y) pixels, onto `pixels`."""
    height, width = pixels.shape[:2]
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + mask.shape[1], width), min(y + mask.shape[0], height)
    if x0 >= x1 or y0 >= y1:
        return
    cover = mask[y0 - y : y1 - y, x0 - x : x1 - x]
    under = pixels[y0:y1, x0:x1]
    solid = np.empty_like(under, order="C")
    cv2.rectangle(solid, (0, 0), (x1 - x0, y1 - y0), colour, -1)
    under[...] = over(under, solid, cover)


class Canvas:
    """An RGB sheet of width x height pixels. Positions are fractions of it; radii are fractions of its short side."""

    def __init__(self, width: int, height: int, ground: Colour = WHITE) -> None:
        self.width, self.height = width, height
        self.short = min(width, height)
        self.pixels: Pixels = np.empty((height, width, 3), dtype=np.uint8)
        cv2.rectangle(self.pixels, (0, 0), (width, height), ground, -1)  # much faster than broadcasting three bytes

    def polygon(self, points: list[tuple[float, float]], colour: Colour) -> None:
        """Fill the polygon through `points`."""
        corners = np.array(points) * (self.width * 2**_SHIFT, self.height * 2**_SHIFT)
        cv2.fillPoly(self.pixels, [np.rint(corners).astype(np.int32)], colour, cv2.LINE_AA, _SHIFT)

    def rect(self, box: Rect, colour: Colour) -> None:
        """Fill `box`."""
        x0, y0, x1, y1 = self.to_pixels(box)
        self.pixels[y0:y1, x0:x1] = colour

    def rounded(self, box: Rect, colour: Colour, radius: float = 1.0) -> None:
        """Fill `box` with rounded corners; `radius` is a share of half its short side."""
        x0, y0, x1, y1 = self.to_pixels(box)
        r = max(1.0, radius * min(x1 - x0, y1 - y0) / 2)
        angles = np.linspace(0, np.pi / 2, 9)
        corners = []
        for number, (cx, cy) in enumerate(((x1 - r, y1 - r), (x0 + r, y1 - r), (x0 + r, y0 + r), (x1 - r, y0 + r))):
            turned = angles + number * np.pi / 2
            corners += [((cx + r * np.cos(a)) / self.width, (cy + r * np.sin(a)) / self.height) for a in turned]
        self.polygon(corners, colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour, *, squash: float = 1.0, line: float = 0) -> None:
        """An ellipse round (x, y), `squash` times as high as wide; a ring of width `line` if that is given."""
        centre = (round(x * self.width * 16), round(y * self.height * 16))
        axes = (round(radius * self.short * 16), round(radius * squash * self.short * 16))
        width = max(1, round(line * self.short)) if line else -1
        cv2.ellipse(self.pixels, centre, axes, 0, 0, 360, colour, width, cv2.LINE_AA, _SHIFT)

    def line(self, points: list[tuple[float, float]], colour: Colour, width: float) -> None:
        """An open stroke through `points`, `width` a fraction of the short side."""
        path = np.rint(np.array(points) * (self.width * 16, self.height * 16)).astype(np.int32)
        thick = max(1, round(width * self.short))
        cv2.polylines(self.pixels, [path], False, colour, thick, cv2.LINE_AA, _SHIFT)

    def gradient(self, box: Rect, start: Colour, end: Colour, *, across: bool = True) -> None:
        """Fill `box` from `start` to `end`, left to right if `across`, else downwards."""
        x0, y0, x1, y1 = self.to_pixels(box)
        length = max((x1 - x0) if across else (y1 - y0), 1)
        share = np.linspace(0, 1, length, dtype=np.float32)[:, None]
        ramp = np.rint(np.array(start) * (1 - share) + np.array(end) * share).astype(np.uint8)
        self.pixels[y0:y1, x0:x1] = ramp[None, :] if across else ramp[:, None]

    def to_pixels(self, box: Rect) -> tuple[int, int, int, int]:
        """`box` in whole pixels."""
        return (
            round(box[0] * self.width),
            round(box[1] * self.height),
            round(box[2] * self.width),
            round(box[3] * self.height),
        )

    def text(
        self, box: Rect, text: str, face: Typeface, ink: Colour, *, align: str = "left", halo: Colour | None = None
    ) -> None:
        """One line, as large as fits `box`, in its middle height; `halo` draws an outline."""
        x0, y0, x1, y1 = self.to_pixels(box)
        face = typefaces.squeezed(text, face, x1 - x0, 0.95 * (y1 - y0))
        size = typefaces.fitting_size(text, face, x1 - x0, 0.95 * (y1 - y0))
        mask = typefaces.text_mask(text, face, size)
        free = x1 - x0 - mask.shape[1]
        left = x0 + {"left": 0, "center": free // 2, "right": free}[align]
        top = y0 + (y1 - y0 - mask.shape[0]) // 2
        if halo is not None:
            grow = max(1, size // 14)
            wide = cv2.copyMakeBorder(mask, grow, grow, grow, grow, cv2.BORDER_CONSTANT, value=0)
            around = cv2.dilate(wide, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1)))
            blend(self.pixels, np.asarray(around, dtype=np.uint8), left - grow, top - grow, halo)
        blend(self.pixels, mask, left, top, ink)

    def lines(self, box: Rect, lines: list[str], face: Typeface, ink: Colour, *, align: str = "left") -> None:
        """Lines of one size, the largest at which all of them fit `box`, from its top."""
        x0, y0, x1, y1 = self.to_pixels(box)
        pitch = (y1 - y0) / (len(lines) * typefaces.LEADING)
        size = min(typefaces.fitting_size(each, face, x1 - x0, pitch) for each in lines)
        for number, each in enumerate(lines):
            mask = typefaces.text_mask(each, face, size)
            free = x1 - x0 - mask.shape[1]
            left = x0 + {"left": 0, "center": free // 2, "right": free}[align]
            blend(self.pixels, mask, left, y0 + round(number * size * typefaces.LEADING), ink)

    def wrapped(self, box: Rect, text: str, face: Typeface, ink: Colour, *, align: str = "left", most: int = 2) -> None:
        """`text` in the middle of `box`, in the number of lines (1 to `most`) that gives the largest letters."""
        width, height = (box[2] - box[0]) * self.width, (box[3] - box[1]) * self.height
        best: tuple[float, list[str]] = (0.0, [text])
        for count in range(1, most + 1):
            lines = typefaces.wrapped(text, face, typefaces.ems(text, face) / count * 1.15) if count > 1 else [text]
            widest = max(typefaces.ems(each, face) for each in lines)
            size = min(0.97 * width / widest, height / (len(lines) * typefaces.LEADING))
            if size > best[0] * 1.1:
                best = (size, lines)
        spare = max(0.0, height - best[0] * typefaces.LEADING * len(best[1])) / 2 / self.height
        self.lines((box[0], box[1] + spare, box[2], box[3]), best[1], face, ink, align=align)

    def paragraph(self, box: Rect, text: str, face: Typeface, ink: Colour) -> None:
        """`text` in as many lines as fill `box`."""
        width, height = (box[2] - box[0]) * self.width, (box[3] - box[1]) * self.height
        size = (height * width / typefaces.LEADING / typefaces.ems(text, face)) ** 0.5
        self.lines(box, typefaces.wrapped(text, face, 0.97 * width / size), face, ink)

    def speckle(self, kind: str, colour: Colour, step: float) -> None:
        """Cover the sheet with a quiet pattern: dots, lines, grid or waves, `step` apart."""
        gap = max(4.0, step * self.short)
        y, x = np.mgrid[0 : self.height, 0 : self.width].astype(np.float32) / gap
        cover = _PATTERNS[kind](x, y)
        blend(self.pixels, (np.clip(cover, 0, 1) * 255).astype(np.uint8), 0, 0, colour)


_Field: TypeAlias = NDArray[np.float32]


def _dots(x: _Field, y: _Field) -> _Field:
    return np.asarray(((0.3 - np.hypot(x % 1 - 0.5, (y + 0.5 * (x // 1 % 2)) % 1 - 0.5)) * 8), dtype=np.float32)


def _lines(x: _Field, y: _Field) -> _Field:
    return np.asarray(((0.2 - np.abs((x + y) % 1 - 0.5)) * 8), dtype=np.float32)


def _grid(x: _Field, y: _Field) -> _Field:
    return np.asarray(((0.12 - np.minimum(np.abs(x % 1 - 0.5), np.abs(y % 1 - 0.5))) * 8), dtype=np.float32)


def _waves(x: _Field, y: _Field) -> _Field:
    return np.asarray(((0.2 - np.abs((y + 0.35 * np.sin(x * 1.6)) % 1 - 0.5)) * 8), dtype=np.float32)


_PATTERNS = {"dots": _dots, "lines": _lines, "grid": _grid, "waves": _waves}
PATTERNS = tuple(_PATTERNS)
