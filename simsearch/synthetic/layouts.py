"""The fronts of cartons: a design, perhaps mirrored, perhaps on a pattern."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from simsearch.synthetic import bands, figures
from simsearch.synthetic.canvas import Canvas, mix
from simsearch.synthetic.slots import Slot, Slots
from simsearch.synthetic.style import Style

LAYOUTS: tuple[Callable[[Canvas, Style], Slots], ...] = (
    bands.band,
    bands.foot,
    bands.panel,
    bands.rules,
    bands.steps,
    bands.halves,
    bands.classic,
    bands.frame,
    figures.diagonal,
    figures.swoosh,
    figures.mosaic,
    figures.medallion,
    figures.wash,
    figures.lattice,
    figures.corner,
    figures.columns,
)


def design(c: Canvas, s: Style) -> Slots:
    """Paint the shapes of the style's front onto `c`; the room they leave for texts."""
    if s.pattern:
        c.speckle(s.pattern, mix(s.ground, s.main, 0.1), 0.05 + 0.06 * s.jitter[7])
    slots = LAYOUTS[s.layout % len(LAYOUTS)](c, s)
    if not s.mirror:
        return slots
    c.pixels[:] = c.pixels[:, ::-1].copy()
    return {name: _mirrored(slot) for name, slot in slots.items()}


def _mirrored(slot: Slot) -> Slot:
    left, top, right, bottom = slot.box
    align = {"left": "left", "center": "center", "right": "left"}[slot.align]
    return replace(slot, box=(1 - right, top, 1 - left, bottom), align=align)
