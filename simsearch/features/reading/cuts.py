"""Lines that can decide between siblings, cut out a second and a third time.

Aligned reading (`recognition.printed`) carries a line of a catalog photo into a photo that is asked about, cuts it out
with two margins and reads it. What the catalog's side reads under the same two cuts is made here, when its photo is
read, and stored with the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

import numpy as np

from simsearch.core.types import Pixels
from simsearch.features.reading.content import content
from simsearch.features.reading.quads import Quad, grown, size, upright
from simsearch.features.reading.types import Cut, Line, Reader, Reading

MARGINS = ((0.15, 0.0), (0.3, 0.15))
"""Of the two cuts, in heights of the line: at each end, and above and below. The rectangle of a line is half air as it
is: with twice these margins neighbours came in, and half as many siblings were told apart (docs/reading.md)."""
LARGEST = 3
"""The largest lines of a photo can decide whatever they say: they hold its name."""


def deciding(lines: Sequence[Line], width: int, height: int) -> list[int]:
    """Indices of the lines that can decide: amounts and counts in turn with names, then other numbers, then forms.

    Larger ones come first.
    """
    heights = _heights(lines, width, height)
    names_of = largest(lines, width, height)

    def rank(i: int) -> int:
        said = content(lines[i].text)
        if said.strength or said.pack or said.volumes:
            return 0
        return 1 if i in names_of else 2 if said.number else 3 if said.forms else 4

    ranks = [rank(i) for i in range(len(lines))]
    amounts, names, numbers, named = (
        sorted((i for i, r in enumerate(ranks) if r == which), key=lambda i: -heights[i]) for which in range(4)
    )
    in_turn = [i for both in zip_longest(amounts, names) for i in both if i is not None]
    return [*in_turn, *numbers, *named]


def largest(lines: Sequence[Line], width: int, height: int) -> frozenset[int]:
    """Indices of the largest lines that hold a word: the name is among them."""
    heights = _heights(lines, width, height)
    worded = [i for i, line in enumerate(lines) if sum(map(str.isalpha, line.text)) >= 3]
    return frozenset(sorted(worded, key=lambda i: -heights[i])[:LARGEST])


def _heights(lines: Sequence[Line], width: int, height: int) -> list[float]:
    return [size(line.on(width, height).astype(np.float64))[1] for line in lines]


def places(quad: Quad) -> tuple[Quad, Quad]:
    """The two cuts of a line, in whatever the quad (4, 2) is given in (pixels of its own picture)."""
    narrow, wide = (grown(quad, along, across) for along, across in MARGINS)
    return narrow, wide


def with_cuts(reading: Reading, pixels: Pixels, reader: Reader, most: int) -> Reading:
    """`reading` of `pixels`, where at most `most` of the lines that can decide have their cuts."""
    height, width = pixels.shape[:2]
    lines = list(reading.lines)
    chosen = deciding(lines, width, height)[:most]
    crops = [upright(pixels, q) for i in chosen for q in places(lines[i].on(width, height).astype(np.float64))]
    said = [Cut(text, confidence) for text, confidence in reader.recognise(crops)]
    for place, i in enumerate(chosen):
        lines[i] = replace(lines[i], cuts=(said[2 * place], said[2 * place + 1]))
    return replace(reading, lines=tuple(lines))
