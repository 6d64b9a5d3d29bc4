"""Where a design leaves room for texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from simsearch.synthetic.canvas import Colour, Rect


@dataclass(frozen=True, slots=True)
class Slot:
    """Room for one text (or for the motif), which nothing else may enter."""

    box: Rect
    ground: Colour  # what lies under the text
    align: str = "left"
    ink: Colour | None = None  # wanted; given up where it could not be read


Slots: TypeAlias = dict[str, Slot]
"""By what goes there: brand, generic, strength, form, pack, maker, motif. Only motif and form may be missing."""
