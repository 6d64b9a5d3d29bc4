"""Lines of print as the check compares them: glued words are parted, and a strength on two lines is one.

What an answer compares stays as it was read: there a wrong contradiction is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.features.reading import Line, Reading
from simsearch.features.reading.quads import size
from simsearch.recognition.pair_scorer import StoredPrint
from simsearch.recognition.print_pairs import PrintSide

_GLUED = re.compile(
    r"(?<=[^\W\d_]{4})(?=\d+(?:[.,]\d+)?\s?(?:mg|mcg|[µμ]g|ml|iu)\b)|(?<=\dm[gl])(?=[^\W\d_]{4})", re.IGNORECASE
)
"""Between a word and an amount that the reader took for one: `Junior200mg`, `200mgTablets`."""
_DOSE, _OF = r"\d\s?(?:mg|mcg|[µμ]g|g|iu)\s?", r"\d*(?:[.,]\d+)?\s?ml\b"
_UPPER = tuple(re.compile(_DOSE + end, re.IGNORECASE) for end in (r"/\s*$", r"$"))
_LOWER = tuple(re.compile(start + _OF, re.IGNORECASE) for start in (r"\s*", r"\s*/\s?"))
"""How a strength is parted: `400mg/` above `100 mL`, or `400 mg` above `/100 mL`."""
_BELOW, _ASIDE, _LARGER = (0.5, 2.0), 0.6, 2.0
"""Where the lower line lies: its middle so many heights of the upper one below it, and so many lengths of the longer
one aside; how many times as high as the other one of the two may be."""


def stored_sides(prints: StoredPrint | None, catalog: Catalog, facts: Mapping[int, ImageFacts]) -> dict[int, PrintSide]:
    """What the catalog holds of the print of images, by id, with glued words parted."""
    if prints is None or not facts:
        return {}
    return {i: replace(side, reading=parted(side.reading)) for i, side in prints.stored(catalog, facts).items()}


def parted(reading: Reading | None) -> Reading | None:
    """A reading with a space between each word and the amount that it is glued to."""
    if reading is None or not any(_GLUED.search(line.text) for line in reading.lines):
        return reading
    return replace(reading, lines=tuple(map(_parted, reading.lines)))


def _parted(line: Line) -> Line:
    cuts = tuple(replace(cut, text=_GLUED.sub(" ", cut.text)) for cut in line.cuts)
    return replace(line, text=_GLUED.sub(" ", line.text), cuts=cuts)


@lru_cache(maxsize=1024)
def joined(reading: Reading) -> Reading:
    """A reading in which a strength that stands on two lines is one line, in the place of the upper one."""
    lines = dict(enumerate(reading.lines))
    for i, upper in enumerate(reading.lines):
        for end, start in zip(_UPPER, _LOWER, strict=True):
            if i in lines and end.search(upper.text):
                below = [j for j, line in lines.items() if start.match(line.text) and _is_below(line, upper, reading)]
                if len(below) == 1:
                    lower = lines.pop(below[0])
                    text = f"{upper.text.rstrip()}{lower.text.lstrip()}"
                    lines[i] = Line(text, min(upper.confidence, lower.confidence), upper.quad)
                    break
    return (
        reading if len(lines) == len(reading.lines) else replace(reading, lines=tuple(lines[i] for i in sorted(lines)))
    )


def _is_below(lower: Line, upper: Line, reading: Reading) -> bool:
    """Whether a line stands right below another one, whichever way the package is turned."""
    ours, theirs = (line.on(reading.width, reading.height).astype(np.float64) for line in (upper, lower))
    (length, height), (other_length, other_height) = size(ours), size(theirs)
    if min(length, height, other_height) <= 0 or not 1 / _LARGER <= other_height / height <= _LARGER:
        return False
    along, down = (ours[1] - ours[0]) / length, (ours[3] - ours[0]) / height
    apart = theirs.mean(axis=0) - ours.mean(axis=0)
    aside = abs(float(apart @ along)) <= _ASIDE * max(length, other_length)
    return aside and _BELOW[0] <= float(apart @ down) / height <= _BELOW[1]
