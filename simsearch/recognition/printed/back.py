"""The lines of a photo that was read as a whole, carried into the catalog's picture: what only the photo says.

Siblings may differ by a word that one of them alone has (FA, Forte, children's). Where the catalog's photo has none,
aligned reading of the catalog's lines is silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from simsearch.catalog.images import ImageFacts
from simsearch.core.forms import forms
from simsearch.features.reading.content import content
from simsearch.features.reading.quads import holds, size
from simsearch.features.reading.text import normalised
from simsearch.features.reading.types import Cut, Line, Reading
from simsearch.recognition.printed.aligned import Place, corners
from simsearch.recognition.printed.alignment import Alignment, Points, Zone
from simsearch.recognition.printed.lines import Judgement, Relation, more_words
from simsearch.recognition.printed.spelling import same_word

_SURE = 0.95
_LEAST_LETTERS, _MOST_MORE = 4, 2
"""Letters of a name, and words that another name may have more than it."""
_LARGE = 0.4
"""Height of a line beside the largest of the photo, from which it is looked for."""
_LEAST_HEIGHT = 14.0
"""Pixels in the catalog's photo below which a line may not have been read there."""


def only_on_photo(photo: Reading, catalog: Reading, alignment: Alignment) -> list[Place]:
    """Lines of the photo with words that the catalog's photo, read well at that place, has not.

    Where nothing was read at the place, the relation is UNREAD.
    """
    heights = [size(line.on(photo.width, photo.height).astype(np.float64))[1] for line in photo.lines]
    found = []
    for line, height in zip(photo.lines, heights, strict=True):
        said = content(line.text)
        if line.confidence < _SURE or said.varies or not (said.decides or height >= _LARGE * max(heights)):
            continue
        there = alignment.to_catalog(line.quad.astype(np.float64))
        if not _in_view(there, catalog) or alignment.zone(there) is Zone.FAR:
            continue
        beside = _at(there, catalog.lines)
        relation = Relation.NOTHING if beside else Relation.UNREAD
        text = " ".join(other.text for other in beside)
        sure = min((each.confidence for each in (line, *beside)), default=0.0)
        lacking = bool(beside) and sure >= _SURE and more_words(Cut(line.text, 1.0), Cut(text, 1.0))
        if lacking or (not beside and _says_much(line.text)):
            judged = Judgement(relation, "line", line.text, text, confidence=sure, lacking=lacking)
            found.append(Place(judged, corners(line.quad.astype(np.float64)), corners(there)))
    return found


def names_apart(places: Sequence[Place], facts: ImageFacts) -> list[Place]:
    """Those of `places` where the photo's line has the product's whole name, and a word more that the catalog has not.

    That the catalog's photo was read whole there is known by the table, which gives the name without that word too.
    """
    name = [word for word in normalised(facts.name).split() if word.isalpha() and not forms(word)]
    texts = [facts.name, facts.form, facts.manufacturer, facts.strength, *map(str, facts.attributes.values())]
    known = normalised(" ".join(texts)).split()
    found = []
    for place in places:
        ours, theirs = (normalised(text).split() for text in (place.judgement.photo, place.judgement.catalog))
        extra = [word for word in ours if not any(same_word(word, each) for each in (*theirs, *known))]
        whole = all(any(same_word(word, each) for each in side) for word in name for side in (ours, theirs))
        named = bool(name) and len("".join(name)) >= _LEAST_LETTERS and whole
        if named and extra and all(word.isalpha() and not forms(word) for word in extra) and len(extra) <= _MOST_MORE:
            found.append(replace(place, judgement=replace(place.judgement, relation=Relation.CONTRADICTS, kind="name")))
    return found


def _in_view(quad: Points, catalog: Reading) -> bool:
    if not np.isfinite(quad).all() or quad.min() < 0 or quad.max() > 1:
        return False
    return size(quad * np.array([catalog.width, catalog.height]))[1] >= _LEAST_HEIGHT


def _at(quad: Points, lines: Sequence[Line]) -> list[Line]:
    """The lines that lie at the place of `quad`: the middle of one is in the other."""
    return [
        line
        for line in lines
        if holds(quad, line.quad.mean(axis=0))
        or holds(line.quad.astype(np.float64), quad.mean(axis=0))
        or _over(quad, line)
    ]


def _over(quad: Points, line: Line) -> bool:
    """Whether the two share a third of the smaller one."""
    a, b = (x.astype(np.float32) for x in (quad, line.quad))
    shared, _ = cv2.intersectConvexConvex(a, b)
    return bool(shared > min(cv2.contourArea(a), cv2.contourArea(b)) / 3)


def _says_much(text: str) -> bool:
    return sum(map(str.isalpha, text)) >= 3
