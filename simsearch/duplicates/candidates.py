"""Candidate pairs: each lane joins the catalog with itself in blocks, and the pairs of all lanes are merged.

A lane yields blocks of (file, file, rank); rank 0 is the nearest other file. A further lane is one more entry in
`LANES`.
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
from simsearch.core.types import Ids, Progress
from simsearch.duplicates.distinct_files import DistinctFiles
from simsearch.duplicates.left_out import LeftOut
from simsearch.features.base import Method, MetricMethod
from simsearch.indexes import create, one_thread
from simsearch.indexes.catalog_keypoints import indexed_keypoints, vote_index
from simsearch.indexes.keypoint_votes import votes

Block: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Files a and b, and the rank of b among the neighbours of a, all (m,)."""
_ROWS = 1024
"""Files whose neighbours are searched at once."""


@dataclass(frozen=True)
class SelfJoin:
    """The catalog as it is compared with itself: the input of every lane and of the check of pairs."""

    catalog: Catalog
    methods: Mapping[str, Method]
    settings: DuplicateSettings
    files: DistinctFiles
    left_out: LeftOut


@dataclass(frozen=True)
class FilePairs:
    """Pairs of files (numbers in `DistinctFiles`), a < b, ascending, each once. 17 bytes a pair."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    rank: NDArray[np.uint8]
    """The best rank of either file among the neighbours of the other, over all lanes; 255 stands for 255 and more."""

    def __len__(self) -> int:
        return len(self.a)


def candidate_pairs(join: SelfJoin, progress: Progress) -> FilePairs:
    """The pairs that at least one lane proposes."""
    n = len(join.files)
    keys, ranks = [np.zeros(0, np.int64)], [np.zeros(0, np.uint8)]
    for name, lane in LANES.items():
        done = 0
        for a, b, rank in lane(join):
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
    return FilePairs(key[first] // max(1, n), key[first] % max(1, n), best[first])


def _neighbours(join: SelfJoin, name: str, least: float) -> Iterator[Block]:
    """Exact search: the nearest files of every file whose similarity is at least `least`."""
    method = join.methods[name]
    assert isinstance(method, MetricMethod)
    vectors = join.files.vectors[name]
    index = create(method.metric, method.dim)
    index.add(np.arange(len(vectors)), vectors)
    k = min(len(vectors), join.settings.neighbours + 1)
    starts = range(0, len(vectors), _ROWS)

    def search(start: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        with one_thread():
            return index.search(vectors[start : start + _ROWS], k)

    # One thread a block. Threads that share a block wait for each other, on a busy machine for most of the time.
    with ThreadPoolExecutor(cores()) as threads:
        for start, (near, similarities) in zip(starts, threads.map(search, starts), strict=True):
            # A file need not be its own first neighbour, nor among its neighbours: others may be equally near.
            itself = near == np.arange(start, start + len(near))[:, None]
            rank = np.arange(k)[None] - (np.cumsum(itself, axis=1) > 0)
            rows, columns = np.nonzero((similarities >= least) & ~itself)
            yield start + rows, near[rows, columns], rank[rows, columns]


def by_embedding(join: SelfJoin) -> Iterator[Block]:
    """Neighbours by the network's embedding: other photos of a product, and edited copies of a photo."""
    return _neighbours(join, "siamese", join.settings.least_similarity)


def by_hash(join: SelfJoin) -> Iterator[Block]:
    """Neighbours by perceptual hash: re-encoded and resized copies, even where the embeddings differ."""
    return _neighbours(join, "phash", join.settings.least_hash_similarity)


def by_votes(join: SelfJoin) -> Iterator[Block]:
    """Files that keypoint voting returns: photos that show a part of a package. Loose pills are not searched for.

    A file costs some milliseconds here and some microseconds in the other lanes. So the lane is off unless
    `duplicates.vote_keypoints` is set.
    """
    most, files, method = join.settings.vote_keypoints, join.files, join.methods["orb"]
    if not most:
        return
    file_of = {i: file for file, i in enumerate(files.ids.tolist())}
    # The index would end at the first damaged keypoints, so these are looked for before.
    active = join.catalog.descriptors.active_ids(method.fingerprint)
    sound = [i for block in _blocks(active) for i in join.left_out.read(join.catalog, method, block)]
    index = vote_index(join.catalog, method, most, ids=np.array(sorted(sound), np.int64))
    k = join.settings.neighbours
    for block in _blocks(files.ids):
        asked = [i for i in block if not files.pills(file_of[i])]
        found: list[tuple[int, int, int]] = []
        for image_id, keypoints in join.left_out.read(join.catalog, method, asked).items():
            a = file_of[image_id]
            images, _ = votes([index], indexed_keypoints(keypoints, most), k=k)
            others = [file_of[i] for i in images[: k + 1].tolist() if i in file_of]
            found += [(a, b, rank) for rank, b in enumerate([b for b in others if b != a][:k])]
        pairs = np.array(found, np.int64).reshape(-1, 3)
        yield pairs[:, 0], pairs[:, 1], pairs[:, 2]


def _blocks(ids: Ids) -> Iterator[list[int]]:
    for start in range(0, len(ids), _ROWS):
        yield ids[start : start + _ROWS].tolist()


LANES: Mapping[str, Callable[[SelfJoin], Iterator[Block]]] = {
    "appearance": by_embedding,
    "hash": by_hash,
    "keypoint votes": by_votes,
}
