"""Whether two faces are of one package by what is printed on them, where their pictures have nothing in common.

A strip looks nothing like its carton, and says the same: brand, ingredient, strength, maker. The words that both sides
print are weighed by their rarity among the products of the catalog, and the brand by its size in print: on the faces of
one package the largest rare words are the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log1p

import numpy as np

from simsearch.catalog.images import ImageFacts
from simsearch.core.quantities import without_amounts, without_packs
from simsearch.core.types import PrintAlone, PrintComparison
from simsearch.features.reading.quads import size
from simsearch.features.reading.text import normalised
from simsearch.features.reading.types import Line, Reading
from simsearch.indexes.text_terms import word_term
from simsearch.indexes.text_weights import TextWeights
from simsearch.recognition.printed import PRINT_FEATURES
from simsearch.recognition.printed.lines import names_sibling
from simsearch.recognition.printed.spelling import same_word

ALONE_FEATURES = ("of_photo", "of_catalog", "title", "beside", "quantities", "differing", "code")
"""What print alone says of a pair, in this order:

of_photo, of_catalog: the rarity of all words that both sides say, as a share of that of all words of one side, 0 to 1,
less where that side says little. title: rarity of the word that both sides print large, by how large the smaller of the
two is, 0 to 1. beside: log(1 + words beside that one which the other side does not say: Forte, Junior).
quantities, differing, code: as in `PRINT_FEATURES`.
"""
ALONE_RISING = ("of_photo", "of_catalog", "title", "quantities", "code")
"""Columns that never make "same product" less likely by growing."""
ALONE_FALLING = ("beside", "differing")
"""Columns that never make it more likely."""

NAMED = 0.3
"""`title` from which a name was read on both sides."""
_LETTERS = 4
"""Of a word by which faces are told to be of one package; a shorter one only tells siblings apart."""
_NO_SIBLING = frozenset(
    "pharma pharmaceutical pharmaceuticals laboratory laboratories labs lab limited ltd pvt private inc gmbh ag co"
    " company healthcare industries ip bp usp ph eur rx mg g kg ml l mcg µg iu tm".split()
)
"""Words beside a name that tell no sibling: those of makers, pharmacopoeias and units."""
_MARKS = dict.fromkeys(map(ord, "™®©"), " ")
_LONGEST = 400
"""Characters of a field of a row that are looked at."""
_MOST_RARE = 6.0
"""Rarity that a word counts for at most: that of a word which one product of 400 says. In a larger catalog a word can
be rarer, and is met by chance more often."""
_RARE = 2.0
"""Rarity from which a word can be a name: one product of seven says it, or fewer."""
_TELLING, _MANY = 3.0, 100
"""Rarity of a word that one product of twenty says; products that a catalog must have before that is few."""
_SURE = 0.9
"""Confidence of a line that can say a name."""
_LARGE = 0.5
"""Height beside the largest line from which words are large."""
_TITLES = 8
"""Large rare words of a side that are compared letter by letter."""
_AS_LARGE = 0.8
"""Size beside the name from which another word may be the name."""
_NAME, _ROW = 1.0, 0.4
"""Sizes of the words of a row: of the name, and of all else."""
_LITTLE = 10.0
"""Rarity of a side at which its share counts half: that of two rare words. Little text is easily said by both."""
_MOST_WORDS = 400
"""Words of a side that count: a leaflet in the picture says more."""

_KEPT = [PRINT_FEATURES.index(name) for name in ("quantities", "differing", "code")]


@dataclass(frozen=True, eq=False)
class Said:
    """The words of one side."""

    sizes: Mapping[str, float]
    """Word as normalised -> how large it is printed beside the largest, 0 to 1; also short ones. A word that was read
    with little confidence has size 0: it may be said, and is no name."""
    rarity: Mapping[str, float]
    """Word of `_LETTERS` letters and more -> how rare it is, 0 to `_MOST_RARE`."""
    titles: tuple[str, ...]
    """Large rare words, the most telling first."""
    beside: Mapping[str, frozenset[str]]
    """A word -> those that stand in a line with it."""

    @property
    def whole(self) -> float:
        """Rarity of all words."""
        return sum(self.rarity.values())


def said(reading: Reading | None, facts: ImageFacts | None, weight: Callable[[str], float]) -> Said:
    """The words that a photo, and the row of a product, say.

    Args:
        reading: of the photo; None where it was not read.
        facts: the product; None for a photo that is asked about.
        weight: of a whole word, 1 upwards (`TextWeights.word`).
    """
    lines = [(line.text, _height(line, reading), line.confidence) for line in reading.lines] if reading else []
    largest = max((height for _, height, _ in lines), default=1.0)
    texts = [(text, height / largest * (sure >= _SURE)) for text, height, sure in lines]
    if facts is not None:
        rest = (facts.form, facts.manufacturer, *map(str, facts.attributes.values()))
        name = without_packs(without_amounts(facts.name))
        texts += [(text[:_LONGEST], large) for text, large in ((name, _NAME), *((text, _ROW) for text in rest))]
    sizes: dict[str, float] = {}
    beside: dict[str, frozenset[str]] = {}
    for text, large in texts:
        words = frozenset(filter(str.isalpha, normalised(text.translate(_MARKS)).split()))
        for word in words:
            sizes[word] = max(sizes.get(word, 0.0), large)
            if large >= _LARGE:
                beside[word] = beside.get(word, frozenset()) | words
    rarity = {word: min(weight(word) - 1.0, _MOST_RARE) for word in sizes if len(word) >= _LETTERS}
    return _said(sizes, rarity, beside)


def telling(photo: Said, weights: TextWeights) -> bool:
    """Whether a photo says a word that few products of the catalog say.

    A strip seen from afar gives a line such as "Tablets IP", which is printed on many others: where no word tells
    anything, print must not move one product above another. Among fewer than `_MANY` products every word is rare.
    """
    rare = [word for word, rarity in photo.rarity.items() if rarity >= _TELLING]
    if weights.documents < _MANY:
        return True
    return bool(rare) and bool(weights.held(np.array([word_term(word) for word in rare], np.uint32)).any())


def together_said(faces: Sequence[Said]) -> Said:
    """The words of all faces (one or more) of a product, each as large as where it is largest."""
    if len(faces) == 1:
        return faces[0]
    sizes: dict[str, float] = {}
    for face in faces:
        for word, large in face.sizes.items():
            sizes[word] = max(sizes.get(word, 0.0), large)
    beside: dict[str, frozenset[str]] = {}
    for face in faces:
        for word, others in face.beside.items():
            beside[word] = beside.get(word, frozenset()) | others
    return _said(sizes, {word: rare for face in faces for word, rare in face.rarity.items()}, beside)


def _height(line: Line, reading: Reading) -> float:
    return size(line.on(reading.width, reading.height).astype(np.float64))[1]


def _said(sizes: Mapping[str, float], rarity: Mapping[str, float], beside: Mapping[str, frozenset[str]]) -> Said:
    kept = sorted(rarity, key=lambda word: (-rarity[word], -sizes[word], word))[:_MOST_WORDS]
    large = [word for word in kept if rarity[word] >= _RARE and sizes[word] >= _LARGE]
    titles = sorted(large, key=lambda word: (-rarity[word] * sizes[word], word))[:_TITLES]
    return Said(sizes, {word: rarity[word] for word in kept}, tuple(titles), beside)


def alone(photo: Said, catalog: Said, printed: PrintComparison) -> PrintAlone:
    """What print says of two sides, whatever they look like; `printed`: what their amounts and codes say."""
    shared = [word for word in photo.rarity if word in catalog.rarity]
    common = sum(photo.rarity[word] for word in shared)
    pairs = [(a, b) for a in photo.titles for b in catalog.titles if a == b or same_word(a, b)]
    large = [(min(photo.rarity[a], catalog.rarity[b]) * min(photo.sizes[a], catalog.sizes[b]), a, b) for a, b in pairs]
    best, name, same = max(large, default=(0.0, "", ""))
    title = best / _MOST_RARE
    ours, theirs = (_AS_LARGE * side.sizes.get(word, 0.0) for side, word in ((photo, name), (catalog, same)))
    names = [(a, b) for _, a, b in large if photo.sizes[a] >= ours or catalog.sizes[b] >= theirs]
    more = max((_more(photo, a, catalog, b) + _more(catalog, b, photo, a) for a, b in names), default=0)
    features = (
        common / (photo.whole + _LITTLE), common / (catalog.whole + _LITTLE), title, log1p(more),
        *((printed.features[i] for i in _KEPT) if printed.features else (0.0,) * len(_KEPT)),
    )  # fmt: skip
    words = dict.fromkeys([word for _, word, _ in sorted(large, reverse=True)])
    words |= dict.fromkeys(sorted(shared, key=lambda word: (-photo.rarity[word] * photo.sizes[word], word)))
    led = _led(photo, name, catalog) and _led(catalog, same, photo)
    return PrintAlone(features, tuple(words), title >= NAMED and not more and led)


def _led(one: Said, name: str, other: Said) -> bool:
    """Whether the other side says all rare words that one side prints about as large as the name, or larger.

    Two brands of one drug have its ingredient in common: that is no name.
    """
    least = _AS_LARGE * one.sizes.get(name, 0.0)
    leading = [word for word in one.titles if one.sizes[word] >= least]
    return all(word in other.sizes or any(same_word(word, b) for b in other.titles) for word in leading)


def _more(one: Said, name: str, other: Said, same: str) -> int:
    """Words beside a name on one side that the other side does not say, and that may tell a sibling.

    `same`: the name as the other side says it, beside which such a word may have been misread.
    """
    theirs = [*other.beside.get(same, ())]
    beside = (word for word in one.beside.get(name, ()) if word != name and word not in _NO_SIBLING)
    return sum(word not in other.sizes and names_sibling(word, theirs) for word in beside)
