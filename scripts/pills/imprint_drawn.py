"""Imprints drawn onto studio faces that have none: what a network learns to read characters from.

Where each character lies is known, which the tables of real imprints do not tell. Characters are cut into the surface,
stand out of it, or are printed on it; in rows, along the rim, to both sides of a score line, or across a capsule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import cos, exp, hypot, log, pi, sin
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from composites import blurred, three
from imprint_layout import Line, lines
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from simsearch.features.pills.imprint_network_plan import CHARACTERS

Floats = NDArray[Any]
"""Of float32."""
GLYPH = 48
"""Height of a capital letter in the bank, pixels."""
PRINTED = {False: 0.25, True: 0.5}
"""Share of the drawn imprints that are printed, by whether the pill is oblong: capsules always are."""
LOGOS = 0.2
"""Share of them with a figure beside them that is no character."""
_SMALL = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Character:
    """A character on a face: middle, height and width in pixels, the way its baseline runs (radians, y downwards)."""

    x: float
    y: float
    height: float
    width: float
    angle: float
    klass: int
    """Place in `CHARACTERS`; -1: it is there, and which it is is not known."""


@dataclass(frozen=True)
class Bank:
    """Glyphs by font and character: masks (h, w) 0 to 255, a capital letter GLYPH pixels high, cut to what is inked."""

    fonts: list[dict[str, NDArray[np.uint8]]]

    @classmethod
    def of(cls, fonts: Sequence[Path]) -> Bank:
        """Of font files, and of OpenCV's stroke fonts, which imprints mostly resemble."""
        found = [_typeface(path) for path in fonts]
        for face in (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX):
            found += [_strokes(face, thick) for thick in (3, 5, 8)] * 3
        return cls(found)


def _typeface(path: Path) -> dict[str, NDArray[np.uint8]]:
    font = ImageFont.truetype(str(path), 66)
    return {c: _drawn_by_pillow(font, c) for c in CHARACTERS + _SMALL}


def _drawn_by_pillow(font: Any, character: str) -> NDArray[np.uint8]:
    image = Image.new("L", (160, 160))
    ImageDraw.Draw(image).text((40, 30), character, 255, font)
    return _inked(np.asarray(image))


def _strokes(face: int, thick: int) -> dict[str, NDArray[np.uint8]]:
    found = {}
    for character in CHARACTERS + _SMALL:
        canvas = np.zeros((160, 160), np.uint8)
        cv2.putText(canvas, character, (45, 105), face, GLYPH / 21, 255, thick, cv2.LINE_AA)
        found[character] = _inked(canvas)
    return found


def _inked(canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
    ys, xs = np.nonzero(canvas > 40)
    return np.ascontiguousarray(canvas[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1])


# -- what is written ---------------------------------------------------------------------------------------------------


def words(parts: Sequence[str], g: np.random.Generator) -> str:
    """A part of a real imprint, or characters at random."""
    if g.random() < 0.5:
        return parts[int(g.integers(len(parts)))]
    kind, n = g.random(), int(g.integers(1, 6))
    letters, digits = CHARACTERS[10:], CHARACTERS[:10]
    pool = digits if kind < 0.35 else letters if kind < 0.8 else CHARACTERS
    return "".join(pool[int(i)] for i in g.integers(len(pool), size=n))


def written(
    canvas: Floats, line: Line, text: str, font: dict[str, NDArray[np.uint8]], g: np.random.Generator
) -> list[Character]:
    """Draw a line of text onto a canvas (h, w) of coverage, 0 to 1."""
    glyphs = [font[c] for c in text]
    narrow, apart = exp(g.normal(-0.05, 0.15)), exp(g.uniform(log(0.12), log(0.6)))
    scale = line.height / GLYPH
    widths = [glyph.shape[1] * scale * narrow for glyph in glyphs]
    gap = apart * line.height * (0.55 if len(glyphs) > 3 else 1)
    total = sum(widths) + gap * (len(widths) - 1)
    if total > line.room:
        shrink = line.room / total
        scale, gap, total, widths = scale * shrink, gap * shrink, line.room, [w * shrink for w in widths]
    at, found = -total / 2, []
    full = GLYPH * scale
    for character, glyph, width in zip(text, glyphs, widths, strict=True):
        middle, at = at + width / 2, at + width + gap
        height = glyph.shape[0] * scale
        # Small letters stand on the line that the capital ones stand on; those that hang below it do so by a quarter.
        lowered = (full - height) / 2 if character not in "gjpqy" else (full - height) / 2 + 0.22 * full
        x, y, angle = _along(line, middle, lowered)
        _stamp(canvas, glyph, x, y, angle, width / glyph.shape[1], scale)
        found.append(Character(x, y, height, width, angle, CHARACTERS.index(character.upper())))
    return found


def _along(line: Line, along: float, down: float) -> tuple[float, float, float]:
    """Middle and angle of a character that lies `along` a line, and `down` from its middle."""
    if not line.radius:
        x, y = along, down
        return (
            line.x + x * cos(line.angle) - y * sin(line.angle), line.y + x * sin(line.angle) + y * cos(line.angle),
            line.angle,
        )  # fmt: skip
    radius = abs(line.radius)
    if line.radius > 0:
        way = line.angle - pi / 2 + along / radius
        return line.x + (radius - down) * cos(way), line.y + (radius - down) * sin(way), way + pi / 2
    way = line.angle + pi / 2 - along / radius
    return line.x + (radius + down) * cos(way), line.y + (radius + down) * sin(way), way - pi / 2


def _stamp(canvas: Floats, glyph: NDArray[Any], x: float, y: float, angle: float, sx: float, sy: float) -> None:
    """Draw one glyph with its middle at (x, y)."""
    h, w = glyph.shape
    reach = int(hypot(h * sy, w * sx) / 2) + 2
    left, top = int(x) - reach, int(y) - reach
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + 2 * reach, canvas.shape[1]), min(top + 2 * reach, canvas.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    # Shrunk by area first, or thin strokes are lost between the pixels.
    small = max(sx, sy)
    if small < 0.6:
        glyph = cv2.resize(glyph, None, fx=max(sx, 2 / w), fy=max(sy, 2 / h), interpolation=cv2.INTER_AREA)
        sx, sy = w * sx / glyph.shape[1], h * sy / glyph.shape[0]
        h, w = glyph.shape
    matrix = np.array([[cos(angle) * sx, -sin(angle) * sy, 0], [sin(angle) * sx, cos(angle) * sy, 0]])
    matrix[:, 2] = (x - x0, y - y0) - matrix[:, :2] @ ((w - 1) / 2, (h - 1) / 2)
    drawn = cv2.warpAffine(glyph, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    part = canvas[y0:y1, x0:x1]
    np.maximum(part, drawn.astype(np.float32) / 255, out=part)


def _logo(coverage: Floats, mask: Floats, g: np.random.Generator) -> Floats:
    """A figure that is no character, where nothing stands yet: a polygon, drawn or filled, or rays."""
    free = cv2.distanceTransform(((blurred(coverage, 1.0) < 0.02) & (mask > 0.5)).astype(np.uint8), cv2.DIST_L2, 5)
    canvas = np.zeros(mask.shape, np.uint8)
    size = min(float(free.max()), 0.45 * float(np.sqrt(mask.sum() / pi)))
    if size < 6:
        return canvas.astype(np.float32)
    ys, xs = np.nonzero(free >= 0.98 * size)
    at = int(g.integers(len(xs)))
    middle, size = np.array([xs[at], ys[at]], np.float64), size * g.uniform(0.5, 0.9)
    corners = int(g.integers(3, 8))
    ways = np.sort(g.uniform(0, 2 * pi, corners)) + g.uniform(0, 2 * pi)
    points = middle + (size * g.uniform(0.4, 1.0, corners) * np.array([np.cos(ways), np.sin(ways)])).T
    fixed, thick = np.rint(points * 8).astype(np.int32), int(g.integers(1, 4))
    if g.random() < 0.2:
        for x, y in fixed:
            cv2.line(canvas, (round(middle[0] * 8), round(middle[1] * 8)), (int(x), int(y)), 255, thick, cv2.LINE_AA, 3)
    elif g.random() < 0.5:
        cv2.fillPoly(canvas, [fixed], 255, cv2.LINE_AA, 3)
    else:
        cv2.polylines(canvas, [fixed], bool(g.random() < 0.8), 255, thick, cv2.LINE_AA, 3)
    return canvas.astype(np.float32) / 255


# -- on the surface ----------------------------------------------------------------------------------------------------


def imprinted(
    stored: NDArray[np.uint8], wide: bool, bank: Bank, parts: Sequence[str], g: np.random.Generator, ease: float
) -> tuple[NDArray[np.uint8], list[Character], bool]:
    """A blank cut-out (h, w, 4) with an imprint, its characters, and whether they are printed. `ease`: 0 to 1."""
    mask = stored[..., 3].astype(np.float32) / 255
    coverage = np.zeros(mask.shape, np.float32)
    rows, scores = lines(mask, wide, g)
    font = bank.fonts[int(g.integers(len(bank.fonts)))]
    found: list[Character] = []
    for line in rows:
        tilted = replace(line, angle=line.angle + float(g.normal(0, 0.04)))
        found += written(coverage, tilted, words(parts, g), font, g)
    for x0, y0, x1, y1 in scores:
        thick = int(g.integers(1, 5))
        one, other = ((round(x * 8), round(y * 8)) for x, y in ((x0, y0), (x1, y1)))
        canvas = np.zeros(mask.shape, np.uint8)
        cv2.line(canvas, one, other, 255, thick, cv2.LINE_AA, 3)
        coverage = np.maximum(coverage, canvas.astype(np.float32) / 255)
    if g.random() < LOGOS:
        coverage = np.maximum(coverage, _logo(coverage, mask, g))
    printed = bool(g.random() < PRINTED[wide])
    picture = stored[..., :3].astype(np.float32)
    picture = _inked_on(picture, coverage, g) if printed else _cut_in(picture, coverage, mask, g, ease)
    return np.dstack([np.clip(picture, 0, 255).astype(np.uint8), stored[..., 3]]), found, printed


def _inked_on(picture: Floats, coverage: Floats, g: np.random.Generator) -> Floats:
    """Printed in one colour, mostly darker or lighter than the pill."""
    base = float(picture[coverage > 0.3].mean()) if (coverage > 0.3).any() else 128.0
    dark = g.random() < (0.85 if base > 110 else 0.2)
    grey = g.uniform(0, 0.5) * base if dark else base + g.uniform(0.4, 1) * (255 - base)
    ink = np.clip(grey + g.normal(0, 18, 3), 0, 255).astype(np.float32)
    share = np.clip(blurred(coverage, g.uniform(0.3, 0.8)) * g.uniform(0.45, 1.0), 0, 1)
    if g.random() < 0.3:
        share = share * (g.random(share.shape, np.float32) < g.uniform(0.6, 0.95))
    return np.asarray(picture * (1 - three(share)) + three(share) * ink, np.float32)


def _cut_in(picture: Floats, coverage: Floats, mask: Floats, g: np.random.Generator, ease: float) -> Floats:
    """Cut into the surface, or standing out of it: lit from one side, darker in its depth."""
    height = blurred(coverage, exp(g.uniform(log(0.5), log(1.8))))
    side = g.uniform(0, 2 * pi)
    slope_x, slope_y = cv2.Sobel(height, cv2.CV_32F, 1, 0), cv2.Sobel(height, cv2.CV_32F, 0, 1)
    shade = slope_x * cos(side) + slope_y * sin(side)
    shade = shade * (exp(g.uniform(log(0.15), log(2.0))) / 3)
    shade = shade - height * (g.uniform(0, 1.2) if g.random() < 0.6 else g.uniform(-0.6, 0.3))
    shade = shade - np.asarray(cv2.magnitude(slope_x, slope_y)) * (g.uniform(0, 0.4) if g.random() < 0.4 else 0)
    strength = exp(g.uniform(log(0.03 + 0.12 * ease), log(0.30)))
    return np.asarray(picture * (1 + three(shade * mask * strength)), np.float32)


def blank(stored: NDArray[np.uint8], g: np.random.Generator) -> NDArray[np.uint8]:
    """A face without what stood on it: smoothed, with a grain of its own."""
    picture = stored[..., :3].astype(np.float32)
    mask = stored[..., 3].astype(np.float32) / 255
    inside = blurred(mask, 9.0) + 1e-3
    smooth = np.dstack([blurred(picture[..., i] * mask, 9.0) / inside for i in range(3)])
    grain = blurred(g.standard_normal(mask.shape, np.float32), exp(g.uniform(log(0.4), log(2.0))))
    smooth += three(grain * (exp(g.uniform(log(0.5), log(8.0))) / (float(grain.std()) + 1e-3)))
    rim = blurred(cv2.erode(mask, np.ones((9, 9), np.uint8)), 2.5)
    found = picture * (1 - three(rim)) + smooth * three(rim)
    return np.dstack([np.clip(found, 0, 255).astype(np.uint8), stored[..., 3]])
