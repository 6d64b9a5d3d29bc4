"""Text as masks, in the typefaces that matplotlib bundles, so that every machine renders the same letters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Mask: TypeAlias = NDArray[np.uint8]
"""Shape (height, width), coverage 0 to 255."""

LEADING = 1.2  # line pitch over font size
_REFERENCE = 64  # pixels; widths are measured here and scaled


@dataclass(frozen=True, slots=True)
class Typeface:
    """A font file, and how its letters are stretched, spaced and slanted."""

    file: str
    stretch: float = 1.0  # width over natural width
    spacing: float = 0.0  # extra advance per letter, in font sizes
    slant: float = 0.0  # sideways shift over height
    upper: bool = False

    def spell(self, text: str) -> str:
        """`text` as this typeface writes it."""
        return text.upper() if self.upper else text


BRAND_FILES = (
    "DejaVuSans-Bold.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSans.ttf",
    "DejaVuSans-BoldOblique.ttf",
    "DejaVuSerif-Bold.ttf",
    "DejaVuSerif-BoldItalic.ttf",
    "STIXGeneralBol.ttf",
    "STIXGeneralBolIta.ttf",
    "DejaVuSansMono-Bold.ttf",
    "DejaVuSerif.ttf",
)
TEXT_FILES = ("DejaVuSans.ttf", "DejaVuSans.ttf", "DejaVuSerif.ttf", "STIXGeneral.ttf")
SMALL = Typeface("DejaVuSans.ttf", stretch=0.88)
SMALL_BOLD = Typeface("DejaVuSans-Bold.ttf", stretch=0.85)
DIGITS = Typeface("DejaVuSansMono.ttf")


@lru_cache(maxsize=1)
def _folder() -> Path:
    import matplotlib as mpl

    return Path(mpl.get_data_path()) / "fonts" / "ttf"


@lru_cache(maxsize=512)
def _font(file: str, size: int) -> ImageFont.FreeTypeFont:
    # The basic layout engine: libraqm is not installed on every machine.
    return ImageFont.truetype(str(_folder() / file), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=8192)
def ems(text: str, face: Typeface) -> float:
    """Width of `text` over the font size."""
    spelt = face.spell(text)
    natural = _font(face.file, _REFERENCE).getlength(spelt) / _REFERENCE
    return (natural + face.spacing * max(len(spelt) - 1, 0)) * face.stretch + abs(face.slant)


def fitting_size(text: str, face: Typeface, width: float, height: float) -> int:
    """The largest font size, in whole pixels, at which `text` keeps inside (width, height) pixels; at least 4."""
    return max(4, int(min(height, 0.97 * width / max(ems(text, face), 1e-6))))


def squeezed(text: str, face: Typeface, width: float, height: float) -> Typeface:
    """`face`, condensed by up to a third if `text` can then be set larger, up to `height` pixels."""
    share = width / max(ems(text, face) * height, 1e-6)
    if share >= 1.0:
        return face
    # In steps, so that equal texts share cached masks.
    return replace(face, stretch=face.stretch * max(0.67, round(share * 20) / 20))


@lru_cache(maxsize=2048)
def text_mask(text: str, face: Typeface, size: int) -> Mask:
    """(about 1.2 * size, width) the letters of one line. Read only: the array is shared."""
    spelt = face.spell(text)
    font = _font(face.file, size)
    ascent, descent = font.getmetrics()
    advance = face.spacing * size
    width = int(font.getlength(spelt) + advance * len(spelt)) + 3
    sheet = Image.new("L", (max(width, 1), ascent + descent))
    draw = ImageDraw.Draw(sheet)
    if advance:
        x = 1.0
        for letter in spelt:
            draw.text((x, 0), letter, fill=255, font=font)
            x += font.getlength(letter) + advance
    else:
        draw.text((1, 0), spelt, fill=255, font=font)
    mask = np.asarray(sheet)
    if face.stretch == 1.0 and face.slant == 0.0:
        return mask
    height = mask.shape[0]
    lean = face.slant * height
    matrix = np.array([[face.stretch, -face.slant, max(lean, 0.0)], [0.0, 1.0, 0.0]])
    out = cv2.warpAffine(mask, matrix, (int(width * face.stretch + abs(lean)) + 1, height), flags=cv2.INTER_LINEAR)
    return np.asarray(out, dtype=np.uint8)


def wrapped(text: str, face: Typeface, ems_per_line: float) -> list[str]:
    """`text` broken between words into lines of at most `ems_per_line` font sizes. A longer word has its own line."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and ems(longer, face) <= ems_per_line:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
