"""Neighbours by hash among all files at once: every pair with at most so many bits apart, without comparing all pairs.

Two hashes that differ in few bits differ in few bits of some quarter, too: in at most a quarter as many (multi-index
hashing: Norouzi, Punjani, Fleet 2012). So a file is compared with those files alone that have nearly its bits in one
of four quarters. It finds what the comparison of all pairs finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from simsearch.core.threads import cores

_QUARTERS, _BITS = 4, 16
_ROWS = 512
"""Files of one quarter that are compared at once."""

Near = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Files a and b, and the rank of b among the neighbours of a, all (m,)."""


def near_hashes(hashes: NDArray[np.uint8], apart: int, most: int) -> Near:
    """The `most` nearest of the other files with at most `apart` bits apart, for every file. `hashes`: (n, 8)."""
    with ThreadPoolExecutor(cores()) as threads:
        parts = threads.map(lambda quarter: list(_by_quarter(hashes, quarter, apart, most)), range(_QUARTERS))
        found = [block for part in parts for block in part]
    none = np.zeros(0, np.int64)
    a, b = (np.concatenate([none, *(block[k] for block in found)]) for k in (0, 1))
    bits = np.concatenate([none, *(block[2] for block in found)])
    order = np.lexsort((b, bits, a))
    a, b = a[order], b[order]
    # One pair may be found in several quarters; the same bits apart, it then stands next to itself.
    first = np.r_[True, (a[1:] != a[:-1]) | (b[1:] != b[:-1])][: len(a)]
    a, b = a[first], b[first]
    rank = np.arange(len(a)) - np.searchsorted(a, a)
    kept = rank < most
    return a[kept], b[kept], rank[kept]


def _by_quarter(hashes: NDArray[np.uint8], quarter: int, apart: int, most: int) -> Iterator[Near]:
    """Files a and b that nearly agree in one quarter, and how many bits they are apart."""
    import faiss

    part = hashes[:, 2 * quarter].astype(np.int64) << 8 | hashes[:, 2 * quarter + 1]
    order = np.argsort(part, kind="stable")
    sorted_hashes = np.ascontiguousarray(hashes[order])
    starts = np.searchsorted(part[order], np.arange((1 << _BITS) + 1))
    flips = _flips(apart // _QUARTERS)
    for value in np.flatnonzero(np.diff(starts)).tolist():
        keys = value ^ flips
        begins, sizes = starts[keys], starts[keys + 1] - starts[keys]
        others = np.repeat(begins - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
        if len(others) < 2:
            continue
        there = sorted_hashes[others]
        for begin in range(int(starts[value]), int(starts[value + 1]), _ROWS):
            here = sorted_hashes[begin : min(begin + _ROWS, int(starts[value + 1]))]
            bits = np.empty((len(here), len(there)), np.int32)
            pointers = [faiss.swig_ptr(array) for array in (here, there, bits)]
            faiss.hammings(*pointers[:2], len(here), len(there), here.shape[1], pointers[2])  # type: ignore[attr-defined]
            rows, columns = np.nonzero(bits <= apart)
            if len(rows) == len(here):  # each is as near itself, and no other is
                continue
            if len(rows) > 4 * most * len(here):  # many copies of one picture
                columns = np.argpartition(bits, most, axis=1)[:, : most + 1].ravel()
                rows = np.repeat(np.arange(len(here)), most + 1)
                near = bits[rows, columns] <= apart
                rows, columns = rows[near], columns[near]
            a, b = order[begin + rows], order[others[columns]]
            other = a != b
            yield a[other], b[other], bits[rows, columns][other].astype(np.int64)


def _flips(bits: int) -> NDArray[np.int64]:
    """All numbers with at most so many bits set."""
    places = range(_BITS)
    return np.array([sum(1 << k for k in some) for n in range(bits + 1) for some in combinations(places, n)], np.int64)
