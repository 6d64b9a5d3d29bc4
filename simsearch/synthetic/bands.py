"""Designs of straight bands and panels. Each paints its shapes and returns the slots for texts."""

from __future__ import annotations

from simsearch.synthetic.canvas import WHITE, Canvas, mix, readable
from simsearch.synthetic.slots import Slot, Slots
from simsearch.synthetic.style import Style


def band(c: Canvas, s: Style) -> Slots:
    """A coloured band on top, the name in it."""
    deep = 0.28 + 0.16 * s.jitter[0]
    c.rect((0, 0, 1, deep), s.main)
    c.rect((0, deep, 1, deep + 0.025 + 0.03 * s.jitter[1]), s.second)
    top = deep + 0.08
    return {
        "brand": Slot((0.05, 0.04, 0.70, deep - 0.03), s.main),
        "strength": Slot((0.73, 0.06, 0.95, deep - 0.05), s.main, "right"),
        "generic": Slot((0.05, top, 0.66, top + 0.17), s.ground),
        "form": Slot((0.05, top + 0.18, 0.55, top + 0.28), s.ground),
        "motif": Slot((0.70, top, 0.95, 0.76), s.ground),
        "pack": Slot((0.05, 0.86, 0.42, 0.95), s.ground),
        "maker": Slot((0.50, 0.82, 0.95, 0.95), s.ground, "right"),
    }


def foot(c: Canvas, s: Style) -> Slots:
    """A coloured foot with strength and maker."""
    top = 0.62 + 0.1 * s.jitter[0]
    c.rect((0, top, 1, 1), s.main)
    c.rect((0, top - 0.035, 0.35 + 0.4 * s.jitter[1], top), s.second)
    return {
        "brand": Slot((0.05, 0.06, 0.78, 0.36), s.ground, ink=s.main),
        "generic": Slot((0.05, 0.38, 0.68, top - 0.06), s.ground),
        "motif": Slot((0.80, 0.08, 0.96, top - 0.10), s.ground),
        "strength": Slot((0.05, top + 0.05, 0.40, 0.95), s.main),
        "form": Slot((0.44, top + 0.05, 0.74, top + 0.16), s.main),
        "pack": Slot((0.44, 0.86, 0.70, 0.95), s.main),
        "maker": Slot((0.72, 0.84, 0.97, 0.95), s.main, "right"),
    }


def panel(c: Canvas, s: Style) -> Slots:
    """A coloured panel at one end."""
    wide = 0.22 + 0.12 * s.jitter[0]
    if s.jitter[1] < 0.5:
        c.gradient((0, 0, wide, 1), s.main, mix(s.main, s.second, 0.6), across=False)
    else:
        c.rect((0, 0, wide, 1), s.main)
    c.rect((wide, 0, wide + 0.015, 1), s.second)
    left = wide + 0.05
    return {
        "motif": Slot((0.03, 0.08, wide - 0.03, 0.55), s.main),
        "pack": Slot((0.02, 0.80, wide - 0.02, 0.93), s.main, "center"),
        "brand": Slot((left, 0.07, 0.96, 0.37), s.ground, ink=s.main),
        "generic": Slot((left, 0.39, 0.90, 0.55), s.ground),
        "strength": Slot((left, 0.58, left + 0.30, 0.76), s.ground, ink=s.accent),
        "form": Slot((left + 0.33, 0.62, 0.96, 0.73), s.ground, "right"),
        "maker": Slot((left, 0.82, 0.96, 0.95), s.ground, "right"),
    }


def rules(c: Canvas, s: Style) -> Slots:
    """Three thin lines across."""
    y = 0.52 + 0.08 * s.jitter[0]
    for number, colour in enumerate((s.second, readable(WHITE, s.ground, 1.3), s.accent)):
        c.rect((0, y + number * 0.035, 1, y + number * 0.035 + 0.028), colour)
    return {
        "pack": Slot((0.60, 0.04, 0.95, 0.13), s.ground, "right"),
        "brand": Slot((0.05, 0.12, 0.88, 0.38), s.ground, ink=readable(s.main, s.ground)),
        "generic": Slot((0.05, 0.38, 0.70, y - 0.03), s.ground),
        "form": Slot((0.05, y + 0.14, 0.50, y + 0.24), s.ground),
        "strength": Slot((0.56, y + 0.13, 0.95, y + 0.27), s.ground, "right"),
        "maker": Slot((0.05, 0.84, 0.60, 0.96), s.ground),
    }


def steps(c: Canvas, s: Style) -> Slots:
    """A coloured half that ends in a row of squares."""
    deep = 0.40 + 0.08 * s.jitter[0]
    c.rect((0, 0, 1, deep), s.main)
    count = 6 + int(4 * s.jitter[1])
    for number in range(count):
        shade = mix(s.main if number % 3 else s.second, WHITE, (number * 37 % 10) / 12)
        c.rect((number / count, deep, (number + 1) / count, deep + 0.12), shade)
    top = deep + 0.15
    return {
        "brand": Slot((0.05, 0.05, 0.72, deep - 0.17), s.main),
        "pack": Slot((0.76, 0.05, 0.96, 0.14), s.main, "right"),
        "generic": Slot((0.05, deep - 0.16, 0.75, deep - 0.02), s.main),
        "strength": Slot((0.05, top, 0.40, top + 0.17), s.ground, ink=s.main),
        "form": Slot((0.45, top + 0.02, 0.95, top + 0.13), s.ground, "right"),
        "maker": Slot((0.05, 0.84, 0.60, 0.96), s.ground),
    }


def halves(c: Canvas, s: Style) -> Slots:
    """White above, colour below, the strength on their border."""
    middle = 0.46 + 0.08 * s.jitter[0]
    c.rect((0, 0, 1, middle), WHITE)
    c.rect((0, middle, 1, 1), s.main)
    c.rounded((0.62, middle - 0.13, 0.96, middle + 0.13), s.accent, 1.0)
    return {
        "brand": Slot((0.05, 0.06, 0.95, middle - 0.15), WHITE, ink=s.main),
        "pack": Slot((0.05, middle - 0.13, 0.45, middle - 0.03), WHITE),
        "strength": Slot((0.66, middle - 0.11, 0.92, middle + 0.11), s.accent, "center"),
        "generic": Slot((0.05, middle + 0.04, 0.58, middle + 0.22), s.main),
        "form": Slot((0.05, middle + 0.23, 0.52, middle + 0.32), s.main),
        "maker": Slot((0.05, 0.87, 0.60, 0.97), s.main),
        "motif": Slot((0.76, middle + 0.17, 0.94, 0.95), s.main),
    }


def classic(c: Canvas, s: Style) -> Slots:
    """Plain, between double lines."""
    for y in (0.07, 0.91):
        c.rect((0.03, y, 0.97, y + 0.02), s.main)
    c.rect((0.03, 0.105, 0.97, 0.115), s.main)
    c.rect((0.03, 0.885, 0.97, 0.895), s.main)
    return {
        "pack": Slot((0.05, 0.14, 0.40, 0.22), s.ground),
        "maker": Slot((0.48, 0.13, 0.95, 0.23), s.ground, "right"),
        "brand": Slot((0.08, 0.25, 0.92, 0.52), s.ground, "center", ink=s.main),
        "generic": Slot((0.12, 0.53, 0.88, 0.67), s.ground, "center"),
        "strength": Slot((0.25, 0.68, 0.75, 0.80), s.ground, "center", ink=s.accent),
        "form": Slot((0.25, 0.805, 0.75, 0.875), s.ground, "center"),
    }


def frame(c: Canvas, s: Style) -> Slots:
    """A white window in a coloured frame."""
    edge = 0.05 + 0.04 * s.jitter[0]
    tall = edge * c.width / c.height if c.width < c.height else edge
    c.rect((0, 0, 1, 1), s.main)
    c.rounded((edge, tall, 1 - edge, 1 - tall), WHITE, 0.15 + 0.5 * s.jitter[1])
    c.rect((0.22, 0.565, 0.78, 0.58), s.second)
    return {
        "brand": Slot((0.15, 0.15, 0.85, 0.39), WHITE, "center", ink=s.main),
        "generic": Slot((0.17, 0.40, 0.83, 0.55), WHITE, "center"),
        "strength": Slot((0.30, 0.60, 0.70, 0.72), WHITE, "center", ink=s.accent),
        "pack": Slot((0.14, 0.75, 0.40, 0.84), WHITE),
        "maker": Slot((0.44, 0.74, 0.87, 0.85), WHITE, "right"),
    }
