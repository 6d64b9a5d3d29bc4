"""Where the lines of a drawn imprint go: in rows, along the rim, to both sides of a score line, across a capsule, or
small on each half of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
"""Of float32."""


@dataclass(frozen=True)
class Line:
    """Where a line of characters goes: its middle, the way it runs, and the room it has, in pixels."""

    x: float
    y: float
    angle: float
    height: float
    room: float
    radius: float = 0.0
    """Of the circle along which it runs, around the frame's middle; 0: straight. Below 0: read from outside."""


def lines(mask: Floats, wide: bool, g: np.random.Generator) -> tuple[list[Line], list[tuple[float, ...]]]:
    """Lines of one imprint, and the score lines beside them, each as x, y, x, y."""
    ys, xs = np.nonzero(mask > 0.5)
    cx, cy = (xs.min() + xs.max()) / 2, (ys.min() + ys.max()) / 2
    a, b = (xs.max() - xs.min()) / 2, (ys.max() - ys.min()) / 2
    return (_oblong if wide else _round)(float(cx), float(cy), float(a), float(b), g)


def _round(
    cx: float, cy: float, a: float, b: float, g: np.random.Generator
) -> tuple[list[Line], list[tuple[float, ...]]]:
    kind, scores = g.random(), list[tuple[float, ...]]()
    if kind < 0.14:  # along the rim, with something in the middle or below
        radius, height = g.uniform(0.5, 0.75) * a, g.uniform(0.22, 0.4) * a
        found = [Line(cx, cy, g.normal(0, 0.1), height, 2.4 * radius, radius)]
        if g.random() < 0.7:
            below = g.random() < 0.5
            found.append(
                Line(cx, cy, g.normal(0, 0.1), height, 2.0 * radius, -radius) if below
                else Line(cx, cy + g.uniform(0, 0.35) * b, 0, g.uniform(0.25, 0.5) * a, 1.1 * a)
            )  # fmt: skip
        return found, scores
    if kind < 0.26:  # to both sides of a score line
        height, off = g.uniform(0.3, 0.7) * a, g.uniform(0.38, 0.5) * a
        if g.random() < 0.9:
            scores.append((cx, cy - b, cx, cy + b))
        return [Line(cx + s * off, cy + g.normal(0, 0.03) * b, 0, height, 0.75 * a) for s in (-1, 1)], scores
    count = 1 if kind < 0.6 else 2 if kind < 0.92 else 3
    height = g.uniform(0.3, {1: 0.95, 2: 0.6, 3: 0.42}[count]) * a
    gap = height * g.uniform(1.2, 1.7) if count > 1 else 0.0
    gap = min(gap, 1.5 * b / count)
    top = cy - gap * (count - 1) / 2 + g.normal(0, 0.04) * b
    if count == 2 and g.random() < 0.25:
        scores.append((cx - a, cy, cx + a, cy))
    found = []
    for i in range(count):
        y = top + i * gap
        room = 2 * max(0.2 * a, (max(0.0, 1 - (abs(y - cy) + height / 2) ** 2 / b**2)) ** 0.5 * a) * 0.92
        found.append(Line(cx + g.normal(0, 0.03) * a, y, 0, min(height, gap / 1.1 if gap else height), room))
    return found, scores


def _oblong(
    cx: float, cy: float, a: float, b: float, g: np.random.Generator
) -> tuple[list[Line], list[tuple[float, ...]]]:
    kind, scores = g.random(), list[tuple[float, ...]]()
    if kind < 0.2:  # across, as on capsules, one row or two on a half
        places = (-1, 1) if g.random() < 0.75 else (g.choice((-1, 1)),)
        return [one for s in places for one in _across(cx + s * g.uniform(0.2, 0.55) * a, cy, a, b, g)], scores
    if kind < 0.42:  # two parts side by side
        height, off = g.uniform(0.28, 1.25) * b, g.uniform(0.38, 0.5) * a
        if g.random() < 0.55:
            scores.append((cx, cy - b, cx, cy + b))
        return [Line(cx + s * off, cy + g.normal(0, 0.05) * b, 0, height, 0.7 * a) for s in (-1, 1)], scores
    if kind < 0.6:  # small, one row to three on each half, as on capsules
        off = g.uniform(0.25, 0.5) * a
        return [one for s in (-1, 1) for one in _stacked(cx + s * off, cy, a, b, g)], scores
    if kind < 0.7:  # two rows
        height = g.uniform(0.28, 0.75) * b
        return [Line(cx + g.normal(0, 0.1) * a, cy + s * 0.45 * b, 0, height, 1.4 * a) for s in (-1, 1)], scores
    return [Line(cx + g.normal(0, 0.05) * a, cy + g.normal(0, 0.06) * b, 0, g.uniform(0.45, 1.3) * b, 1.65 * a)], scores


def _across(x: float, cy: float, a: float, b: float, g: np.random.Generator) -> list[Line]:
    """Rows that run across an oblong pill, around `x`."""
    count = 1 if g.random() < 0.65 else 2
    height = g.uniform(0.35, 0.9 if count == 1 else 0.5) * b
    gap = height * g.uniform(1.1, 1.5)
    places = [x + (i - (count - 1) / 2) * gap for i in range(count)]
    return [Line(place, cy + g.normal(0, 0.05) * b, -pi / 2, height, 1.75 * b) for place in places]


def _stacked(x: float, cy: float, a: float, b: float, g: np.random.Generator) -> list[Line]:
    """Rows on one half of an oblong pill, around `x`."""
    count = int(g.choice((1, 2, 3), p=(0.4, 0.5, 0.1)))
    height = g.uniform(0.25, {1: 0.6, 2: 0.5, 3: 0.36}[count]) * b
    gap = height * g.uniform(1.15, 1.6)
    top = cy + g.normal(0, 0.06) * b - gap * (count - 1) / 2
    room = g.uniform(0.45, 0.75) * a
    return [Line(x, top + i * gap, 0, height * g.uniform(0.75, 1.0), room) for i in range(count)]
