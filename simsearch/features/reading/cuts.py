"""Lines that can decide between siblings, cut out a second and a third time.

Aligned reading (`recognition.printed`) carries a line of a catalog photo into a photo that is asked about, cuts it out
with two margins and reads it. What the catalog's side reads under the same two cuts is made here, when its photo is
read, and stored with the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from simsearch.core.types import Pixels
from simsearch.features.reading.content import content
from simsearch.features.reading.quads import Quad, grown, size, upright
from simsearch.features.reading.types import Cut, Line, Reader, Reading

MARGINS = (0.25, 0.5)
"""Of the two cuts, in heights of the line, on all four sides."""
LARGEST = 3
"""The largest lines of a photo can decide whatever they say: they hold its name."""
_HEIGHT = 48


def deciding(lines: Sequence[Line], width: int, height: int) -> list[int]:
    """Indices of the lines that can decide, those with amounts and counts first, then forms and names, larger first."""
    heights = [size(line.on(width, height).astype(np.float64))[1] for line in lines]
    worded = [i for i, line in enumerate(lines) if sum(map(str.isalpha, line.text)) >= 3]
    largest = set(sorted(worded, key=lambda i: -heights[i])[:LARGEST])

    def rank(i: int) -> int:
        said = content(lines[i].text)
        if said.strength or said.pack or said.volumes:
            return 0
        return 1 if i in largest or said.number else 2 if said.forms else 3

    ranks = [rank(i) for i in range(len(lines))]
    return sorted((i for i, r in enumerate(ranks) if r < 3), key=lambda i: (ranks[i], -heights[i]))


def places(quad: Quad) -> tuple[Quad, Quad]:
    """The two cuts of a line, in whatever the quad (4, 2) is given in (pixels of its own picture)."""
    narrow, wide = (grown(quad, margin, margin) for margin in MARGINS)
    return narrow, wide


def with_cuts(reading: Reading, pixels: Pixels, reader: Reader, most: int) -> Reading:
    """`reading` of `pixels`, where at most `most` of the lines that can decide have their cuts and their sharpness."""
    height, width = pixels.shape[:2]
    lines = list(reading.lines)
    chosen = deciding(lines, width, height)[:most]
    crops = [upright(pixels, q) for i in chosen for q in places(lines[i].on(width, height).astype(np.float64))]
    said = [Cut(text, confidence) for text, confidence in reader.recognise(crops)]
    for place, i in enumerate(chosen):
        lines[i] = replace(lines[i], cuts=(said[2 * place], said[2 * place + 1]), sharpness=sharpness(crops[2 * place]))
    return replace(reading, lines=tuple(lines))


def sharpness(crop: Pixels) -> float:
    """How steep the edges of a line are at the height at which it is recognised, 0 (blurred) to 1.

    The energy of differences between neighbouring pixels over the variance of the line, so that neither contrast nor
    brightness counts.
    """
    height, width = crop.shape[:2]
    wide = max(2, round(width * _HEIGHT / height))
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    way = cv2.INTER_AREA if height > _HEIGHT else cv2.INTER_LINEAR
    seen = cv2.resize(grey, (wide, _HEIGHT), interpolation=way).astype(np.float64)
    variance = float(seen.var())
    if variance < 4.0:
        return 0.0
    steps = float((np.diff(seen, axis=1) ** 2).mean() + (np.diff(seen, axis=0) ** 2).mean())
    return min(steps / variance, 1.0)
