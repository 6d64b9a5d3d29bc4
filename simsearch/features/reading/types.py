"""What a reader finds on a picture, and the seam that every reader keeps to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels


@dataclass(frozen=True)
class Cut:
    """What a line says when it is cut out with another margin."""

    text: str
    confidence: float
    """As in :class:`Line`."""


@dataclass(frozen=True, eq=False)
class Line:
    """One line of print."""

    text: str
    """As the reader gave it: neither case nor spelling is touched. `reading.text` normalises it."""
    confidence: float
    """Mean over its characters, 0 to 1. It says how sharp the letters were and not whether the word is right."""
    quad: NDArray[np.float32]
    """(4, 2) corners as x, y in shares of the picture's width and height. They follow the text: where it begins, above
    and below the writing: top left, top right, bottom right, bottom left of the upright line. So the quad also says
    how the line is turned. A line at the edge may reach a little outside of 0 to 1."""
    cuts: tuple[Cut, ...] = ()
    """Of a catalog's line that can decide: what it says under the two cuts of `reading.cuts`. Else none."""

    def on(self, width: int, height: int) -> NDArray[np.float32]:
        """The quad (4, 2) in pixels of a picture of that size."""
        return self.quad * np.array([width, height], np.float32)


@dataclass(frozen=True, eq=False)
class Reading:
    """All lines that could be read on one picture, in reading order; none where there was nothing to read."""

    lines: tuple[Line, ...]
    width: int
    """Of the picture that was read, in pixels."""
    height: int

    @property
    def text(self) -> str:
        """All lines, one below the other."""
        return "\n".join(line.text for line in self.lines)


@runtime_checkable
class Reader(Protocol):
    """Reads print.

    Thread safety: one reader is called by any number of threads at once. What it reads does not depend on that.

    It never uses the network: models are part of an installed package.
    """

    fingerprint: str
    """Models and settings in one short string. Readings of readers with equal fingerprints may be compared."""

    def read(self, pixels: Pixels) -> Reading:
        """Find and read the lines of a picture, at any turn of the package.

        What cannot be read well is left out. The picture may have any size down to one pixel.
        """
        ...

    def recognise(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and confidence (0 to 1) of each of `crops`, which are known to hold one upright line.

        Nothing is left out: a crop without print gives some text with a low confidence, or ("", 0.0).
        """
        ...
