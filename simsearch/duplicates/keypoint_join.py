"""Keypoint votes between all files at once: which files share keypoints that few others have.

Two keypoints are taken for the same where some of their bits are equal (locality-sensitive hashing: Indyk, Motwani
1998), and a keypoint counts the less the more files have it (inverse document frequency: Sivic, Zisserman 2003). A
ruler that is drawn into hundreds of photos counts for nothing. The work grows with the number of keypoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Voted: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Files a and b, and the rank of b among the files that share keypoints with a, all (m,)."""

TABLES = 2
_BYTES, _MORE_BYTES = 3, 4  # of a keypoint's 32 that make its key in one table, and where there are many keypoints
_MANY = 16_000_000  # keypoints; of more, most would share 24 bits by chance
_MARKS = 1 << 24  # of keys, see `Marked`
_SAMPLE = _MORE_BYTES * TABLES  # the byte by which keypoints are chosen; it is part of no key
_PART = 1 << 22  # entries of a table that are looked at together
_COMMON = 30  # files; a keypoint that more have says nothing
_LEAST = 0.6  # votes below which nothing is proposed
_LEAST_SHARED = 0.012
"""Keys that two files must share, over the keypoints of the one with fewer. Of 500 edited copies (seed 97) next to none
shares fewer with all others of its photo, and more than half of all strangers do."""
_ROWS = 1024  # files whose votes are counted at once
_SHIFT, _MASK = 5, 31  # the number of files that have a keypoint, at most `_COMMON`, in the lowest bits of an event


@dataclass(frozen=True)
class _Table:
    """The runs of files that have one key, of 2 to `_COMMON` files each."""

    members: NDArray[np.int32]
    """Files, run after run."""
    starts: NDArray[np.int64]
    """Of each entry of `members`: where its run starts."""
    sizes: NDArray[np.int64]
    """Of each entry of `members`: the size of its run."""
    by_file: NDArray[np.int64]
    """Entries of `members` in the order of files."""
    first: NDArray[np.int64]
    """(n + 1,) where in `by_file` the entries of each file begin."""


def keys(bits: NDArray[np.uint8], keypoints: int) -> NDArray[np.uint32]:
    """(TABLES, m) keys of keypoints (m, 32), of `keypoints` in all."""
    width = _BYTES if keypoints <= _MANY else _MORE_BYTES
    out = np.zeros((TABLES, len(bits)), np.uint32)
    for table in range(TABLES):
        for place in range(table * width, (table + 1) * width):
            out[table] = (out[table] << np.uint32(8)) | bits[:, place]
    return out


def chosen(bits: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    """At most so many of the keypoints (m, 32) of a photo, by their bits: of two photos mostly the same ones."""
    return bits if len(bits) <= most else bits[np.argsort(bits[:, _SAMPLE], kind="stable")[:most]]


class Marked:
    """Which keys some keypoints have, by their lowest bits: a few that they do not have pass for theirs."""

    def __init__(self, known: Iterable[NDArray[np.uint32]]) -> None:
        """`known`: rows of `keys`, (TABLES, m) each."""
        self._marks = np.zeros((TABLES, _MARKS), np.bool_)
        for key in known:
            for table in range(TABLES):
                self._marks[table, key[table] % _MARKS] = True

    def holds(self, key: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """(m,) whether a keypoint has one of the keys in any table. `key`: (TABLES, m)."""
        met = [self._marks[table, key[table] % _MARKS] for table in range(TABLES)]
        return np.asarray(np.logical_or.reduce(met), np.bool_)


def voted(
    tables: list[NDArray[np.uint32]],
    owner: NDArray[np.uint32],
    n: int,
    most: int,
    rows: NDArray[np.int64] | None = None,
    held: NDArray[np.int64] | None = None,
) -> Iterator[Voted]:
    """The files that share most with each file, in blocks.

    Args:
        tables: rows of `keys`, (m,) each; they are taken out of the list, since they are large.
        owner: (m,) file of each keypoint, 0 to n - 1.
        n: number of files.
        most: files proposed for each.
        rows: files that others are proposed for, ascending; None: all.
        held: (n,) keypoints of each file that vote; None: as many as `owner` has of it.
    """
    voting = np.bincount(owner, minlength=n) if held is None else held
    least = np.asarray(_LEAST_SHARED * voting, np.float64)
    made = [_table(_entries(tables.pop(), owner), n) for _ in range(len(tables))]
    asked = np.arange(n) if rows is None else rows
    for start in range(0, len(asked), _ROWS):
        events = np.concatenate([_events(table, asked[start : start + _ROWS], n) for table in made])
        yield _nearest(events, least, most)


def _entries(key: NDArray[np.uint32], owner: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Key and file in one number each, ascending, of the keys that several entries have."""
    entries = key.astype(np.uint64)
    entries <<= np.uint64(32)
    entries |= owner
    entries.sort()
    shared = np.zeros(len(entries), np.bool_)
    for start in range(0, len(entries) - 1, _PART):
        here = entries[start : start + _PART + 1]
        same = (here[1:] ^ here[:-1]) < np.uint64(1 << 32)
        shared[start : start + len(same)] |= same
        shared[start + 1 : start + 1 + len(same)] |= same
    return entries[shared]


def _table(entries: NDArray[np.uint64], n: int) -> _Table:
    entries = entries[np.r_[True, entries[1:] != entries[:-1]]] if len(entries) else entries
    run = entries >> np.uint64(32)
    starts = np.flatnonzero(np.r_[np.ones(min(1, len(run)), bool), run[1:] != run[:-1]])
    sizes = np.diff(np.r_[starts, len(run)])
    fit = (sizes > 1) & (sizes <= _COMMON)
    kept = np.repeat(fit, sizes)
    members = (entries[kept] & np.uint64(0xFFFFFFFF)).astype(np.int32)
    sizes = sizes[fit]
    begins = np.cumsum(sizes) - sizes
    order = np.argsort(members, kind="stable")
    first = np.searchsorted(members[order], np.arange(n + 1))
    return _Table(members, np.repeat(begins, sizes), np.repeat(sizes, sizes), order, first)


def _events(table: _Table, asked: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """One number for each keypoint that a file of `asked` shares with a file: both, and how many have it."""
    counts = table.first[asked + 1] - table.first[asked]
    skipped = np.repeat(table.first[asked] - (np.cumsum(counts) - counts), counts)
    mine = table.by_file[np.arange(counts.sum()) + skipped]
    sizes = table.sizes[mine]
    row = np.repeat(table.members[mine].astype(np.int64), sizes)
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    other = table.members[np.repeat(table.starts[mine], sizes) + within].astype(np.int64)
    events = ((row * n + other) << _SHIFT) | np.repeat(sizes, sizes)
    return np.asarray(events[row != other], np.int64)


def _nearest(events: NDArray[np.int64], least: NDArray[np.float64], most: int) -> Voted:
    """The `most` files of each row with the most votes, at least `_LEAST`.

    `least`: (n,) keys that a file must share with another one that has as many keypoints or more.
    """
    events.sort()
    n = len(least)
    pairs = events >> _SHIFT
    first = np.flatnonzero(np.r_[np.ones(min(1, len(pairs)), bool), pairs[1:] != pairs[:-1]])
    if not len(first):
        return pairs, pairs, pairs
    scores = np.add.reduceat(1.0 / (events & _MASK), first)
    shared = np.diff(np.r_[first, len(pairs)])
    voted = scores >= _LEAST
    pairs, scores, shared = pairs[first][voted], scores[voted], shared[voted]
    order = np.lexsort((pairs, -scores, pairs // n))
    row, other = pairs[order] // n, pairs[order] % n
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    kept = (rank < most) & (shared[order] >= np.minimum(least[row], least[other]))
    return row[kept], other[kept], rank[kept]
