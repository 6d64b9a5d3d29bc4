"""The words that a package prints largest, and which of them another photo does not print.

Two brands in one design share most of their print. What tells them apart is set large, and is read well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import log1p

import numpy as np

from simsearch.core.forms import forms
from simsearch.features.reading import Line, Reading
from simsearch.features.reading.quads import size
from simsearch.features.reading.text import normalised
from simsearch.recognition.printed.agreement import sized_words
from simsearch.recognition.printed.alignment import Alignment, Points
from simsearch.recognition.printed.spelling import Beside

_SURE, _LARGE = 0.9, 0.5
"""Of the lines whose words count: confidence, and height beside the largest one."""
_SURELY, _LARGEST = 0.95, 0.8
"""The same of a word that is missed where the other photo shows its place."""
_LEAST_LETTERS = 4
_LEAST_HEIGHT = 14.0
"""Pixels of the other picture in which a word is high enough to be read."""


@dataclass(frozen=True)
class Lacking:
    """Which large words of two photos one of them does not print."""

    most: float = 0.0
    """Of the large words of each photo, the share that the other one does not print; the larger share."""
    least: float = 0.0
    """The smaller one."""
    in_view: float = 0.0
    """log(1 + the largest of those words whose place the other photo shows, large enough to be read)."""


def lacking(a: Reading | None, b: Reading | None, alignment: Alignment | None) -> Lacking:
    """What is lacking of two photos; nothing where one of them was not read. `alignment`: a to b."""
    if a is None or b is None or not a.lines or not b.lines:
        return Lacking()
    ours = _not_on(b, a, alignment.to_catalog if alignment else None)
    theirs = _not_on(a, b, alignment.to_photo if alignment else None)
    shares = ours[0], theirs[0]
    return Lacking(max(shares), min(shares), log1p(ours[1] + theirs[1]))


def _not_on(beside: Reading, of: Reading, carry: Callable[[Points], Points] | None) -> tuple[float, int]:
    """The share of the large words of a photo that another one does not print, and how many of these it would show."""
    words, laid = _large(of)
    found = _print(beside).has(laid)
    gone = [one for one, printed in zip(words.values(), found, strict=True) if not printed]
    most = max((height for _, height in words.values()), default=0.0)
    names = [line for line, height in gone if line.confidence >= _SURELY and height >= _LARGEST * most]
    seen = sum(_in_view(line, beside, carry) for line in names) if carry else 0
    return (len(gone) / len(words) if words else 0.0), seen


def _in_view(line: Line, beside: Reading, carry: Callable[[Points], Points]) -> bool:
    place = carry(line.quad.astype(np.float64))
    if not np.isfinite(place).all() or place.min() < 0 or place.max() > 1:
        return False
    return size(place * np.array([beside.width, beside.height], np.float64))[1] >= _LEAST_HEIGHT


def _height(line: Line, reading: Reading) -> float:
    return size(line.on(reading.width, reading.height).astype(np.float64))[1]


@lru_cache(maxsize=1024)
def _large(reading: Reading) -> tuple[Mapping[str, tuple[Line, float]], Beside]:
    """The large words that were read with certainty, normalised, where they stand, and how high; no forms."""
    lines = [line for line in reading.lines if sum(map(str.isalpha, line.text)) >= _LEAST_LETTERS]
    heights = [_height(line, reading) for line in lines]
    least = _LARGE * max(heights, default=0.0)
    sized = zip(lines, heights, strict=True)
    sure = [(line, height) for line, height in sized if height >= least and line.confidence >= _SURE]
    found = {word: (line, height) for line, height in reversed(sure) for word in normalised(line.text).split()}
    words = {w: one for w, one in found.items() if len(w) >= _LEAST_LETTERS and w.isalpha() and not forms(w)}
    return words, Beside(words)


@dataclass(frozen=True)
class _Print:
    """What a photo prints, to look words up in."""

    whole: str
    """All print without spaces."""
    long: frozenset[str]
    """The words that count where they are a piece of another one."""
    words: Beside
    """All words, and neighbours as one."""

    def has(self, words: Beside) -> list[bool]:
        """Whether it prints each word, whole, cut off, or misread in few letters."""
        near = self.words.same(words)
        return [
            word in self.whole or bool(same) or not self.long.isdisjoint(_pieces(word))
            for word, same in zip(words.texts, near, strict=True)
        ]


@lru_cache(maxsize=1024)
def _print(reading: Reading) -> _Print:
    words = {word: None for word, _ in sized_words(reading)}
    whole = "".join(normalised(line.text).replace(" ", "") for line in reading.lines)
    return _Print(whole, frozenset(word for word in words if len(word) >= _LEAST_LETTERS), Beside(words))


@lru_cache(maxsize=16384)
def _pieces(word: str) -> frozenset[str]:
    """All pieces of a word that are long enough to count."""
    ends = range(_LEAST_LETTERS, len(word) + 1)
    return frozenset(word[start:end] for end in ends for start in range(end - _LEAST_LETTERS + 1))
