"""Another imprint on a studio face: its text and where each character lies are then known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, exp, log, pi, sin
from typing import Any

import cv2
import numpy as np
from composites import Mark, blurred, three
from numpy.typing import NDArray

_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SIMPLEX,
)  # fmt: skip


@dataclass(frozen=True)
class _Box:
    """Around the pill, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


def lettered(
    stored: NDArray[np.uint8], wide: bool, lines: Sequence[str], g: np.random.Generator
) -> tuple[NDArray[np.uint8], list[Mark]]:
    """A stored cut-out (h, w, 4) without its imprint and with `lines`, and the marks of these."""
    picture, mask = stored[..., :3].astype(np.float32), stored[..., 3].astype(np.float32) / 255
    sigma = g.uniform(4, 7)
    smooth = blurred(picture * mask[..., None], sigma) / three(blurred(mask, sigma) + 1e-3)
    inner = blurred(cv2.erode(mask, np.ones((7, 7), np.uint8)), 1.5)
    picture = picture + (smooth - picture) * three(inner)
    ys, xs = np.nonzero(mask > 0.5)
    box = _Box(int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max()))
    ink = np.zeros(mask.shape, np.uint8)
    marks = _written(ink, box, wide, lines, g)
    if len(lines) == 2 and g.random() < (0.5 if wide else 0.4):
        _scored(ink, box, wide, int(g.integers(1, 4)))
    shown = ink.astype(np.float32) / 255 * mask
    picture = _printed(picture, shown, g) if g.random() < 0.22 else _debossed(picture, shown, g)
    return np.dstack([np.clip(picture, 0, 255).astype(np.uint8), stored[..., 3]]), marks


def _written(ink: NDArray[np.uint8], box: _Box, wide: bool, lines: Sequence[str], g: np.random.Generator) -> list[Mark]:
    """Draws the lines; the marks."""
    font, n = _FONTS[int(g.integers(len(_FONTS)))], len(lines)
    across, down = box.right - box.left, box.bottom - box.top
    x, y = box.middle
    if wide:
        tall = down * g.uniform(0.28, 0.5) / (1 if n < 3 else 1.6)
    else:
        tall = down * g.uniform(*((0.28, 0.5), (0.2, 0.3), (0.15, 0.22))[n - 1])
    if wide and n == 2:
        places = [(box.left + across * share, y, 0.36 * across) for share in (0.29, 0.71)]
    else:
        gap = tall * (1.3 if wide else g.uniform(1.25, 1.6))
        rows = [y + (i - (n - 1) / 2) * gap for i in range(n)]
        places = [(x, at, across * 0.82 * (1 - min(1, abs(at - y) / (down / 2)) ** 2) ** 0.5) for at in rows]
    return [mark for text, place in zip(lines, places, strict=True) for mark in _line(ink, text, place, tall, font, g)]


def _line(
    ink: NDArray[np.uint8],
    text: str,
    place: tuple[float, float, float],
    tall: float,
    font: int,
    g: np.random.Generator,
) -> list[Mark]:
    """Draws one line around `place` (x, y, room); its characters and pairs."""
    x, y, room = place

    def width(of: str, size: float) -> float:
        return float(cv2.getTextSize(of, font, size, 1)[0][0])

    unit = cv2.getTextSize("H8", font, 1, 1)[0][1]
    size, apart = tall / unit, g.uniform(0, 0.35) * tall * (len(text) > 1)
    whole = width(text, size) + apart * (len(text) - 1)
    if whole > room:
        size, apart = size * room / whole, apart * room / whole
    thick = max(1, round(tall * g.uniform(0.05, 0.16)))
    at, middles = x - (width(text, size) + apart * (len(text) - 1)) / 2, []
    for letter in text:
        own = width(letter, size)
        cv2.putText(ink, letter, (round(at), round(y + unit * size / 2)), font, size, 255, thick, cv2.LINE_AA)
        middles.append(at + own / 2)
        at += own + apart
    single = [(letter.upper(), middle, y) for letter, middle in zip(text, middles, strict=True)]
    pairs = [(text[i : i + 2].upper(), (middles[i] + middles[i + 1]) / 2, y) for i in range(len(text) - 1)]
    return single + pairs


def _scored(ink: NDArray[np.uint8], box: _Box, wide: bool, thick: int) -> None:
    x, y = (int(v) for v in box.middle)
    ends = ((x, box.top), (x, box.bottom)) if wide else ((box.left, y), (box.right, y))
    cv2.line(ink, *ends, 255, thick, cv2.LINE_AA)


def _printed(picture: Any, shown: Any, g: np.random.Generator) -> Any:
    colour = (g.choice([15, 40, 230]) + g.normal(0, 15, 3)).astype(np.float32)
    share = three(blurred(shown, g.uniform(0.3, 0.7)) * g.uniform(0.5, 0.95))
    return picture * (1 - share) + share * colour


def _debossed(picture: Any, shown: Any, g: np.random.Generator) -> Any:
    """Shadows on the slopes that face away from the light, and a darker ground."""
    deep, side = blurred(shown, g.uniform(0.6, 1.5)), g.uniform(0, 2 * pi)
    slope_x, slope_y = cv2.Sobel(deep, cv2.CV_32F, 1, 0), cv2.Sobel(deep, cv2.CV_32F, 0, 1)
    strength = exp(g.uniform(log(12), log(55)))
    shade = (slope_x * cos(side) + slope_y * sin(side)) * (0.35 * g.uniform(0.2, 1) * strength)
    shade = shade - deep * (g.uniform(-0.15, 0.8) * strength)
    shade = shade - cv2.magnitude(slope_x, slope_y) * (g.uniform(-0.03, 0.2) * strength)
    if g.random() < 0.4:
        shade = shade + g.standard_normal(shown.shape, np.float32) * g.uniform(0, 4)
    return picture + three(np.asarray(shade, np.float32))
