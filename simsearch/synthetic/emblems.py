"""Small drawn things: illustrations of what a drug is for, and makers' logos."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from simsearch.synthetic.canvas import Canvas, Colour, mix, readable
from simsearch.synthetic.typefaces import Typeface

Points: TypeAlias = list[tuple[float, float]]


class Pen:
    """Draws on a canvas in a frame of its own: (0, 0) is its centre, 1 its radius."""

    def __init__(self, sheet: Canvas, x: float, y: float, radius: float) -> None:
        self.sheet, self.x, self.y, self.radius = sheet, x, y, radius

    def at(self, points: Points) -> Points:
        """The points in fractions of the canvas."""
        reach = self.radius * self.sheet.short
        return [(self.x + u * reach / self.sheet.width, self.y + v * reach / self.sheet.height) for u, v in points]

    def fill(self, points: Points, colour: Colour) -> None:
        """A filled polygon."""
        self.sheet.polygon(self.at(points), colour)

    def stroke(self, points: Points, colour: Colour, width: float) -> None:
        """An open line, `width` in radii."""
        self.sheet.line(self.at(points), colour, width * self.radius)

    def disc(self, u: float, v: float, radius: float, colour: Colour, squash: float = 1.0, line: float = 0) -> None:
        """A disc or ring; measures in radii."""
        ((x, y),) = self.at([(u, v)])
        self.sheet.disc(x, y, radius * self.radius, colour, squash=squash, line=line * self.radius)


def around(count: int, radius: float = 1.0, start: float = 0.0) -> Points:
    """`count` points on a circle, the first at `start` turns."""
    turns = [2 * math.pi * (start + number / count) for number in range(count)]
    return [(radius * math.cos(turn), radius * math.sin(turn)) for turn in turns]


def _sun(pen: Pen, main: Colour, second: Colour) -> None:
    for number in range(12):
        turn = number / 12
        pen.fill([*around(1, 1.0, turn), *around(1, 0.6, turn + 0.03), *around(1, 0.6, turn - 0.03)], second)
    pen.disc(0, 0, 0.5, main)


def _drop(pen: Pen, main: Colour, second: Colour) -> None:
    pen.disc(0, 0.35, 0.6, main)
    pen.fill([(0, -1), (0.52, 0.05), (-0.52, 0.05)], main)
    pen.disc(-0.2, 0.4, 0.18, second)


def _leaf(pen: Pen, main: Colour, second: Colour) -> None:
    for side in (1, -1):
        edge = [(side * 0.65 * math.sin(math.pi * k / 12), -1 + 2 * k / 12) for k in range(13)]
        pen.fill(edge, main if side > 0 else mix(main, second, 0.5))
    pen.stroke([(0, -0.8), (0, 1.1)], second, 0.08)


def _heart(pen: Pen, main: Colour, second: Colour) -> None:
    turns = [2 * math.pi * k / 40 for k in range(40)]
    shape = [
        (math.sin(t) ** 3, -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16)
        for t in turns
    ]
    pen.fill(shape, main)
    pen.stroke([(-1, 0), (-0.35, 0), (-0.2, -0.4), (0.05, 0.5), (0.25, 0), (1, 0)], second, 0.09)


def _molecule(pen: Pen, main: Colour, second: Colour) -> None:
    for u, v in ((-0.45, -0.3), (0.4, -0.3), (-0.02, 0.45)):
        ring = [(u + du, v + dv) for du, dv in around(6, 0.48, 0.25)]
        pen.stroke([*ring, ring[0]], main, 0.1)
    for u, v in ((-0.45, -0.78), (0.82, -0.06), (-0.02, 0.93)):
        pen.disc(u, v, 0.16, second)


def _wave(pen: Pen, main: Colour, second: Colour) -> None:
    for number, colour in enumerate((main, mix(main, second, 0.5), second)):
        path = [(-1 + k / 10, 0.35 * math.sin(k / 3.2) + (number - 1) * 0.45) for k in range(21)]
        pen.stroke(path, colour, 0.2)


def _cross(pen: Pen, main: Colour, second: Colour) -> None:
    pen.disc(0, 0, 1, second)
    pen.fill([(-0.22, -0.7), (0.22, -0.7), (0.22, 0.7), (-0.22, 0.7)], main)
    pen.fill([(-0.7, -0.22), (0.7, -0.22), (0.7, 0.22), (-0.7, 0.22)], main)


def _star(pen: Pen, main: Colour, second: Colour) -> None:
    outer, inner = around(5, 1.0, -0.25), around(5, 0.45, -0.15)
    pen.fill([point for pair in zip(outer, inner, strict=True) for point in pair], main)
    pen.disc(0, 0, 0.22, second)


def _petals(pen: Pen, main: Colour, second: Colour) -> None:
    for number, (u, v) in enumerate(around(6, 0.58)):
        pen.disc(u, v, 0.4, main if number % 2 else mix(main, second, 0.6))
    pen.disc(0, 0, 0.3, second)


def _capsule(pen: Pen, main: Colour, second: Colour) -> None:
    pen.stroke([(-0.5, 0.5), (0.0, 0.0)], main, 0.62)
    pen.stroke([(0.05, -0.05), (0.5, -0.5)], second, 0.62)
    pen.stroke([(-0.5, 0.3), (0.3, -0.5)], mix(second, (255, 255, 255), 0.6), 0.08)


def _eye(pen: Pen, main: Colour, second: Colour) -> None:
    lid = [(-1 + k / 10, -0.55 * math.sin(math.pi * k / 20)) for k in range(21)]
    pen.fill([*lid, *((u, -v) for u, v in reversed(lid))], mix(main, (255, 255, 255), 0.75))
    pen.stroke(lid, main, 0.12)
    pen.disc(0, 0, 0.42, main)
    pen.disc(0, 0, 0.18, second)


def _shield(pen: Pen, main: Colour, second: Colour) -> None:
    shape = [(-0.8, -0.8), (0, -1), (0.8, -0.8), (0.75, 0.1), (0.4, 0.7), (0, 1), (-0.4, 0.7), (-0.75, 0.1)]
    pen.fill(shape, main)
    pen.fill([(u * 0.72, v * 0.72) for u, v in shape], second)
    pen.stroke([(-0.3, 0.0), (-0.05, 0.25), (0.35, -0.3)], main, 0.16)


def _bolt(pen: Pen, main: Colour, second: Colour) -> None:
    pen.disc(0, 0, 1, second)
    pen.fill([(0.15, -0.85), (-0.5, 0.15), (-0.05, 0.15), (-0.2, 0.85), (0.5, -0.2), (0.05, -0.2)], main)


def _rings(pen: Pen, main: Colour, second: Colour) -> None:
    for number in range(4):
        pen.disc(0, 0, 0.95 - 0.25 * number, main if number % 2 else second)


MOTIFS: dict[str, Callable[[Pen, Colour, Colour], None]] = {
    "sun": _sun,
    "drop": _drop,
    "leaf": _leaf,
    "heart": _heart,
    "molecule": _molecule,
    "wave": _wave,
    "cross": _cross,
    "star": _star,
    "petals": _petals,
    "capsule": _capsule,
    "eye": _eye,
    "shield": _shield,
    "bolt": _bolt,
    "rings": _rings,
}


LOGOS = ("disc", "ring", "hexagon", "square", "chevrons", "cross", "petals", "oval", "bars")


def motif(sheet: Canvas, name: str, x: float, y: float, radius: float, main: Colour, second: Colour) -> None:
    """The illustration `name` round (x, y); "none" draws nothing."""
    if name in MOTIFS:
        MOTIFS[name](Pen(sheet, x, y, radius), main, second)


def logo(sheet: Canvas, name: str, x: float, y: float, radius: float, colour: Colour, letter: str) -> None:
    """A maker's mark round (x, y): a shape, in most of them the maker's initial."""
    pen = Pen(sheet, x, y, radius)
    ground = readable((255, 255, 255), colour, 2.0)
    half = mix(colour, ground, 0.5)
    if name == "chevrons":
        for shift in (-0.45, 0.25):
            pen.fill(
                [
                    (shift, -0.9),
                    (shift + 0.7, 0),
                    (shift, 0.9),
                    (shift - 0.4, 0.9),
                    (shift + 0.3, 0),
                    (shift - 0.4, -0.9),
                ],
                colour,
            )
        return
    if name == "petals":
        _petals(pen, colour, half)
        return
    if name == "bars":
        for number, height in enumerate((0.4, 0.9, 0.6, 1.0)):
            left = -1 + number * 0.52
            pen.fill([(left, 1), (left, 1 - 2 * height), (left + 0.38, 1 - 2 * height), (left + 0.38, 1)], colour)
        return
    if name == "cross":
        _cross(pen, ground, colour)
        return
    if name == "ring":
        pen.disc(0, 0, 0.88, colour, line=0.2)
        ground = colour
    elif name == "oval":
        pen.disc(0, 0, 1.25, colour, squash=0.6)
    elif name == "disc":
        pen.disc(0, 0, 1, colour)
    else:
        pen.fill(
            around(6, 1.05, 0.25) if name == "hexagon" else [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)], colour
        )
    (left, top), (right, bottom) = pen.at([(-0.6, -0.62), (0.6, 0.62)])
    sheet.text((left, top, right, bottom), letter, Typeface("DejaVuSans-Bold.ttf"), ground, align="center")
