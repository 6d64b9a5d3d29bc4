"""Designs of figures: curves, triangles, discs. Each paints its shapes and returns the slots for texts."""

from __future__ import annotations

import math

from simsearch.synthetic.canvas import WHITE, Canvas, mix
from simsearch.synthetic.slots import Slot, Slots
from simsearch.synthetic.style import Style


def diagonal(c: Canvas, s: Style) -> Slots:
    """A slanted corner with the strength."""
    upper, lower = 0.50 + 0.12 * s.jitter[0], 0.28 + 0.1 * s.jitter[1]
    c.polygon([(upper + 0.06, 1.01), (lower + 0.36, 0.50), (1.01, 0.44), (1.01, 1.01)], s.second)
    c.polygon([(upper + 0.12, 1.01), (lower + 0.42, 0.52), (1.01, 0.47), (1.01, 1.01)], s.main)
    return {
        "brand": Slot((0.05, 0.05, 0.80, 0.30), s.ground, ink=s.main),
        "generic": Slot((0.05, 0.31, 0.90, 0.43), s.ground),
        "form": Slot((0.05, 0.50, 0.50, 0.60), s.ground),
        "pack": Slot((0.05, 0.62, 0.45, 0.72), s.ground),
        "maker": Slot((0.05, 0.84, 0.47, 0.96), s.ground),
        "strength": Slot((0.76, 0.58, 0.97, 0.92), s.main, "center"),
    }


def swoosh(c: Canvas, s: Style) -> Slots:
    """Waves at the foot."""
    lift = 0.16 + 0.1 * s.jitter[0]
    for colour, drop in ((s.second, 0.0), (WHITE, 0.07), (s.main, 0.10)):
        arc = [
            (k / 24, 0.76 + drop - lift * math.sin(math.pi * (0.15 + 0.85 * k / 24)) ** 2 * k / 24) for k in range(25)
        ]
        c.polygon([*arc, (1.01, 1.01), (-0.01, 1.01)], colour)
    return {
        "brand": Slot((0.05, 0.06, 0.76, 0.34), s.ground, ink=s.main),
        "strength": Slot((0.78, 0.08, 0.96, 0.26), s.ground, "right", ink=s.accent),
        "generic": Slot((0.05, 0.35, 0.62, 0.50), s.ground),
        "form": Slot((0.05, 0.51, 0.36, 0.59), s.ground),
        "pack": Slot((0.05, 0.89, 0.35, 0.97), s.main),
        "maker": Slot((0.55, 0.87, 0.96, 0.98), s.main, "right"),
    }


def mosaic(c: Canvas, s: Style) -> Slots:
    """Triangles at one end."""
    columns, rows = 2 + int(2 * s.jitter[0]), 5 + int(4 * s.jitter[1])
    colours = (s.main, s.second, s.accent, mix(s.main, WHITE, 0.55), s.ground)
    left, step = 0.78, 0.22 / columns
    for column in range(columns):
        for row in range(rows):
            x0, y0, x1, y1 = left + column * step, row / rows, left + (column + 1) * step, (row + 1) / rows
            pick = (row * 7 + column * 3 + int(97 * s.jitter[2]) * (row + 1)) % 5
            c.polygon([(x0, y0), (x1, y0), (x0, y1)], colours[pick])
            c.polygon([(x1, y1), (x1, y0), (x0, y1)], colours[(pick + 1 + column) % 5])
    c.rect((0.04, 0.52, 0.40, 0.545), s.second)
    return {
        "brand": Slot((0.04, 0.08, 0.74, 0.34), s.ground, ink=s.main),
        "generic": Slot((0.04, 0.35, 0.72, 0.50), s.ground),
        "strength": Slot((0.04, 0.57, 0.36, 0.72), s.ground, ink=s.accent),
        "form": Slot((0.40, 0.60, 0.74, 0.70), s.ground),
        "pack": Slot((0.04, 0.74, 0.40, 0.83), s.ground),
        "maker": Slot((0.04, 0.85, 0.56, 0.96), s.ground),
    }


def medallion(c: Canvas, s: Style) -> Slots:
    """A large disc with an illustration."""
    radius = min(0.34 + 0.1 * s.jitter[0], 0.23 * c.width / c.short)
    reach = radius * c.short / c.width
    x = 1 - reach - 0.03
    c.disc(x, 0.46, radius * 1.12, s.second)
    c.disc(x, 0.46, radius, mix(s.main, WHITE, 0.8))
    edge = x - reach * 1.15
    c.rect((0, 0.94, 1, 1), s.main)
    half = radius * 0.62 * c.short
    return {
        "motif": Slot((x - half / c.width, 0.46 - half / c.height, x + half / c.width, 0.46 + half / c.height), WHITE),
        "brand": Slot((0.04, 0.07, edge - 0.02, 0.33), s.ground, ink=s.main),
        "generic": Slot((0.04, 0.34, edge - 0.02, 0.50), s.ground),
        "strength": Slot((0.04, 0.54, edge - 0.04, 0.70), s.ground, ink=s.accent),
        "form": Slot((0.04, 0.71, 0.38, 0.80), s.ground),
        "pack": Slot((0.04, 0.82, 0.34, 0.92), s.ground),
        "maker": Slot((0.36, 0.835, edge - 0.02, 0.93), s.ground, "right"),
    }


def wash(c: Canvas, s: Style) -> Slots:
    """Colour all over, fading."""
    pale = mix(s.main, WHITE, 0.25 + 0.3 * s.jitter[0])
    c.gradient((0, 0, 1, 1), s.main, pale, across=s.jitter[1] < 0.6)
    between = mix(s.main, pale, 0.5)
    c.rounded((0.04, 0.62, 0.34, 0.80), WHITE, 0.6)
    return {
        "brand": Slot((0.05, 0.08, 0.92, 0.38), mix(s.main, pale, 0.3)),
        "generic": Slot((0.05, 0.39, 0.80, 0.56), between),
        "strength": Slot((0.06, 0.635, 0.32, 0.785), WHITE, "center", ink=s.main),
        "form": Slot((0.38, 0.64, 0.72, 0.77), between),
        "motif": Slot((0.76, 0.50, 0.96, 0.80), between),
        "pack": Slot((0.05, 0.86, 0.36, 0.95), between),
        "maker": Slot((0.48, 0.84, 0.96, 0.96), mix(s.main, pale, 0.7), "right"),
    }


def lattice(c: Canvas, s: Style) -> Slots:
    """Crossing bands behind a white window."""
    pale = mix(s.main, WHITE, 0.5)
    for number in range(-2, 7):
        x = number / 4 + 0.1 * s.jitter[0]
        c.polygon([(x, 0), (x + 0.05, 0), (x + 0.35, 1), (x + 0.30, 1)], s.main if number % 2 else pale)
        c.polygon([(x, 0), (x + 0.04, 0), (x - 0.26, 1), (x - 0.30, 1)], mix(s.second, WHITE, 0.35))
    c.rect((0.10, 0.10, 1, 0.72), WHITE)
    c.rounded((0.10, 0.76, 0.52, 0.93), s.second, 0.3)
    c.rounded((0.56, 0.76, 0.97, 0.93), WHITE, 0.3)
    return {
        "brand": Slot((0.13, 0.13, 0.84, 0.42), WHITE, ink=s.main),
        "generic": Slot((0.13, 0.42, 0.70, 0.56), WHITE),
        "form": Slot((0.13, 0.58, 0.50, 0.68), WHITE),
        "strength": Slot((0.72, 0.44, 0.97, 0.62), WHITE, "right", ink=s.accent),
        "pack": Slot((0.12, 0.78, 0.50, 0.91), s.second, "center"),
        "maker": Slot((0.58, 0.78, 0.96, 0.91), WHITE, "center"),
    }


def corner(c: Canvas, s: Style) -> Slots:
    """A folded corner with the strength."""
    size = (0.62 if c.width > 1.5 * c.height else 0.42) + 0.1 * s.jitter[0]
    reach = size * c.short
    c.polygon([(1.01 - 1.15 * reach / c.width, -0.01), (1.01, -0.01), (1.01, 1.15 * reach / c.height)], s.second)
    c.polygon([(1.01 - reach / c.width, -0.01), (1.01, -0.01), (1.01, reach / c.height)], s.accent)
    free = 1.0 - reach / c.width
    c.rect((0, 0.80, 1, 0.83), s.main)
    return {
        "strength": Slot(
            (1 - 0.5 * reach / c.width, 0.06 * reach / c.height, 0.985, 0.42 * reach / c.height), s.accent, "right"
        ),
        "brand": Slot((0.04, 0.10, free, 0.36), s.ground, ink=s.main),
        "generic": Slot((0.04, 0.40, max(free, 0.5), 0.56), s.ground),
        "form": Slot((0.04, 0.60, 0.48, 0.71), s.ground),
        "pack": Slot((0.04, 0.86, 0.38, 0.96), s.ground),
        "maker": Slot((0.48, 0.85, 0.97, 0.97), s.ground, "right"),
    }


def columns(c: Canvas, s: Style) -> Slots:
    """Rising columns."""
    count = 5 + int(5 * s.jitter[0])
    for number in range(count):
        x = 0.60 + 0.40 * number / count
        tall = 0.15 + 0.6 * (number + 1) / count
        c.rect((x, 1 - tall, x + 0.3 / count, 1), mix(s.second, s.main, number / count))
    return {
        "brand": Slot(
            (0.04, 0.06, 0.72, 0.32) if c.width > c.height else (0.04, 0.06, 0.96, 0.24), s.ground, ink=s.main
        ),
        "generic": Slot((0.04, 0.33, 0.56, 0.50), s.ground),
        "strength": Slot((0.04, 0.52, 0.34, 0.68), s.ground, ink=s.accent),
        "form": Slot((0.04, 0.69, 0.50, 0.78), s.ground),
        "pack": Slot((0.04, 0.79, 0.40, 0.87), s.ground),
        "maker": Slot((0.04, 0.88, 0.56, 0.97), s.ground),
    }
