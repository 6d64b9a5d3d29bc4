"""Names of two products, as they are printed on their photos.

Siblings such as "Panadol" and "Panadol Extra" differ by a word that only one of them has. The catalog says which word
to look for. Names contradict where each photo says its own name whole, and the word stands on one photo alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.catalog.images import ImageFacts
from simsearch.core.types import PrintedFact
from simsearch.features.reading import Line, Reading
from simsearch.features.reading.content import content
from simsearch.features.reading.quads import size
from simsearch.features.reading.text import normalised
from simsearch.features.reading.types import Cut
from simsearch.recognition.look_alikes import base_name
from simsearch.recognition.print_places import line_at
from simsearch.recognition.printed.aligned import corners
from simsearch.recognition.printed.alignment import Alignment, Points, Zone
from simsearch.recognition.printed.lines import words_apart
from simsearch.recognition.printed.spelling import Beside, distance

Named = tuple[Reading, ImageFacts]
_TOKEN = re.compile(r"[^\W_]+")
_SURE = 0.85
"""Confidence of a line that can say a name."""
_MARKS = dict.fromkeys(map(ord, "™®©"), " ")
_MISREAD_MARKS = ("t", "tm", "m", "r", "o", "c")
"""What a reader makes of the small sign of a trade mark behind a name: `DuoT`."""
_SURE_OF_ENDS, _LARGE, _ENDS = 0.95, 0.4, 0.1
"""Of lines of which one has a word more: confidence; height beside the largest; how far their ends may lie apart, in
lengths of the line."""
_HIGHER = 2.5
"""How many times as high as the other such a line may be: a shorter name is set in larger letters."""
_SHORT = 3
"""Letters below which a word says something only beside the rest of the name: the D of "Avanbren D"."""


@dataclass(frozen=True, eq=False)
class _Word:
    text: str
    """Normalised: as read, or the word of the name that was found there."""
    line: Line
    raw: str
    """As it stands in the line."""


@dataclass(frozen=True, eq=False)
class _Side:
    name: tuple[str, ...]
    """Words of the name in the catalog, without strength, count and form."""
    reading: Reading

    @property
    def words(self) -> tuple[_Word, ...]:
        """Read on the photo."""
        return _read(self.reading)[0]

    def said(self, word: str) -> tuple[_Word, ...]:
        """Those that may be a word."""
        return _said(word, self.reading)


def name_facts(a: Named, b: Named, alignment: Alignment | None) -> tuple[list[PrintedFact], list[PrintedFact]]:
    """Agreements and contradictions of two names; one fact in both together at most.

    `alignment`: a to b. Without one, nothing shows that a word is missing that the other name lacks.
    """
    ours, theirs = _side(a), _side(b)
    at_a, at_b = (_whole(side.name, side.reading) for side in (ours, theirs))
    if not at_a or not at_b:
        return [], []
    fact = _fact(at_a, at_b)
    own_a, own_b = ([w for w in x.name if w not in y.name] for x, y in ((ours, theirs), (theirs, ours)))
    if not own_a and not own_b:
        return [fact], []
    if any(_find(word, ours) for word in own_b) or any(_find(word, theirs) for word in own_a):
        return [], []  # a photo says a word that is not of its own name
    if own_a and own_b:
        return [], [fact]
    longer, shorter = (at_a, at_b) if own_a else (at_b, at_a)
    lines = [word.line for word in longer if word.text in (own_a or own_b)]
    names = [word.line for word in shorter]
    seen = alignment and all(_in_view(line, names, alignment, of_photo=bool(own_a)) for line in lines)
    return [], [fact] if seen else []


def longer_names(a: Reading, b: Reading, alignment: Alignment) -> list[PrintedFact]:
    """Contradictions of large lines at one place, one of which has a word more than the other, without any table.

    Both lines begin and end at the same points, so that the word was not overlooked: the letters are set otherwise.
    """
    most = max((_height(line) for line in b.lines), default=0.0)
    found = []
    for theirs in b.lines:
        if theirs.confidence < _SURE_OF_ENDS or _height(theirs) < _LARGE * most or content(theirs.text).varies:
            continue
        there = alignment.to_photo(theirs.quad.astype(np.float64))
        ours = line_at(a, there, higher=_HIGHER)
        if ours is None or ours.confidence < _SURE_OF_ENDS or not _same_ends(ours, there, a):
            continue
        if _says_more(ours.text, theirs.text) or _says_more(theirs.text, ours.text):
            at_a, at_b = (corners(line.quad.astype(np.float64)) for line in (ours, theirs))
            sure = min(ours.confidence, theirs.confidence)
            found.append(PrintedFact("name", ours.text, theirs.text, False, at_a, at_b, sure))
    return found


def _same_ends(line: Line, place: Points, reading: Reading) -> bool:
    """Whether a line begins and ends where `place` (4, 2) does."""
    size = np.array([reading.width, reading.height], np.float64)
    own, there = line.quad.astype(np.float64) * size, place * size
    length = float(np.linalg.norm(own[1] - own[0]))
    apart = [float(np.linalg.norm(own[[i, j]].mean(axis=0) - there[[i, j]].mean(axis=0))) for i, j in ((0, 3), (1, 2))]
    return max(apart) <= _ENDS * length


def _says_more(one: str, other: str) -> bool:
    """Whether `one` has words at an end that `other` has not, and that are no more than the sign of a trade mark."""
    clean = [" ".join(word for word in _words(text) if word not in _MISREAD_MARKS) for text in (one, other)]
    return words_apart(Cut(clean[0], 1.0), Cut(clean[1], 1.0)) is not None


def _words(text: str) -> list[str]:
    return normalised(text.translate(_MARKS)).split()


# -- words on a photo ------------------------------------------------------------------------------------------------


def _side(named: Named) -> _Side:
    reading, facts = named
    return _Side(tuple(_TOKEN.findall(normalised(" ".join(base_name(facts))))), reading)


@lru_cache(maxsize=1024)
def _read(reading: Reading) -> tuple[tuple[_Word, ...], Beside]:
    """Words of lines that can say a name. A photo is compared with several others."""
    words = tuple(
        _Word(word, line, raw)
        for line in reading.lines
        if line.confidence >= _SURE
        for raw in line.text.split()
        for word in _TOKEN.findall(normalised(raw.translate(_MARKS)))
    )
    return words, Beside({word.text: None for word in words})


@lru_cache(maxsize=4096)
def _said(word: str, reading: Reading) -> tuple[_Word, ...]:
    words, laid = _read(reading)
    [same] = laid.same(Beside([word]))
    return tuple(w for w in words if w.text in same or _exactly(word, w.text))


@lru_cache(maxsize=1024)
def _whole(name: tuple[str, ...], reading: Reading) -> tuple[_Word, ...]:
    """Where a photo says each word of its own name; empty where it does not say all of them."""
    side = _Side(name, reading)
    found = [_find(word, side) for word in name]
    return tuple(word for word in found if word is not None) if None not in found else ()


def _find(word: str, side: _Side) -> _Word | None:
    """Where the photo says a word: on the line with most of the name, the largest of several.

    What was read and is nearer to another word of the photo's own name is that word.
    """
    others = [name for name in side.name if name != word]
    if len(word) < _SHORT:
        named = {id(w.line) for name in side.name if len(name) >= _SHORT for w in side.said(name)}
        alone = {id(w.line) for w in side.words if normalised(w.line.text) == word}
        found = [w for w in side.words if _exactly(word, w.text) and id(w.line) in named | alone]
    else:
        found = [w for w in side.said(word) if not _nearer(w.text, others, word)]
    best = max(found, key=lambda w: (_says(w.line, others, side), _height(w.line)), default=None)
    return replace(best, text=word) if best else None


def _exactly(word: str, read: str) -> bool:
    """Whether a word was read, with or without the sign of a trade mark behind it."""
    return read == word or (read.startswith(word) and read[len(word) :] in _MISREAD_MARKS)


def _nearer(read: str, others: Sequence[str], word: str) -> bool:
    return any(distance(read, other) < distance(read, word) for other in others)


def _says(line: Line, names: Sequence[str], side: _Side) -> int:
    """How many of `names` stand on a line."""
    return sum(any(w.line is line for w in side.said(name)) for name in names)


def _height(line: Line) -> float:
    return size(line.quad.astype(np.float64))[1]


# -- two photos ------------------------------------------------------------------------------------------------------


def _fact(a: Sequence[_Word], b: Sequence[_Word]) -> PrintedFact:
    said = [" ".join(dict.fromkeys(word.raw.strip(",;:") for word in side)) for side in (a, b)]
    places = [corners(max(side, key=lambda word: _height(word.line)).line.quad.astype(np.float64)) for side in (a, b)]
    sure = min(word.line.confidence for word in (*a, *b))
    return PrintedFact("name", said[0], said[1], photo_place=places[0], catalog_place=places[1], confidence=sure)


def _in_view(line: Line, names: Sequence[Line], alignment: Alignment, *, of_photo: bool) -> bool:
    """Whether the other picture shows the place of a line: its own name (`names`) is read there, or points agree."""
    quad = line.quad.astype(np.float64)
    there = alignment.to_catalog(quad) if of_photo else alignment.to_photo(quad)
    if not np.isfinite(there).all() or there.min() < 0 or there.max() > 1:
        return False
    among = alignment.zone(there if of_photo else quad) is Zone.WITHIN
    return among or any(_meet(there, name.quad) for name in names)


def _meet(a: Points, b: NDArray[np.float32]) -> bool:
    """Whether two quads (4, 2) overlap."""
    return float(cv2.intersectConvexConvex(a.astype(np.float32), b)[0]) > 0
