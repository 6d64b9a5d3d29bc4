"""The line of a reading that lies at a given place."""

from __future__ import annotations

import numpy as np

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
    for line in reading.lines:
        own = line.quad.astype(np.float64) * whole
        length, height = (max(x, y) / max(1e-6, min(x, y)) for x, y in zip(size(own), size(there), strict=True))
        apart = float(np.linalg.norm(own.mean(axis=0) - there.mean(axis=0))) / max(size(there)[1], 1e-6)
        if length <= _LONGER and height <= higher and apart < nearest:
            best, nearest = line, apart
    return best
