"""The terms of a text: its character 3-to-5-grams and its whole words, as numbers that are the same on every machine.

A term is a 32-bit hash, by arithmetic of ours on code points: Python's own `hash` differs from process to process. Two
terms of a catalog of a million distinct ones share a number with a chance of 1 in 4,000 each.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from simsearch.core.numbers import ascending
from simsearch.features.reading.text import normalised

Terms: TypeAlias = NDArray[np.uint32]
"""Terms (n,) of a text, ascending, each once."""
LENGTHS = (3, 4, 5)
"""Characters of an n-gram, as `features.reading.text.grams` has them."""
_WORD_SALT = 0x5749_5244
_PARTED = np.uint64(ord("\n"))
_FACTOR_INT = 0x5851F42D4C957F2D
_FACTOR = np.uint64(_FACTOR_INT)
_ALL_BITS = 2**64 - 1


@dataclass(frozen=True, eq=False)
class Text:
    """A text as the lanes look at it."""

    terms: Terms
    """N-grams and words."""
    words: Terms
    """The words among them."""

    def __bool__(self) -> bool:
        return bool(len(self.terms))


def text_of(lines: Iterable[str]) -> Text:
    """The terms of `lines`, each line by itself, so that their order does not count. The lines are normalised here."""
    return texts_of([lines])[0]


def texts_of(documents: Iterable[Iterable[str]]) -> list[Text]:
    """`text_of` of each of the documents: of a thousand together, a third of the time of one after the other."""
    plain = [dict.fromkeys(line for line in map(normalised, lines) if line) for lines in documents]
    framed = ["".join(f"\n {line} " for line in lines) for lines in plain]
    said = [{word for line in lines for word in line.split()} for lines in plain]
    grams, starts = _grams(_code_points("".join(framed)))
    words = np.fromiter((word_term(word) for found in said for word in found), np.uint32)
    of_words, of_grams = numbered(map(len, said)), numbered(map(len, framed))[starts]
    terms = parted(np.concatenate([words, grams]), np.concatenate([of_words, of_grams]), len(plain))
    return [Text(*both) for both in zip(terms, parted(words, of_words, len(plain)), strict=True)]


def numbered(counts: Iterable[int]) -> NDArray[np.int64]:
    """The number of each document, as often as `counts` says of it."""
    times = np.fromiter(counts, np.int64)
    return np.repeat(np.arange(len(times)), times)


def parted(terms: Terms, owners: NDArray[np.int64], count: int) -> list[Terms]:
    """The terms of each of `count` documents, ascending, each once. `owners`: the document (n,) of each of `terms`."""
    if count == 1:  # half of the time
        return [ascending(terms)]
    keys = by_document(terms, owners)
    bounds = np.searchsorted(keys, np.arange(count + 1, dtype=np.uint64) << np.uint64(32)).tolist()
    alone = keys.astype(np.uint32)
    return [alone[start:end] for start, end in pairwise(bounds)]


def by_document(terms: Terms, owners: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Terms behind their documents, ascending, each once: the term is the lower half of a number."""
    return ascending(owners.astype(np.uint64) << np.uint64(32) | terms)


def grams_of(grams: Collection[str]) -> Terms:
    """The terms of n-grams or words, as `term` makes them, all at once."""
    words = _words([g for g in grams if len(g) not in LENGTHS])
    return ascending(np.concatenate([_whole(grams), words]))


def term(text: str) -> int:
    """The term of an n-gram as `features.reading.text.grams` makes it; of anything longer or shorter, as of a word."""
    if len(text) not in LENGTHS:
        return word_term(text)
    found = len(text)
    for character in text:
        found = found * _FACTOR_INT + ord(character)
    return place(found & _ALL_BITS) >> 32


@lru_cache(maxsize=16384)
def word_term(word: str) -> int:
    """The term of a whole, normalised word. One of up to three characters is an n-gram already, with both its ends."""
    framed = f" {word} "
    if len(framed) in LENGTHS:
        return term(framed)
    return place(zlib.crc32(word.encode("utf-8", "surrogatepass")) ^ _WORD_SALT) >> 32


def places(terms: Terms) -> NDArray[np.uint64]:
    """64 well mixed bits (n,) of each term: for where it falls in a sketch or a table."""
    return _mixed(terms.astype(np.uint64))


def place(term: int) -> int:
    """`places` of one term. For a single number, Python's arithmetic takes a tenth of the time of NumPy's."""
    x = term + 0x9E3779B97F4A7C15 & _ALL_BITS
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & _ALL_BITS
    x = (x ^ x >> 27) * 0x94D049BB133111EB & _ALL_BITS
    return x ^ x >> 31


def _code_points(text: str) -> NDArray[np.uint64]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)


def _words(words: Iterable[str]) -> Terms:
    return ascending(np.fromiter(map(word_term, words), np.uint32))


def _whole(grams: Collection[str]) -> Terms:
    """The terms of those that are as long as an n-gram."""
    fitting = [_grams(_code_points("\n".join(g for g in grams if len(g) == n)), (n,))[0] for n in LENGTHS]
    return np.concatenate(fitting)


def _grams(characters: NDArray[np.uint64], lengths: Sequence[int] = LENGTHS) -> tuple[Terms, NDArray[np.int64]]:
    """One term (n,) for each n-gram that lies within a line, and the character (n,) that it begins with.

    With F for the factor and c for the characters it is n Fⁿ + c₀ Fⁿ⁻¹ + ... + cₙ₋₁ modulo 2^64, mixed. So what was
    summed for one length is the beginning of the next.
    """
    sums, whole = characters, characters != _PARTED
    inside = whole
    found, starts = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    for length in range(1, min(lengths[-1], len(characters)) + 1):
        if length > 1:
            sums = sums[:-1] * _FACTOR + characters[length - 1 :]  # arrays of unsigned numbers wrap around
            inside = inside[:-1] & whole[length - 1 :]
        if length in lengths:
            found.append(sums[inside] + np.uint64(length * _FACTOR_INT**length & _ALL_BITS))
            starts.append(np.flatnonzero(inside))
    return _high(_mixed(np.concatenate(found))), np.concatenate(starts)


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea, Flood, 2014): every bit of the input moves every bit of the output."""
    x = x + np.uint64(0x9E3779B97F4A7C15)  # arrays of unsigned numbers wrap around
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _high(x: NDArray[np.uint64]) -> Terms:
    return (x >> np.uint64(32)).astype(np.uint32)
