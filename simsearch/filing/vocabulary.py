"""The names and makers that the rows of a catalog hold, and which of them a photo prints.

A photo of a product that has no other photo in the catalog can be held against that product's row alone. Which rows to
hold it against follows from the names on it: the work grows with the words of the photo and not with the rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from simsearch.catalog.images import ImageFacts
from simsearch.catalog.selection import ProductFacts
from simsearch.core.forms import forms
from simsearch.features.reading import Reading
from simsearch.features.reading.text import normalised
from simsearch.recognition.printed.agreement import name_words, sized_words
from simsearch.recognition.printed.spelling import same_word

_LEAST_LETTERS = 4
"""Of a word that leads to a name or maker."""
_SHARED = 40
"""Rows under one word of which so many names have none rarer: it says nothing."""
_COMPANY = frozenset(
    "pharma pharmaceutical pharmaceuticals pharmaceutica pharm ltd limited laboratories laboratory labs lab inc co"
    " company corp corporation gmbh ag sa spa srl plc pvt private llc industries industry health healthcare care the of"
    " and for international group products product medical medicine medicines drug drugs chemical chemicals biotech"
    " life sciences science manufacturing works factory pharmacia healthcare pty bv ab kg".split()
)
"""Words of a maker's name that many of them have."""


@dataclass(frozen=True)
class Makers:
    """What a photo says of makers."""

    said: Collection[str]
    """Words that were read on it."""
    others: Sequence[str]
    """Makers of the catalog whose names are printed on it whole."""

    def agree(self, maker: str) -> bool:
        """Whether a word of this maker's name that is its own was read."""
        return any(same_word(word, read) for word in own_words(maker) for read in self.said)

    def instead(self, maker: str) -> str:
        """A maker that shares no word with this one, and is printed while this one is not; "" where there is none."""
        words = set(own_words(maker))
        if not words or self.agree(maker):
            return ""
        return next((other for other in self.others if not words & set(own_words(other))), "")


class Vocabulary:
    """Names and makers by their rarest words. Immutable."""

    def __init__(self, products: Iterable[ProductFacts]) -> None:
        rows = sorted(products, key=lambda p: p.sku)
        self._names = {p.sku: words for p in rows if (words := _of_name(p))}
        self._facts = {p.sku: p for p in rows}
        self._by_name = _index(self._names)
        makers = sorted({p.manufacturer.strip() for p in rows} - {""})
        self._makers = {maker: words for maker in makers if (words := own_words(maker))}
        self._by_maker = _index(self._makers)

    def facts(self, sku: str) -> ImageFacts | None:
        """The row of an SKU, as that of an image without a file; None where there is none."""
        p = self._facts.get(sku)
        if p is None:
            return None
        return ImageFacts(0, "", "", "unknown", "", sku, p.name, p.strength, p.form, p.manufacturer, p.attributes)

    def words(self, sku: str) -> tuple[str, ...]:
        """The words of the name of an SKU."""
        return self._names.get(sku, ())

    def leads(self, sku: str) -> bool:
        """Whether its name leads to it: too many others may have one of the same."""
        return any(sku in self._by_name.get(word, ()) for word in self.words(sku))

    def named(self, reading: Reading | None, own: str) -> list[str]:
        """SKUs whose name a photo prints by itself, and that is no part of the name of `own`; longest first."""
        read = read_words(reading)
        ours = {*self._names.get(own, ())}
        found = [
            sku
            for sku in _led_to(read, self._by_name)
            if sku != own and read >= {*self._names[sku]} and not ours > {*self._names[sku]}
            and reading is not None and _stands_alone(self._names[sku], reading)
        ]  # fmt: skip
        return sorted(found, key=lambda sku: (-sum(map(len, self._names[sku])), sku))

    def makers(self, reading: Reading | None) -> Makers:
        """The makers that a photo prints."""
        read = read_words(reading)
        found = [maker for maker in _led_to(read, self._by_maker) if read >= {*self._makers[maker]}]
        return Makers(read, sorted(found, key=lambda maker: (-len(maker), maker)))


def read_words(reading: Reading | None) -> frozenset[str]:
    """The words of a reading, and neighbours as one, normalised."""
    return frozenset(word for word, _ in sized_words(reading)) if reading is not None else frozenset()


def own_words(maker: str) -> tuple[str, ...]:
    """The words of a maker's name that are its own; none where they are too short to know it by."""
    words = tuple(word for word in normalised(maker).split() if word not in _COMPANY and not word.isdigit())
    return words if max(map(len, words), default=0) >= _LEAST_LETTERS else ()


def _stands_alone(name: Sequence[str], reading: Reading) -> bool:
    """Whether the longest word of a name stands on a line with one other word at most, or on none as a whole.

    Among others it is an ingredient: "Dexchlorpheniramine Maleate, Dexamethasone".
    """
    word = max(name, key=len)
    lines = [words for line in reading.lines if word in (words := normalised(line.text).split())]
    others = [
        sum(len(w) >= _LEAST_LETTERS and w.isalpha() and w not in name and not forms(w) for w in x) for x in lines
    ]
    return not lines or min(others) <= 1


def _of_name(product: ProductFacts) -> tuple[str, ...]:
    facts = ImageFacts(0, "", "", "", "", product.sku, product.name, "", "", "", {})
    return name_words(facts) if product.name else ()


def _index(words: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The rarest long word of each entry -> the entries."""
    often = Counter(word for of in words.values() for word in {*of})
    found: dict[str, list[str]] = defaultdict(list)
    for entry, of in words.items():
        long = [word for word in of if len(word) >= _LEAST_LETTERS]
        if long:
            found[min(long, key=lambda word: (often[word], word))].append(entry)
    return {word: entries for word, entries in found.items() if len(entries) <= _SHARED}


def _led_to(read: frozenset[str], index: Mapping[str, Sequence[str]]) -> list[str]:
    return [entry for word in sorted(read) for entry in index.get(word, ())]
