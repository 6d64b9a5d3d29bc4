"""Names of two products, as they are printed on their photos.

Siblings such as "Panadol" and "Panadol Extra" differ by a word that only one of them has. The catalog says which word
to look for. Names contradict where each photo says its own name whole, and the word stands on one photo alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simsearch.catalog.images import ImageFacts
from simsearch.core.types import PrintedFact
from simsearch.features.reading import Line, Reading
from simsearch.features.reading.text import normalised
from simsearch.recognition.look_alikes import base_name
from simsearch.recognition.printed.aligned import corners
from simsearch.recognition.printed.alignment import Alignment
from simsearch.recognition.printed.spelling import distance, same_word

Named = tuple[Reading, ImageFacts]
_TOKEN = re.compile(r"[^\W_]+")
_SURE = 0.85
"""Confidence of a line that can say a name."""
_SHORT = 3
"""Letters below which a word says something only beside the rest of the name: the D of "Avanbren D"."""


@dataclass(frozen=True, eq=False)
class _Word:
    text: str
    """Normalised."""
    line: Line


@dataclass(frozen=True, eq=False)
class _Side:
    name: tuple[str, ...]
    """Words of the name in the catalog, without strength, count and form."""
    words: tuple[_Word, ...]
    """Read on the photo."""


def name_facts(a: Named, b: Named, alignment: Alignment | None) -> tuple[list[PrintedFact], list[PrintedFact]]:
    """Agreements and contradictions of two names; one fact in both together at most.

    `alignment`: a to b. Without one, nothing shows that a word is missing that the other name lacks.
    """
    ours, theirs = _side(a), _side(b)
    at_a, at_b = _whole(ours), _whole(theirs)
    if not at_a or not at_b:
        return [], []
    fact = _fact(at_a, at_b)
    own_a, own_b = ([w for w in x.name if w not in y.name] for x, y in ((ours, theirs), (theirs, ours)))
    if not own_a and not own_b:
        return [fact], []
    if any(_stands(word, ours) for word in own_b) or any(_stands(word, theirs) for word in own_a):
        return [], []
    if own_a and own_b:
        return [], [fact]
    missing = [
        word.line
        for word, name in zip(at_a if own_a else at_b, (ours if own_a else theirs).name, strict=True)
        if name in (own_a or own_b)
    ]
    return [], [fact] if alignment and all(_in_view(line, alignment, of_photo=bool(own_a)) for line in missing) else []


def _side(named: Named) -> _Side:
    reading, facts = named
    sure = (line for line in reading.lines if line.confidence >= _SURE)
    words = tuple(_Word(word, line) for line in sure for word in _TOKEN.findall(normalised(line.text)))
    return _Side(tuple(_TOKEN.findall(normalised(" ".join(base_name(facts))))), words)


def _whole(side: _Side) -> list[_Word]:
    """Where the photo says each word of its own name; empty where it does not say all of them."""
    found = [_find(word, side) for word in side.name]
    return [word for word in found if word is not None] if None not in found else []


def _stands(word: str, side: _Side) -> bool:
    """Whether the photo says a word that is not of its own name."""
    return _find(word, side) is not None


def _find(word: str, side: _Side) -> _Word | None:
    """The word on the photo, the largest of several; not what is nearer to another word of the photo's own name."""
    if len(word) < _SHORT:
        lines = {id(w.line) for w in side.words if any(len(n) >= _SHORT and same_word(n, w.text) for n in side.name)}
        alone = {id(w.line) for w in side.words if normalised(w.line.text) == word}
        found = [w for w in side.words if w.text == word and id(w.line) in lines | alone]
    else:
        others = [name for name in side.name if name != word]
        found = [w for w in side.words if same_word(word, w.text) and not _nearer(w.text, others, word)]
    return max(found, key=lambda w: _height(w.line), default=None)


def _nearer(read: str, others: Sequence[str], word: str) -> bool:
    return any(distance(read, other) < distance(read, word) for other in others)


def _height(line: Line) -> float:
    return float(np.linalg.norm(line.quad[3] - line.quad[0]))


def _fact(a: Sequence[_Word], b: Sequence[_Word]) -> PrintedFact:
    said = [" ".join(dict.fromkeys(word.line.text.strip() for word in side)) for side in (a, b)]
    places = [corners(max(side, key=lambda word: _height(word.line)).line.quad.astype(np.float64)) for side in (a, b)]
    sure = min(word.line.confidence for word in (*a, *b))
    return PrintedFact("name", said[0], said[1], photo_place=places[0], catalog_place=places[1], confidence=sure)


def _in_view(line: Line, alignment: Alignment, *, of_photo: bool) -> bool:
    """Whether the other picture shows the place of a line, among the points that agree."""
    quad = line.quad.astype(np.float64)
    there = alignment.to_catalog(quad) if of_photo else alignment.to_photo(quad)
    shown = bool(np.isfinite(there).all()) and there.min() >= 0 and there.max() <= 1
    return shown and alignment.explained(quad, of_photo=of_photo)
