"""Grounds for photographed packages: paper, tables, cloth, rulers and the clutter of a counter."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.synthetic import typefaces
from simsearch.synthetic.canvas import Canvas, Colour, blend
from simsearch.synthetic.style import hsv
from simsearch.synthetic.words import pick

_TILE = 768  # pixels; tiles are cached, cut and tinted
_VARIANTS = 3
BACKGROUNDS = (
    "studio",
    "paper",
    "lined",
    "wood",
    "cloth",
    "gradient",
    "marble",
    "dark",
    "ruler",
    "grid",
    "clutter",
)


def background(kind: str, rng: np.random.Generator, size: int) -> Pixels:
    """(size, size, 3) a ground of the named kind; "studio" is plain white."""
    assert kind in BACKGROUNDS, kind
    if kind == "studio":
        return np.full((size, size, 3), 255, dtype=np.uint8)
    return _MAKERS[kind](rng, size)


@lru_cache(maxsize=32)
def _tile(kind: str, variant: int) -> NDArray[np.uint8]:
    """(_TILE, _TILE) a grey texture with mean about 128."""
    rng = np.random.default_rng([variant, sum(kind.encode())])
    y, x = np.mgrid[0:_TILE, 0:_TILE].astype(np.float32) / _TILE
    soft = _octaves(rng, (3, 3), 4)
    fine = rng.standard_normal((_TILE, _TILE), dtype=np.float32)
    if kind == "wood":
        bend = 0.05 * _octaves(rng, (2, 3), 2)
        streaks = cv2.resize(rng.standard_normal((_TILE // 3, 6), dtype=np.float32), (_TILE, _TILE))
        rings = np.sin((y + bend) * (60 + 50 * rng.random()) + 3 * soft)
        field = 11 * rings + 7 * streaks + 8 * soft + 2 * fine
        planks = 3 + variant
        field[np.abs((y * planks) % 1 - 0.5) > 0.492] -= 45
    elif kind == "cloth":
        threads = 110 + 60 * float(rng.random())
        weave = np.sin(2 * np.pi * threads * x + soft) * np.sin(2 * np.pi * threads * y + soft)
        folds = _octaves(rng, (4, 2), 2)
        field = 9 * weave + 14 * folds + 5 * fine
    elif kind == "marble":
        veins = np.abs(np.sin(5 * (x + y * rng.random()) + 2.2 * _octaves(rng, (3, 3), 5)))
        field = -26 * np.exp(-veins * 14) + 7 * soft + 1.5 * fine
    else:
        field = 4 * soft + 2.2 * cv2.GaussianBlur(fine, (0, 0), 0.8) * 1.6
    return np.asarray(np.clip(128 + field, 0, 255), dtype=np.uint8)


def _octaves(rng: np.random.Generator, cells: tuple[int, int], count: int) -> NDArray[np.float32]:
    """(_TILE, _TILE) smooth noise of about unit size."""
    total = np.zeros((_TILE, _TILE), dtype=np.float32)
    for octave in range(count):
        grid = rng.standard_normal((cells[1] * 2**octave + 1, cells[0] * 2**octave + 1), dtype=np.float32)
        total += cv2.resize(grid, (_TILE, _TILE), interpolation=cv2.INTER_CUBIC) * 0.55**octave
    return total


def _tinted(kind: str, colour: Colour, rng: np.random.Generator, size: int) -> Pixels:
    """A random part of the tile, flipped and turned at random, multiplied into `colour`."""
    tile = _tile(kind, int(rng.integers(_VARIANTS)))
    cut = int(_TILE * (0.6 + 0.4 * rng.random()))
    x, y = (int(rng.integers(_TILE - cut + 1)) for _ in range(2))
    part = np.rot90(tile[y : y + cut, x : x + cut], int(rng.integers(4)))
    grey = cv2.resize(np.ascontiguousarray(part), (size, size), interpolation=cv2.INTER_LINEAR)
    levels = np.arange(256, dtype=np.float32)[:, None] / 128 * np.array(colour, dtype=np.float32)
    table = np.clip(levels, 0, 255).astype(np.uint8)[None]
    return np.asarray(cv2.LUT(cv2.merge([grey, grey, grey]), table), dtype=np.uint8)


def _pale(rng: np.random.Generator) -> Colour:
    return hsv(float(rng.choice([0.08, 0.1, 0.6, 0.95])), 0.02 + 0.08 * rng.random(), 0.72 + 0.25 * rng.random())


def _paper(rng: np.random.Generator, size: int) -> Pixels:
    pixels = _tinted("paper", _pale(rng), rng, size)
    if rng.random() < 0.4:
        _scribble(pixels, rng)
    return pixels


def _scribble(pixels: Pixels, rng: np.random.Generator) -> None:
    """Handwriting-like strokes of a pen, near an edge."""
    size = pixels.shape[0]
    colour = hsv(0.62, 0.7, 0.35 + 0.4 * rng.random()) if rng.random() < 0.7 else (40, 40, 46)
    x, y = (float(value) for value in rng.random(2) * 0.9)
    for _ in range(int(rng.integers(3, 9))):
        steps = np.cumsum(rng.normal(0, 0.02, (8, 2)), axis=0) + np.array([x, y])
        curve = cv2.resize(steps.astype(np.float32), (2, 40), interpolation=cv2.INTER_CUBIC)
        cv2.polylines(pixels, [np.rint(curve * size).astype(np.int32)], False, colour, max(1, size // 250), cv2.LINE_AA)
        x += 0.05


def _lined(rng: np.random.Generator, size: int) -> Pixels:
    pixels = _tinted("paper", _pale(rng), rng, size)
    gap = size * (0.04 + 0.03 * float(rng.random()))
    slope = float(rng.normal(0, 0.1))
    colour = hsv(0.58, 0.3, 0.75)
    for number in range(-3, int(size / gap) + 4):
        y = number * gap
        cv2.line(pixels, (0, round(y)), (size, round(y + slope * size)), colour, max(1, size // 500), cv2.LINE_AA)
    return pixels if rng.random() < 0.5 else np.ascontiguousarray(pixels.transpose(1, 0, 2))


def _wood(rng: np.random.Generator, size: int) -> Pixels:
    return _tinted(
        "wood", hsv(0.05 + 0.05 * rng.random(), 0.25 + 0.4 * rng.random(), 0.3 + 0.5 * rng.random()), rng, size
    )


def _cloth(rng: np.random.Generator, size: int) -> Pixels:
    return _tinted("cloth", hsv(float(rng.random()), 0.6 * rng.random(), 0.3 + 0.6 * rng.random()), rng, size)


def _gradient(rng: np.random.Generator, size: int) -> Pixels:
    hue = float(rng.random())
    corners = [hsv(hue + 0.05 * k, 0.22 * rng.random(), 0.35 + 0.6 * rng.random()) for k in range(4)]
    grid = np.array(corners, dtype=np.float32).reshape(2, 2, 3)
    # Draw at twice the size and keep the middle: enlarging a two-pixel picture leaves its outer half flat.
    wide = cv2.resize(grid, (2 * size, 2 * size), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(wide[size // 2 : size // 2 + size, size // 2 : size // 2 + size]).astype(np.uint8)


def _marble(rng: np.random.Generator, size: int) -> Pixels:
    return _tinted("marble", hsv(float(rng.random()), 0.06, 0.55 + 0.4 * rng.random()), rng, size)


def _dark(rng: np.random.Generator, size: int) -> Pixels:
    return _tinted("paper", hsv(float(rng.random()), 0.3 * rng.random(), 0.06 + 0.18 * rng.random()), rng, size)


def _ruler(rng: np.random.Generator, size: int) -> Pixels:
    """Plain ground with a millimetre scale along one or two edges, as registries photograph pills."""
    pixels = _tinted("paper", _pale(rng), rng, size)
    gap = size * (0.012 + 0.008 * float(rng.random()))
    y = round(size * (0.84 + 0.1 * float(rng.random())))
    ink: Colour = (30, 30, 34)
    start = round(size * 0.06)
    for number in range(int((size - 2 * start) / gap)):
        x = round(start + number * gap)
        tall = size * (0.035 if number % 10 == 0 else 0.026 if number % 5 == 0 else 0.016)
        cv2.line(pixels, (x, y), (x, round(y - tall)), ink, max(1, size // 500))
        if number % 10 == 0:
            mask = typefaces.text_mask(str(number // 10), typefaces.SMALL, max(8, size // 32))
            blend(pixels, mask, x - mask.shape[1] // 2, y + 2, ink)
    cv2.line(pixels, (start, y), (size - start, y), ink, max(1, size // 400))
    return np.ascontiguousarray(np.rot90(pixels, 3)) if rng.random() < 0.3 else pixels


def _grid(rng: np.random.Generator, size: int) -> Pixels:
    pixels = _tinted("paper", _pale(rng), rng, size)
    gap = size * (0.04 + 0.06 * float(rng.random()))
    for number in range(int(size / gap) + 1):
        at = round(number * gap)
        cv2.line(pixels, (at, 0), (at, size), (150, 154, 162), max(1, size // 500))
        cv2.line(pixels, (0, at), (size, at), (150, 154, 162), max(1, size // 500))
    return pixels


def _clutter(rng: np.random.Generator, size: int) -> Pixels:
    """A counter with other things on it, out of focus."""
    kind = pick(rng, ["wood", "paper", "cloth"])
    pixels = _MAKERS[kind](rng, size)
    sheet = Canvas(size, size)
    sheet.pixels[:] = pixels
    for _ in range(int(rng.integers(4, 12))):
        x, y, angle = float(rng.random()), float(rng.random()), float(rng.random()) * np.pi
        wide, tall = 0.05 + 0.25 * float(rng.random()) ** 2, 0.03 + 0.15 * float(rng.random()) ** 2
        colour = hsv(float(rng.random()), 0.9 * rng.random() ** 2, 0.2 + 0.75 * rng.random())
        if rng.random() < 0.25:
            sheet.disc(x, y, tall, colour)
            continue
        across, down = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        for inset, shade in ((1.0, colour), (0.45, hsv(float(rng.random()), 0.5, 0.9))):
            corners = [
                (x, y) + inset * (a * wide * across + b * tall * down) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
            ]
            sheet.polygon([(float(corner[0]), float(corner[1])) for corner in corners], shade)
    blurred = cv2.GaussianBlur(sheet.pixels, (0, 0), size * (0.003 + 0.012 * float(rng.random())))
    return np.asarray(blurred, dtype=np.uint8)


_MAKERS: dict[str, Callable[[np.random.Generator, int], Pixels]] = {
    "paper": _paper,
    "lined": _lined,
    "wood": _wood,
    "cloth": _cloth,
    "gradient": _gradient,
    "marble": _marble,
    "dark": _dark,
    "ruler": _ruler,
    "grid": _grid,
    "clutter": _clutter,
}
