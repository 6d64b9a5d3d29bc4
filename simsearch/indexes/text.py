"""An index of text: which documents hold the words and n-grams of a photo's print.

A document is the text of one photo, or what the catalog's table says of one product; its images are what a search is
for. Similarity is the cosine of the terms that two texts hold, each weighted by its rarity (TF-IDF with 1 for every
term that occurs; Salton, Buckley, 1988). To look at every document by it would take a second, so there are two steps:

1. *Candidates.* Each term of a text adds its weight to four places of 1,024, or takes it away, as its hash says. The
   signs of the sums are a sketch whose share of equal bits grows with the cosine (random projections: Charikar, 2002;
   with hashed signs: Weinberger et al., 2009). The nearest sketches are candidates; so are the documents that share a
   rare whole word, because the sketch of a bottle's single word is too unlike that of any longer text.
2. *Exact scores.* The terms of every document lie in the index too, and the candidates are put in order by them.

Sums are of integers, so that equal catalogs give equal sketches, similarities and orders on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Ids
from simsearch.indexes import text_file
from simsearch.indexes.base import one_thread
from simsearch.indexes.text_asked import Asked, heaviest
from simsearch.indexes.text_sketch import BITS, knows, sketch, sketches, table
from simsearch.indexes.text_terms import Terms, Text, by_document
from simsearch.indexes.text_weights import TextWeights

CANDIDATES = 64
"""Nearest sketches that are scored exactly."""
MOST_TERMS = 512
"""Of a document: the heaviest ones. A box has some 200, a strip in small print up to 2,000."""
RARE_WORDS = 24
"""Whole words by which a document can be found: the heaviest ones."""
_COMMON = 64
"""Documents from which a word is not rare."""
_SHARING = 128
"""Documents that rare words add to the candidates, at most."""
_BLOCK = 1024
"""Documents that are put into an index at once."""
_SHARED_WORK = 200_000
"""Documents from which FAISS shares a search between threads."""


@dataclass(frozen=True, eq=False)
class Document:
    """A text, and the images of the product that it belongs to."""

    product: int
    images: Ids
    text: Text


@dataclass(frozen=True, eq=False)
class Arrays:
    """What a file holds: n documents with m images, t terms and r rare words."""

    bits: NDArray[np.uint8]
    """(n, 128)"""
    squares: NDArray[np.int64]
    """(n,) of the lengths of their vectors, in 1/64²."""
    products: Ids
    """(n,)"""
    images: Ids
    """(m,) in the order of the documents."""
    image_starts: NDArray[np.int64]
    """(n + 1,) where the images of each document begin; the last: m."""
    terms: Terms
    """(t,) in the order of the documents, each ascending."""
    term_starts: NDArray[np.int64]
    """(n + 1,)"""
    rare: Terms
    """(r,) ascending."""
    rare_rows: NDArray[np.int32]
    """(r,) the document that holds each."""
    known: NDArray[np.uint8]
    """A table of the terms that any document holds. Others find nothing, and only blur the sketch of a photo: most of
    its print is in no table of a catalog."""

    def fits(self) -> bool:
        """Whether the arrays fit each other, so that nothing outside of them is ever looked at."""
        n = len(self.bits)
        starts = ((self.image_starts, len(self.images)), (self.term_starts, len(self.terms)))
        return (
            self.bits.shape == (n, BITS // 8)
            and len(self.squares) == len(self.products) == n
            and all(
                len(s) == n + 1 and s[0] == 0 and s[-1] == end and bool((np.diff(s) >= 0).all()) for s, end in starts
            )
            and len(self.rare) == len(self.rare_rows)
            and bool(((self.rare_rows >= 0) & (self.rare_rows < n)).all())
            and len(self.known).bit_count() == 1
        )


_SHAPES: dict[str, tuple[type[np.integer[Any]], int]] = {
    "bits": (np.uint8, 2), "squares": (np.int64, 1), "products": (np.int64, 1), "images": (np.int64, 1),
    "image_starts": (np.int64, 1), "terms": (np.uint32, 1), "term_starts": (np.int64, 1), "rare": (np.uint32, 1),
    "rare_rows": (np.int32, 1), "known": (np.uint8, 1),
}  # fmt: skip


class TextIndex:
    """Documents by what they say. Nothing is added later; any number of threads may search it."""

    kind: ClassVar[str] = "text-sketch"

    def __init__(self, arrays: Arrays, rows: NDArray[np.int64] | None = None) -> None:
        """`rows`: the documents of `arrays` that can be found; None: all."""
        self.arrays, self.rows = arrays, rows
        self._sketches: Any = faiss.IndexBinaryFlat(BITS)
        self._sketches.add(np.ascontiguousarray(arrays.bits if rows is None else arrays.bits[rows]))

    def __len__(self) -> int:
        """Number of documents."""
        return int(self._sketches.ntotal)

    @classmethod
    def of(cls, documents: Iterable[Document], weights: TextWeights, spool: BinaryIO | None = None) -> Self:
        """An index of `documents`, each of which is looked at once; those without a term are left out.

        `spool`: an empty file that takes the terms, by far the largest part, instead of memory.
        """
        return cls(_gathered((d for d in documents if d.text), weights, spool))

    def ids(self) -> Ids:
        """The images of all documents, ascending."""
        return np.unique(self.arrays.images)

    def images_of(self, row: int) -> Ids:
        """The images of a document."""
        a = self.arrays
        return a.images[a.image_starts[row] : a.image_starts[row + 1]]

    def part(self, ids: Ids) -> TextIndex:
        """The same index, in which only the images `ids` are found. It shares the arrays of this one."""
        a = self.arrays
        inside = np.isin(a.images, ids)
        starts = np.concatenate([[0], np.cumsum(inside)]).astype(np.int64)[a.image_starts]
        arrays = replace(a, images=a.images[inside], image_starts=starts)
        rows = np.flatnonzero(np.diff(starts))
        return TextIndex(arrays, rows if self.rows is None else np.intersect1d(rows, self.rows))

    def nearest(self, asked: Asked, candidates: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Documents (m,) that share terms with a photo, and their similarities (m,) in 0 to 1, most similar first.

        `candidates`: how many of the nearest sketches are looked at exactly; m is at most this and `_SHARING` more.
        """
        if not len(self) or not len(asked.terms):
            return np.zeros(0, np.int64), np.zeros(0)
        rows = np.union1d(self._by_sketch(asked, candidates), self._by_rare_words(asked.rare))
        similarities = self._similarities(asked, rows)
        order = np.argsort(-similarities, kind="stable")
        order = order[similarities[order] > 0]
        return rows[order], similarities[order]

    def _by_sketch(self, asked: Asked, candidates: int) -> NDArray[np.int64]:
        known = knows(self.arrays.known, asked.terms)
        if not known.any():
            return np.zeros(0, np.int64)
        bits = sketch(asked.terms[known], asked.units[known])
        with one_thread() if len(self) < _SHARED_WORK else nullcontext():
            _, found = self._sketches.search(bits[None], min(candidates, len(self)))
        return np.asarray(found[0] if self.rows is None else self.rows[found[0]], np.int64)

    def _by_rare_words(self, words: Terms) -> NDArray[np.int64]:
        a = self.arrays
        first, last = np.searchsorted(a.rare, words), np.searchsorted(a.rare, words, "right")
        found: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
        for start, end in zip(first.tolist(), last.tolist(), strict=True):
            if start < end <= start + _COMMON and sum(map(len, found)) + end - start <= _SHARING:
                found.append(a.rare_rows[start:end].astype(np.int64))
        rows = np.concatenate(found)
        return rows if self.rows is None else rows[np.isin(rows, self.rows)]

    def holding(self, words: Terms) -> Ids:
        """The images of the documents among whose rare words the rarest of `words` (n,) is, and that hold all of them.

        None where so many hold it that it is not rare.
        """
        a = self.arrays
        starts, ends = np.searchsorted(a.rare, words), np.searchsorted(a.rare, words, "right")
        known = np.flatnonzero((starts < ends) & (ends <= starts + _COMMON))
        if not len(known):
            return np.zeros(0, np.int64)
        rarest = known[np.argmin((ends - starts)[known])]
        rows = a.rare_rows[starts[rarest] : ends[rarest]].astype(np.int64)
        found = [self.images_of(row) for row in rows.tolist() if self._holds(row, words)]
        return np.unique(np.concatenate([np.zeros(0, np.int64), *found]))

    def _holds(self, row: int, terms: Terms) -> bool:
        held = self.arrays.terms[self.arrays.term_starts[row] : self.arrays.term_starts[row + 1]]
        return bool((held[np.minimum(np.searchsorted(held, terms), len(held) - 1)] == terms).all())

    def _similarities(self, asked: Asked, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        held, document = slices(self.arrays.terms, self.arrays.term_starts, rows)
        at, squares = asked.shared(held)
        dots = np.bincount(document[at], squares, minlength=len(rows))  # whole numbers below 2^53: exact in any order
        return cosines(dots.astype(np.float64), self.arrays.squares[rows], asked.square)

    # -- files ---------------------------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write one file.

        Raises:
            GenerationError: it cannot be written.
        """
        text_file.write(path, {name: getattr(self.arrays, name) for name in _SHAPES})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Open what `save` wrote: sketches are read, and all else is mapped.

        Raises:
            GenerationError: the file is no such index.
        """
        arrays = Arrays(**text_file.read(path, _SHAPES))
        if not arrays.fits():
            raise text_file.foreign(path, "an index of text")
        return cls(arrays)


def _gathered(documents: Iterable[Document], weights: TextWeights, spool: BinaryIO | None) -> Arrays:
    left = iter(documents)
    blocks = [_block([], weights, spool)]
    while some := list(islice(left, _BLOCK)):
        blocks.append(_block(some, weights, spool))
    bits, squares, products, images, many, words, said, terms, counts = (
        np.concatenate(part) for part in zip(*blocks, strict=True)
    )
    if spool is not None and counts.any():
        spool.flush()
        terms = np.memmap(spool, np.uint32, "r")
    order = np.argsort(words, kind="stable")
    return Arrays(
        bits=bits, squares=squares, products=products, images=images, image_starts=_starts(many), terms=terms,
        term_starts=_starts(counts), rare=words[order], known=table(terms),
        rare_rows=np.repeat(np.arange(len(said), dtype=np.int32), said)[order],
    )  # fmt: skip


def _block(documents: Sequence[Document], weights: TextWeights, spool: BinaryIO | None) -> tuple[NDArray[Any], ...]:
    """What an index holds of some documents: the bits, squares, products, images and how many each has; rare words and
    how many each has; terms, unless they were written to `spool`, and how many each has.
    """
    count = len(documents)
    words, _, of_words = heaviest([d.text.words for d in documents], weights, RARE_WORDS)
    terms, units, owners = heaviest([d.text.terms for d in documents], weights, MOST_TERMS)
    bits = sketches(terms, units, owners, count)
    squares = np.bincount(owners, units**2, minlength=count).astype(np.int64)  # below 2^53: exact in any order
    kept = by_document(terms, owners).astype(np.uint32)
    if spool is not None:
        spool.write(kept.data)
        kept = kept[:0]
    return (
        bits, squares, np.array([d.product for d in documents], np.int64),
        np.concatenate([np.zeros(0, np.int64), *(d.images for d in documents)]),
        np.array([len(d.images) for d in documents], np.int64),
        words, np.bincount(of_words, minlength=count), kept, np.bincount(owners, minlength=count),
    )  # fmt: skip


def _starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def slices(
    values: NDArray[Any], starts: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The values (v,) of several rows, one after the other, and the place in `rows` (v,) that each belongs to."""
    ends = starts[rows + 1]
    parts = [values[start:end] for start, end in zip(starts[rows].tolist(), ends.tolist(), strict=True)]
    return np.concatenate([values[:0], *parts]), np.repeat(np.arange(len(rows)), ends - starts[rows])


def cosines(dots: NDArray[np.float64], squares: NDArray[np.int64], square: int) -> NDArray[np.float64]:
    """Cosines (n,), from the products with one vector, and the squares of the lengths of all and of that one."""
    return np.minimum(1.0, dots / np.sqrt(np.maximum(1, squares).astype(np.float64) * max(1, square)))
