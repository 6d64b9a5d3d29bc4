"""How much a term of print says: the rarer among the products, the more (inverse document frequency).

A product is one document: all that was read on its photos and all that its table says, so that a product with many
photos counts once. How many products hold a term is kept in a table of fixed size, with two counters a term of which
the smaller counts (count-min: Cormack, Muthukrishnan, 2005). A term that is met for the first time weighs the most.

Weights are whole numbers of 1/64, and everything that is summed of them is summed as integers: the same catalog gives
the same sketches and similarities on every machine.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable
from functools import cached_property
from itertools import accumulate, islice, pairwise
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from simsearch.indexes import text_file
from simsearch.indexes.text_terms import Terms, grams_of, place, places, term, word_term

UNIT = 64
"""Steps of a weight from 0 to 1."""
_ROWS = 2
_PER_DOCUMENT = 512
"""Counters of a row for each product, so that few terms share one."""
_REMEMBERED = 200_000
"""Terms of which `weight` remembers what it said, because the contenders of one photo share most of theirs."""
_TOGETHER = 1024
"""Documents that are counted at once."""
_FEWEST, _MOST = 2**12, 2**21
"""Counters of a row: at most 16 MiB in all, for catalogs of any size."""


class TextWeights:
    """The weights of one generation. Immutable: any number of threads may use it."""

    def __init__(self, documents: int = 0, counts: NDArray[np.uint32] | None = None) -> None:
        """`counts`: (2, buckets), a power of two, of `documents` products. Without them, every term weighs 1."""
        self.documents = documents
        self.counts = np.zeros((_ROWS, 1), np.uint32) if counts is None else counts
        self.counts.setflags(write=False)
        self._told: dict[str, float] = {}

    @classmethod
    def of(cls, documents: Iterable[Terms], expected: int) -> Self:
        """Count the terms of each document. `expected`: about how many documents there will be."""
        buckets = 1 << (min(max(expected * _PER_DOCUMENT, _FEWEST), _MOST) - 1).bit_length()
        counts = np.zeros((_ROWS, buckets), np.uint32)
        number, left = 0, iter(documents)
        while some := list(islice(left, _TOGETHER)):
            bounds = [0, *accumulate(map(len, some))]
            for row, at in zip(counts, _buckets(np.concatenate(some), buckets), strict=True):
                for start, end in pairwise(bounds):
                    row[at[start:end]] += 1  # once a document, also where two of its terms share a counter
            number += len(some)
        return cls(number, counts)

    @cached_property
    def digest(self) -> str:
        """SHA-256: what is made with equal weights may be compared."""
        return hashlib.sha256(self.documents.to_bytes(8, "little") + self.counts.tobytes()).hexdigest()

    @cached_property
    def _by_count(self) -> NDArray[np.int64]:
        """Weight in units, by number of documents."""
        whole = self.documents + 1
        return np.asarray(np.rint(UNIT * (np.log(whole / np.arange(1, whole + 1)) + 1)), np.int64)

    def held(self, terms: Terms) -> NDArray[np.int64]:
        """By how many products (n,) each of `terms` is held, or a few more."""
        counted = zip(self.counts, _buckets(terms, self.counts.shape[1]), strict=True)
        return np.asarray(np.min([row[at] for row, at in counted], axis=0), np.int64)

    def units(self, terms: Terms) -> NDArray[np.int64]:
        """The weights (n,) of `terms`, in 1/64."""
        return np.asarray(self._by_count[np.minimum(self.held(terms), self.documents)], np.int64)

    def weight(self, text: str) -> float:
        """The weight of an n-gram of 3 to 5 characters, or of a longer or shorter word, both as normalised.

        ln((products + 1) / (products that hold it + 1)) + 1: from 1, where all hold it or nothing is known, to
        1 + ln(products + 1).
        """
        told = self._told.get(text)
        if told is None:
            told = self._weight(term(text))
            if len(self._told) < _REMEMBERED:
                self._told[text] = told
        return told

    def word(self, word: str) -> float:
        """The weight of a whole, normalised word of any length."""
        return self._weight(word_term(word))

    def _weight(self, term: int) -> float:
        spread, mask = place(term), self.counts.shape[1] - 1
        held = min(int(row[spread >> 32 * i & mask]) for i, row in enumerate(self.counts))
        return float(self._by_count[min(held, self.documents)] / UNIT)

    def likeness(self, a: Collection[str], b: Collection[str]) -> float:
        """Cosine of two sets of n-grams, each weighted, 0 to 1; 0 for an empty set."""
        one, other = grams_of(a), grams_of(b)
        shared = self._square(np.intersect1d(one, other, assume_unique=True))
        both = self._square(one) * self._square(other)
        return min(1.0, shared / math.sqrt(both)) if both else 0.0

    def _square(self, terms: Terms) -> int:
        return int((self.units(terms) ** 2).sum())

    # -- files ---------------------------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write one file.

        Raises:
            GenerationError: it cannot be written.
        """
        text_file.write(path, {"counts": self.counts, "documents": np.array([self.documents], np.int64)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `save` wrote.

        Raises:
            GenerationError: the file holds no weights.
        """
        arrays = text_file.read(path, {"counts": (np.uint32, 2), "documents": (np.int64, 1)})
        counts, documents = np.array(arrays["counts"]), arrays["documents"]
        buckets = counts.shape[1]
        if (
            counts.shape[0] != _ROWS
            or buckets & (buckets - 1)
            or not buckets
            or len(documents) != 1
            or documents[0] < 0
        ):
            raise text_file.foreign(path, "a table of weights of terms")
        return cls(int(documents[0]), counts)


def _buckets(terms: Terms, buckets: int) -> list[NDArray[np.int64]]:
    """For each row of the table, where (n,) the terms are counted."""
    spread, mask = places(terms), np.uint64(buckets - 1)
    return [((spread >> np.uint64(32 * row)) & mask).astype(np.int64) for row in range(_ROWS)]
