"""The lines of a photo that was read as a whole, carried into the catalog's picture: what only the photo says.

Siblings may differ by a word that one of them alone has (FA, Forte, children's). Where the catalog's photo has none,
aligned reading of the catalog's lines is silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.catalog.images import ImageFacts
from simsearch.features.reading.content import content
from simsearch.features.reading.cuts import largest
from simsearch.features.reading.quads import holds, size
from simsearch.features.reading.text import normalised
from simsearch.features.reading.types import Cut, Line, Reading
from simsearch.recognition.printed.aligned import Place, corners
from simsearch.recognition.printed.alignment import Alignment, Points, Zone
from simsearch.recognition.printed.lines import Judgement, Relation, more_words, names_sibling
from simsearch.recognition.printed.spelling import same_word

_SURE, _READ, _READ_ALONE = 0.95, 0.85, 0.95
"""Confidence of the photo's line; of the catalog's, where a table says its name too, and where none does."""
_LEAST_LETTERS = 4
"""Of a word that both sides have."""
_LARGE = 0.4
"""Height of a line beside the largest of the photo, from which it is looked for."""
_LEAST_HEIGHT = 14.0
"""Pixels in the catalog's photo below which a line may not have been read there."""
_EDGE = 1e-4
"""Shares of the picture by which what lies beside a line may seem to touch it, by rounding."""


def only_on_photo(photo: Reading, catalog: Reading, alignment: Alignment, facts: ImageFacts | None) -> list[Place]:
    """Lines of the photo with words that the catalog's photo, read well at that place, has not.

    Where nothing was read at the place, the relation is UNREAD. It is CONTRADICTS where the name has a word more that
    the catalog has neither there nor in its table, `facts`.
    """
    heights = [size(line.on(photo.width, photo.height).astype(np.float64))[1] for line in photo.lines]
    ours = largest(photo.lines, photo.width, photo.height)
    names = [catalog.lines[i] for i in largest(catalog.lines, catalog.width, catalog.height)]
    found = []
    for i, line in enumerate(photo.lines):
        said = content(line.text)
        if line.confidence < _SURE or said.varies or not (said.decides or heights[i] >= _LARGE * max(heights)):
            continue
        there = alignment.to_catalog(line.quad.astype(np.float64))
        if not _in_view(there, catalog) or alignment.zone(there) is Zone.FAR:
            continue
        beside = _at(there, catalog)
        text = " ".join(other.text for other in beside)
        sure = min(each.confidence for each in (line, *beside))
        lacking = bool(beside) and sure >= _READ and more_words(Cut(line.text, 1.0), Cut(text, 1.0))
        if not lacking and (beside or not _says_much(line.text)):
            continue
        relation = Relation.NOTHING if beside else Relation.UNREAD
        if lacking and i in ours and all(each in names for each in beside) and _another_name(line, beside, facts):
            relation = Relation.CONTRADICTS
        kind = "name" if relation is Relation.CONTRADICTS else "line"
        judged = Judgement(relation, kind, line.text, text, confidence=sure, lacking=lacking)
        found.append(Place(judged, corners(line.quad.astype(np.float64)), corners(there)))
    return found


def _another_name(line: Line, beside: Sequence[Line], facts: ImageFacts | None) -> bool:
    """Whether the photo's line has a word more than a name that the catalog's photo shows whole.

    It shows it whole where the table gives the name without that word, or else where the line reads the same with a
    wider margin: a word beside it would have come in.
    """
    words = normalised(line.text).split()
    theirs = normalised(" ".join(other.text for other in beside)).split()
    extra = [word for word in words if not any(same_word(word, each) for each in theirs)]
    shared = [word for word in words if len(word) >= _LEAST_LETTERS and any(same_word(word, each) for each in theirs)]
    if not shared or len(extra) != 1 or words[-1] != extra[0] or not names_sibling(extra[0], theirs):
        return False
    if facts is None or not facts.name.strip():
        return all(_steady(other) for other in beside)
    texts = [facts.name, facts.form, facts.manufacturer, facts.strength, *map(str, facts.attributes.values())]
    known = normalised(" ".join(texts)).split()
    named = any(same_word(word, each) for word in shared for each in normalised(facts.name).split())
    return named and not any(same_word(word, each) for word in extra for each in known)


def _steady(line: Line) -> bool:
    """Whether a line of the catalog reads the same, and surely, under both of its cuts."""
    texts = [normalised(text).replace(" ", "") for text in (line.text, *(cut.text for cut in line.cuts))]
    surely = min([line.confidence, *(cut.confidence for cut in line.cuts)]) >= _READ_ALONE and bool(line.cuts)
    return surely and all(same_word(text, texts[0]) and len(text) == len(texts[0]) for text in texts)


def _in_view(quad: Points, catalog: Reading) -> bool:
    if not np.isfinite(quad).all() or quad.min() < 0 or quad.max() > 1:
        return False
    return size(quad * np.array([catalog.width, catalog.height]))[1] >= _LEAST_HEIGHT


def _at(quad: Points, reading: Reading) -> list[Line]:
    """The lines that lie at the place of `quad`: the middle of one is in the other."""
    least, most = _reach(reading)
    near = np.flatnonzero(((quad.min(axis=0) - _EDGE <= most) & (quad.max(axis=0) + _EDGE >= least)).all(axis=1))
    return [
        line
        for line in (reading.lines[i] for i in near.tolist())
        if holds(quad, line.quad.mean(axis=0))
        or holds(line.quad.astype(np.float64), quad.mean(axis=0))
        or _over(quad, line)
    ]


@lru_cache(maxsize=1024)
def _reach(reading: Reading) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How far each line reaches: the least and the most x and y (n, 2)."""
    quads = np.array([line.quad for line in reading.lines], np.float32).reshape(-1, 4, 2)
    return quads.min(axis=1), quads.max(axis=1)


def _over(quad: Points, line: Line) -> bool:
    """Whether the two share a third of the smaller one."""
    a, b = (x.astype(np.float32) for x in (quad, line.quad))
    shared, _ = cv2.intersectConvexConvex(a, b)
    return bool(shared > min(cv2.contourArea(a), cv2.contourArea(b)) / 3)


def _says_much(text: str) -> bool:
    return sum(map(str.isalpha, text)) >= 3
