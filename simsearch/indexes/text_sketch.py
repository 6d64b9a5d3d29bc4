"""A text in 1,024 bits, and a table of the terms that occur at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsearch.indexes.text_terms import Terms, places

BITS = 1024
"""Of a sketch."""
_PLACES = 4
"""Of a sketch that each term falls into."""
_MOST_KNOWN = 2**24
"""Bits of a table of terms, at most."""
_AT_ONCE = 2**20
"""Terms that are put into a table at once."""


def sketch(terms: Terms, units: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The sketch (128,) of terms with their weights."""
    return sketches(terms, units, np.zeros(len(terms), np.int64), 1).reshape(-1)


def sketches(terms: Terms, units: NDArray[np.int64], owners: NDArray[np.int64], count: int) -> NDArray[np.uint8]:
    """The sketches (count, 128) of several documents. `owners`: the document (n,) of each of `terms`."""
    sums, mixed = np.zeros(count * BITS), places(terms)
    for spread in (mixed >> np.uint64(16 * turn) for turn in range(_PLACES)):
        signed = np.where(spread & np.uint64(BITS), units, -units)
        at = owners * BITS + (spread & np.uint64(BITS - 1)).astype(np.int64)
        sums += np.bincount(at, signed, minlength=len(sums))
    return np.packbits(sums.reshape(count, BITS) > 0, axis=1)


def table(terms: Terms) -> NDArray[np.uint8]:
    """Bits (b,) that say of any term whether it may be among `terms` (Bloom, 1970, with one hash)."""
    size = 1 << (min(max(2 * len(terms), 64), _MOST_KNOWN) - 1).bit_length()
    marked = np.zeros(size, bool)
    for start in range(0, len(terms), _AT_ONCE):  # they may be mapped from a file and larger than memory
        marked[_marks(terms[start : start + _AT_ONCE], size)] = True
    return np.packbits(marked)


def knows(known: NDArray[np.uint8], terms: Terms) -> NDArray[np.bool_]:
    """Whether each of `terms` (n,) may be in the table `known`: never False for one that is."""
    at = _marks(terms, 8 * len(known))
    return np.asarray(known[at >> 3] >> (7 - (at & 7)).astype(np.uint8) & 1, bool)


def _marks(terms: Terms, size: int) -> NDArray[np.int64]:
    return (places(terms) >> np.uint64(20) & np.uint64(size - 1)).astype(np.int64)
