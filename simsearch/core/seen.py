"""Where things lie in a photo, and the loose pills that are seen in it. `core.types` has these names too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Corners: TypeAlias = tuple[tuple[float, float], ...]
"""Four corners of a line, each x and y in shares of the picture's width and height: top left, top right, bottom right,
bottom left of the upright text. A line at the edge may reach a little outside."""
Outline: TypeAlias = tuple[tuple[float, float], ...]
"""Four or more corners in order around, each x and y in shares of the picture's width and height, 0 to 1."""


_ROUND = 1.08
"""Longer side over the shorter one up to which a pill has one size."""


@dataclass(frozen=True)
class SeenPill:
    """A loose pill as a photo shows it, in words."""

    outline: Outline
    colours: tuple[str, ...]
    """In the FDA's words: one, or two of a pill whose halves differ."""
    shape: str
    """In the FDA's words."""
    scored: bool
    """Whether a straight groove runs through its centre."""
    imprint: str = ""
    """What is read on it: capital letters and digits, rows by spaces, "?" where it may be several; empty: nothing."""
    size_mm: tuple[float, float] | None = None
    """Its longer and shorter side, in millimetres; None: no ruler was read in the photo."""

    @property
    def words(self) -> str:
        """For instance "blue white capsule" or "white round, 8.1 mm, scored, reads TEVA 833"."""
        said = [" ".join([*self.colours, self.shape])]
        if self.size_mm:
            long, short = self.size_mm
            said.append(f"{long:.1f} mm" if long < _ROUND * short else f"{long:.1f} x {short:.1f} mm")
        if self.scored:
            said.append("scored")
        if self.imprint:
            said.append(f"reads {self.imprint}")
        return ", ".join(said)
