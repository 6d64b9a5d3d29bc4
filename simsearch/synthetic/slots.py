"""Slots: the places that a design leaves for texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from simsearch.synthetic.canvas import Colour, Rect


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one text, or of the motif. Nothing else may be drawn there."""

    box: Rect
    ground: Colour  # colour under the text
    align: str = "left"
    ink: Colour | None = None  # preferred colour; not used if it would be unreadable on `ground`


Slots: TypeAlias = dict[str, Slot]
"""Content -> its slot: brand, generic, strength, form, pack, maker, motif. Only motif and form may be missing."""
