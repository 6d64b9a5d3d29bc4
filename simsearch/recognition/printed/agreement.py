"""How much of the text of two photos, and of the catalog's own words, is the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from simsearch.catalog.images import ImageFacts
from simsearch.core.forms import forms
from simsearch.core.quantities import without_amounts, without_packs
from simsearch.features.reading.quads import size
from simsearch.features.reading.text import grams, normalised
from simsearch.features.reading.types import Reading
from simsearch.recognition.printed.spelling import Beside

Weights = Callable[[str], float]
"""Rarity of an n-gram or a word of normalised text, above 0; 1.0 where there is no corpus."""

_LEAST_LETTERS = 3
"""As many as a shorter word of a name counts for: the N of `Betnesol-N`."""
_FEW = 40
"""n-grams at which a likeness counts half: those of two short words."""
_WORD = re.compile(r"[^\W\d_]+(?:[^\W_]*[^\W\d_])?")


def text_likeness(a: Reading, b: Reading, weights: Weights) -> float:
    """Cosine of the weighted sets of character 3-to-5-grams, 0 to 1; 0 where one side has none."""
    (squares, own), (_, other) = _squares(a, weights), _squares(b, weights)
    shared = float(sum(squares[gram] for gram in _grams(a) & _grams(b)))
    return shared / (own * other) ** 0.5 if own and other else 0.0


def text_evidence(a: Reading, b: Reading) -> float:
    """How much a likeness of all text is worth, 0 to 1: the n-grams of the side with fewer, over those and `_FEW`.

    Two photos with one short line each are easily equal in it: a maker, "Tablets IP".
    """
    fewer = min(len(_grams(a)), len(_grams(b)))
    return fewer / (fewer + _FEW)


@lru_cache(maxsize=1024)
def _grams(reading: Reading) -> frozenset[str]:
    """Of all lines. A photo is compared with several others."""
    return grams(line.text for line in reading.lines)


@lru_cache(maxsize=512)
def _squares(of: Reading, weights: Weights) -> tuple[Mapping[str, float], float]:
    """The squares of the weights of its n-grams, and their sum."""
    found = {gram: weights(gram) ** 2 for gram in _grams(of)}
    return found, float(sum(found.values()))


def name_words(facts: ImageFacts) -> tuple[str, ...]:
    """Words of a product's name that are no amounts, counts or forms, normalised; all words where none is left."""
    words = _WORD.findall(normalised(without_packs(without_amounts(facts.name))))
    kept = tuple(word for word in words if not forms(word))
    return kept or tuple(words)


@lru_cache(maxsize=1024)
def sized_words(reading: Reading) -> Sequence[tuple[str, float]]:
    """Whole words of a reading, and two neighbours as one, with how large they are beside the largest, 0 to 1."""
    found: list[tuple[str, float]] = []
    for line in reading.lines:
        words = _WORD.findall(normalised(line.text))
        height = size(line.on(reading.width, reading.height).astype(np.float64))[1]
        found += [(word, height) for word in [*words, *(a + b for a, b in pairwise(words))]]
    most = max((height for _, height in found), default=1.0)
    return tuple((word, height / most) for word, height in found)


@lru_cache(maxsize=512)
def _beside(printed: tuple[tuple[str, float], ...]) -> Beside:
    return Beside(dict.fromkeys(word for word, _ in printed))


def name_agreement(words: Sequence[str], printed: Sequence[tuple[str, float]], weights: Weights) -> float:
    """How much of a name is printed on the photo, 0 to 1, by whole words; a word printed small counts half at least.

    `words`: of the name; `printed`: see :func:`sized_words`. Rare words count more.
    """
    whole = sum(weights(word) * max(len(word), _LEAST_LETTERS) for word in words)
    if not whole:
        return 0.0
    joined = "".join(words)
    found = 0.0
    for word, near in zip(words, _beside(tuple(printed)).same(Beside(words)), strict=True):
        same = {*near, joined} if len(words) > 1 else {*near}
        sizes = [share for other, share in printed if other in same]
        found += weights(word) * max(len(word), _LEAST_LETTERS) * (0.5 + 0.5 * max(sizes)) if sizes else 0.0
    return found / whole
