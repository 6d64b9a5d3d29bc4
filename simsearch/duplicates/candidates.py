"""Which pairs of the catalog are worth a look: a self-join in each lane, in blocks, merged.

A lane yields blocks of (place, place, rank): rank 0 is the nearest other file. Another lane is another
entry in `LANES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.core.config import DuplicateSettings
from simsearch.core.threads import cores
from simsearch.duplicates.distinct_files import Pool
from simsearch.features.base import Method, MetricMethod, unpack
from simsearch.indexes import create, one_thread
from simsearch.indexes.catalog_keypoints import indexed_keypoints, vote_index
from simsearch.indexes.keypoint_votes import votes

Block: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Places a and b, and the rank of b among the neighbours of a, all (m,)."""
Progress = Callable[[int, int, str], None]
_ROWS = 1024


@dataclass(frozen=True)
class Setting:
    """What a lane works with."""

    catalog: Catalog
    methods: Mapping[str, Method]
    settings: DuplicateSettings
    pool: Pool


@dataclass(frozen=True)
class Suspects:
    """Pairs of places, a < b, ascending, each once. 17 bytes a pair."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    rank: NDArray[np.uint8]
    """The best that either has among the neighbours of the other, in any lane."""

    def __len__(self) -> int:
        return len(self.a)


def suspects(on: Setting, progress: Progress) -> Suspects:
    """What any lane suspects."""
    n = len(on.pool)
    keys, ranks = [np.zeros(0, np.int64)], [np.zeros(0, np.uint8)]
    for name, lane in LANES.items():
        done = 0
        for a, b, rank in lane(on):
            done = min(n, done + _ROWS)
            progress(done, n, f"neighbours by {name}")
            other = a != b
            keys.append((np.minimum(a, b) * n + np.maximum(a, b))[other])
            ranks.append(np.minimum(rank, 255).astype(np.uint8)[other])
    key, best = np.concatenate(keys), np.concatenate(ranks)
    order = np.lexsort((best, key))
    key, best = key[order], best[order]
    first = np.ones(len(key), np.bool_)
    first[1:] = key[1:] != key[:-1]
    return Suspects(key[first] // max(1, n), key[first] % max(1, n), best[first])


def _neighbours(on: Setting, name: str, floor: float) -> Iterator[Block]:
    """The nearest files of every file, by exact search."""
    method = on.methods[name]
    assert isinstance(method, MetricMethod)
    vectors = on.pool.vectors[name]
    index = create(method.metric, method.dim)
    index.add(np.arange(len(vectors)), vectors)
    k = min(len(vectors), on.settings.neighbours + 1)
    starts = range(0, len(vectors), _ROWS)

    def search(start: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        with one_thread():
            return index.search(vectors[start : start + _ROWS], k)

    # A block a thread: threads that share one block wait for each other, on a busy machine most of the time.
    with ThreadPoolExecutor(cores()) as threads:
        for start, (near, similarities) in zip(starts, threads.map(search, starts), strict=True):
            # Where many are equally near, the file itself need not stand first, nor at all.
            itself = near == np.arange(start, start + len(near))[:, None]
            rank = np.arange(k)[None] - (np.cumsum(itself, axis=1) > 0)
            rows, columns = np.nonzero((similarities >= floor) & ~itself)
            yield start + rows, near[rows, columns], rank[rows, columns]


def by_embedding(on: Setting) -> Iterator[Block]:
    """Neighbours of the network's embedding: other photos of a product, and changed ones."""
    return _neighbours(on, "siamese", on.settings.least_similarity)


def by_hash(on: Setting) -> Iterator[Block]:
    """Neighbours of the perceptual hash: re-encoded and resized photos, whatever the network thinks of them."""
    return _neighbours(on, "phash", on.settings.least_hash_similarity)


def by_votes(on: Setting) -> Iterator[Block]:
    """Files whose keypoints a file's own keypoints vote for: parts of packages. Loose pills are left out.

    Costs some milliseconds a file, where the other lanes cost microseconds: off unless `duplicates.vote_keypoints`.
    """
    most, pool, method = on.settings.vote_keypoints, on.pool, on.methods["orb"]
    if not most:
        return
    index = vote_index(on.catalog, method, most)
    place_of = {int(i): place for place, i in enumerate(pool.ids)}
    k = on.settings.neighbours
    for start in range(0, len(pool), _ROWS):
        places = [p for p in range(start, min(len(pool), start + _ROWS)) if not pool.pills(p)]
        stored = on.catalog.descriptors.of(method.fingerprint, [int(pool.ids[p]) for p in places])
        found: list[tuple[int, int, int]] = []
        for a in places:
            bits = indexed_keypoints(unpack(method, stored[int(pool.ids[a])], int(pool.ids[a])), most)
            images, _ = votes([index], bits, k=k)
            others = [place_of[i] for i in images[: k + 1].tolist() if i in place_of]
            found += [(a, b, rank) for rank, b in enumerate([b for b in others if b != a][:k])]
        block = np.array(found, np.int64).reshape(-1, 3)
        yield block[:, 0], block[:, 1], block[:, 2]


LANES: Mapping[str, Callable[[Setting], Iterator[Block]]] = {
    "appearance": by_embedding,
    "hash": by_hash,
    "keypoint votes": by_votes,
}
