"""The line of a reading that lies at a given place."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from simsearch.features.reading import Line, Reading
from simsearch.features.reading.quads import size
from simsearch.recognition.printed.alignment import Points

_LONGER = 1.6
"""How many times as long as the other a line may be, to be the same line."""


def line_at(reading: Reading, place: Points, *, higher: float = _LONGER) -> Line | None:
    """The line of a reading that lies at a place (4, 2), about as long; None where there is none.

    `higher`: how many times as high as the other the line or the place may be.
    """
    if not np.isfinite(place).all():
        return None
    whole = np.array([reading.width, reading.height], np.float64)
    there = place * whole
    best, nearest = None, 0.5
    sizes, middles = _laid(reading)
    wanted = size(there)
    apart = np.linalg.norm(middles - there.mean(axis=0), axis=1) / max(wanted[1], 1e-6)
    for i in np.flatnonzero(apart < nearest).tolist():
        length, height = (max(x, y) / max(1e-6, min(x, y)) for x, y in zip(sizes[i], wanted, strict=True))
        if length <= _LONGER and height <= higher and apart[i] < nearest:
            best, nearest = reading.lines[i], float(apart[i])
    return best


@lru_cache(maxsize=1024)
def _laid(reading: Reading) -> tuple[list[tuple[float, float]], NDArray[np.float64]]:
    """Length and height of each line, and its middle (n, 2), in pixels."""
    whole = np.array([reading.width, reading.height], np.float64)
    quads = np.array([line.quad for line in reading.lines], np.float64).reshape(-1, 4, 2) * whole
    return [size(quad) for quad in quads], quads.mean(axis=1)
