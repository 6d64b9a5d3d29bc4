"""Candidate pairs: each lane joins the catalog with itself in blocks, and the pairs of all lanes are merged.

A lane yields blocks of (file, file, rank); rank 0 is the nearest other file. A further lane is one more entry in
`LANES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.core.config import DuplicateSettings
from simsearch.core.threads import cores
from simsearch.core.types import Ids, Progress
from simsearch.duplicates.distinct_files import DistinctFiles
from simsearch.duplicates.hash_join import near_hashes
from simsearch.duplicates.keypoint_join import TABLES, Marked, chosen, keys, voted
from simsearch.duplicates.left_out import LeftOut
from simsearch.features.base import Method, MetricMethod
from simsearch.features.hashes import mirrored
from simsearch.features.keypoints import column
from simsearch.indexes import create, one_thread
from simsearch.indexes.factory import FactoryIndex

Block: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Files a and b, and the rank of b among the neighbours of a, all (m,)."""
Search: TypeAlias = Callable[[NDArray[Any], int], tuple[NDArray[np.int64], NDArray[np.float32]]]
"""Vectors (m, width) and k -> ids (m, k), -1 where there are fewer, and similarities (m, k)."""
_ROWS = 1024
"""Files whose neighbours are searched at once."""
NONE = 255
"""The rank of a file that is no neighbour, or a far one."""
_EXACT_PAIRS = 2_000_000_000
"""Pairs that are all compared: 45,000 files with each other, or a night's with millions."""
_IN_A_LIST, _TRAINED_ON, _LISTS = 250, 40, 16
"""Embeddings in a list, about; of how many for each list k-means is trained; lists searched for each embedding."""
_MOST_KEYPOINTS, _FEWEST_KEYPOINTS = 48_000_000, 40
"""Keypoints of all files that vote, 12 bytes each; and of one file, however many files there are."""


@dataclass(frozen=True)
class SelfJoin:
    """The catalog as it is compared with itself: the input of every lane and of the check of pairs."""

    catalog: Catalog
    methods: Mapping[str, Method]
    settings: DuplicateSettings
    files: DistinctFiles
    left_out: LeftOut
    asked: NDArray[np.int64] | None = None
    """Files whose neighbours are sought, ascending; None: all."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """The files whose neighbours are sought."""
        return np.arange(len(self.files)) if self.asked is None else self.asked


@dataclass(frozen=True)
class FilePairs:
    """Pairs of files (numbers in `DistinctFiles`), a < b, ascending, each once. 18 bytes a pair."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    rank: NDArray[np.uint8]
    """The best rank of either file among the neighbours of the other, by embedding or hash; 255: a far one or none."""
    votes: NDArray[np.uint8]
    """The same among the files that share rare keypoints. These say where copies may be, and not which product it is:
    siblings in one design share as many."""

    def __len__(self) -> int:
        return len(self.a)


def candidate_pairs(join: SelfJoin, progress: Progress) -> FilePairs:
    """The pairs that at least one lane proposes."""
    n = len(join.files)
    found, ranks = [np.zeros(0, np.int64)], [np.zeros((2, 0), np.uint8)]
    for name, lane in LANES.items():
        done = 0
        for a, b, rank in lane(join):
            done = min(n, done + _ROWS)
            progress(done, n, f"neighbours by {name}")
            other = a != b
            found.append((np.minimum(a, b) * n + np.maximum(a, b))[other])
            both = np.full((2, len(found[-1])), NONE, np.uint8)
            both[int(lane is by_votes)] = np.minimum(rank, NONE)[other]
            ranks.append(both)
    key, best = np.concatenate(found), np.concatenate(ranks, axis=1)
    order = np.argsort(key, kind="stable")
    key, best = key[order], best[:, order]
    first = np.flatnonzero(np.r_[np.ones(min(1, len(key)), np.bool_), key[1:] != key[:-1]])
    best = np.minimum.reduceat(best, first, axis=1) if len(first) else best
    return FilePairs(key[first] // max(1, n), key[first] % max(1, n), best[0], best[1])


def mirror_pairs(join: SelfJoin) -> list[tuple[int, int]]:
    """Pairs (a, b), a < b, ascending, in which one file has about the hash of the other's mirror image."""
    found = set()
    for a, b, _ in _neighbours(join, "phash", join.settings.least_hash_similarity, mirrored):
        found |= {(min(pair), max(pair)) for pair in zip(a.tolist(), b.tolist(), strict=True)}
    return sorted(found)


def _neighbours(
    join: SelfJoin, name: str, least: float, turned: Callable[[NDArray[Any]], NDArray[Any]] = np.asarray
) -> Iterator[Block]:
    """The nearest files of every file asked for whose similarity is at least `least`.

    `turned`: makes of descriptors those that are looked for.
    """
    method = join.methods[name]
    assert isinstance(method, MetricMethod)
    vectors = join.files.vectors[name]
    k = min(len(vectors), join.settings.neighbours + 1)
    search = _searcher(method, vectors, len(join.rows))
    starts = range(0, len(join.rows), _ROWS)

    def found(start: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        asked = join.rows[start : start + _ROWS]
        with one_thread():
            return asked, *search(turned(vectors[asked]), k)

    # One thread a block. Threads that share a block wait for each other, on a busy machine for most of the time.
    with ThreadPoolExecutor(cores()) as threads:
        for asked, near, similarities in threads.map(found, starts):
            # A file need not be its own first neighbour, nor among its neighbours: others may be equally near.
            itself = near == asked[:, None]
            rank = np.arange(near.shape[1])[None] - (np.cumsum(itself, axis=1) > 0)
            rows, columns = np.nonzero((similarities >= least) & ~itself & (near >= 0))
            yield asked[rows], near[rows, columns], rank[rows, columns]


def _searcher(method: MetricMethod, vectors: NDArray[Any], asked: int) -> Search:
    """Exact search; by inverted lists where that would be most of all work, which grows with the square."""
    ids = np.arange(len(vectors))
    if method.metric == "cosine" and asked * len(vectors) > _EXACT_PAIRS:
        lists = FactoryIndex(method.dim, f"IVF{len(vectors) // _IN_A_LIST},SQfp16")
        lists.build(ids, vectors, training=_TRAINED_ON * len(vectors) // _IN_A_LIST)
        while lists.effort < _LISTS and lists.raise_effort():
            pass
        return lists.search
    index = create(method.metric, method.dim)
    index.add(ids, vectors)
    return index.search


def by_embedding(join: SelfJoin) -> Iterator[Block]:
    """Neighbours by the network's embedding: other photos of a product, and edited copies of a photo."""
    return _neighbours(join, "siamese", join.settings.least_similarity)


def by_hash(join: SelfJoin) -> Iterator[Block]:
    """Neighbours by perceptual hash: re-encoded and resized copies, even where the embeddings differ."""
    hashes, least = join.files.vectors["phash"], join.settings.least_hash_similarity
    if len(join.rows) * len(hashes) <= _EXACT_PAIRS:
        yield from _neighbours(join, "phash", least)
        return
    a, b, rank = near_hashes(hashes, int(8 * hashes.shape[1] * (1 - least) + 1e-9), join.settings.neighbours)
    asked = np.isin(a, join.rows)
    yield a[asked], b[asked], rank[asked]


def by_votes(join: SelfJoin) -> Iterator[Block]:
    """Files that share rare keypoints: a crop or a turned copy, which the other lanes may see as another picture."""
    most, files = join.settings.vote_keypoints, join.files
    if not most or len(files) < 2:
        return
    most = max(_FEWEST_KEYPOINTS, min(most, _MOST_KEYPOINTS // len(files)))
    # Filled as they are read: lists of blocks would need twice the memory.
    tables = [np.empty(most * len(files), np.uint32) for _ in range(TABLES)]
    owner = np.empty(most * len(files), np.uint32)
    # What no file asked for has needs no comparison: of a night's files this leaves next to nothing.
    asked = None if join.asked is None else Marked(key for key, _ in _keys(join, files.ids[join.asked], most))
    held, end = np.zeros(len(files), np.int64), 0
    for key, own in _keys(join, files.ids, most):
        held += np.bincount(own, minlength=len(files))
        if asked is not None:
            kept = asked.holds(key)
            key, own = key[:, kept], own[kept]
        start, end = end, end + len(own)
        for table, values in zip(tables, key, strict=True):
            table[start:end] = values
        owner[start:end] = own
    tables = [table[:end] for table in tables]
    yield from voted(tables, owner[:end], len(files), join.settings.neighbours, join.rows, held)


def _keys(join: SelfJoin, ids: Ids, most: int) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.int64]]]:
    """Keys (TABLES, m) of the keypoints that vote, of images `ids` (the first of a file each), and (m,) their files."""
    files = join.files
    for block in _blocks(ids):
        found = join.left_out.read(join.catalog, join.methods["orb"], block)
        picked = [chosen(column(keypoints, "bits"), most) for keypoints in found.values()]
        if picked:
            owner = np.repeat(np.searchsorted(files.ids, list(found)), list(map(len, picked)))
            yield keys(np.concatenate(picked), most * len(files)), owner


def _blocks(ids: Ids) -> Iterator[list[int]]:
    for start in range(0, len(ids), _ROWS):
        yield ids[start : start + _ROWS].tolist()


LANES: Mapping[str, Callable[[SelfJoin], Iterator[Block]]] = {
    "appearance": by_embedding,
    "hash": by_hash,
    "keypoint votes": by_votes,
}
