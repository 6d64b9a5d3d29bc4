"""Votes of keypoints: which images hold the local features of a photo.

Every binary descriptor of the catalog lies in an inverted file (FAISS IndexBinaryIVF) under its image's id. Its centres
are drawn from the descriptors, without iterations (Muja, Lowe 2012, "Fast matching of binary features"): k-means over
bits takes minutes and finds no more. The centres lie in an inverted file of their own, so that there can be many: how
much is found hardly depends on how fine the lists are, how long it takes does (docs/lookup.md).

The votes are those of local naive Bayes nearest neighbour (McCann, Lowe 2012): a descriptor of the photo votes for the
images of its k nearest ones, each by how much nearer it is than the (k + 1)-th, which stands for what is found
everywhere. Printed standard text, rulers and frames have more than k neighbours at about one distance, and so hardly a
vote: what inverse document frequency (Sivic, Zisserman 2003) does for words. An image gets at most one vote from each
descriptor, so that a repeated pattern does not count for itself (burstiness: Jégou, Douze, Schmid 2009).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from simsearch.core.errors import GenerationError
from simsearch.core.types import Elsewhere, Ids, Metric
from simsearch.indexes.base import one_thread

Bits = NDArray[np.uint8]
"""Binary descriptors, shape (n, dim / 8)."""
Distances = NDArray[np.int32]
"""Hamming distances, shape (n, k)."""

ASKED = 200
"""Descriptors of a photo that are looked up, spread evenly: all 500 take more than twice as long and find one photo in
eighty more."""
PROBES = 8
"""Lists that are searched for each descriptor."""
_CENTRE_PROBES = 16
"""Lists of centres that are searched for the nearest ones."""
_FEW_LISTS = 1024
"""Centres up to which all are compared."""
_EXACT = 10_000
"""Descriptors up to which all are compared: some fifty images, as lie beside a generation most of the time."""
_SEED = 20
_FARTHEST = 256
"""Bits by which nothing differs more: stands for what is not there."""
_DEEPEST = 1024
"""Neighbours that are asked for at most where those of retired images stand before the others."""


def lists_for(descriptors: int) -> int:
    """Lists of an index of so many descriptors.

    Their number to the power 2/3: what the search for the nearest centres costs (16 lists of as many centres as the
    root of the number of lists) then grows as slowly as the lists that are searched.
    """
    return 1 if descriptors <= _EXACT else round(0.5 * descriptors ** (2 / 3))


class VoteIndex:
    """Many binary descriptors an image. Approximate: two in five nearest neighbours are missed, but hardly an image.

    Not a `VectorIndex`: ids repeat, and what is searched is an image's whole set of descriptors at once.
    """

    kind: ClassVar[str] = "votes"
    metric: ClassVar[Metric] = "hamming"

    def __init__(self, dim: int = 256, expected: int = 0) -> None:
        """`expected`: descriptors that will be added in all; 0: those of the sample."""
        self.dim, self.expected = dim, expected
        self._index: Any = None
        self._centres: list[Any] = []  # the index only points to them

    def __len__(self) -> int:
        """Descriptors, not images."""
        return 0 if self._index is None else int(self._index.ntotal)

    def add(self, ids: Ids, descriptors: Bits) -> None:
        """Image ids (n,), each repeated for all its descriptors, and descriptors (n, dim / 8)."""
        assert len(ids) == len(descriptors)
        if not len(ids):
            return
        if self._index is None:
            self.train(descriptors)
        self._index.add_with_ids(np.ascontiguousarray(descriptors, np.uint8), np.ascontiguousarray(ids, np.int64))

    def train(self, descriptors: Bits) -> None:
        """Draw the centres from a sample (n, dim / 8), before anything is added; else the first `add` is the sample."""
        assert len(descriptors)
        assert not len(self)
        lists = min(lists_for(max(self.expected, len(descriptors))), len(descriptors))
        rng = np.random.default_rng(_SEED)
        chosen = rng.choice(len(descriptors), lists, replace=False)
        centres = np.unique(descriptors[np.sort(chosen)], axis=0)  # equal centres would leave empty lists
        quantizer = faiss.IndexBinaryFlat(self.dim)
        self._centres = [quantizer]
        if len(centres) > _FEW_LISTS:
            chosen = rng.choice(len(centres), round(len(centres) ** 0.5), replace=False)
            quantizer.add(centres[np.sort(chosen)])
            quantizer = self._lists(quantizer)
            quantizer.nprobe = _CENTRE_PROBES
            self._centres.append(quantizer)
        quantizer.add(centres)
        self._index = self._lists(quantizer)

    def _lists(self, centres: Any) -> Any:
        index = faiss.IndexBinaryIVF(centres, self.dim, centres.ntotal)
        index.is_trained = True
        return index

    def neighbours(self, descriptors: Bits, k: int) -> tuple[Distances, Ids]:
        """The k nearest of each descriptor, nearest first: distances (n, k) and ids of their images (n, k).

        Where fewer were found, the id is -1 and the distance dim / 2, that of two descriptors drawn by chance.
        """
        shape = (len(descriptors), k)
        if not len(self) or not len(descriptors):
            return np.full(shape, self.dim // 2, np.int32), np.full(shape, -1, np.int64)
        self._index.nprobe = min(PROBES, self._index.nlist)
        with one_thread():  # two milliseconds of work: on a busy machine threads that share it wait a second
            distances, ids = self._index.search(np.ascontiguousarray(descriptors, np.uint8), k)
        return np.where(ids < 0, self.dim // 2, distances).astype(np.int32), ids

    def ids(self) -> Ids:
        """Images with at least one descriptor, ascending."""
        if self._index is None:
            return np.zeros(0, np.int64)
        lists = self._index.invlists
        held = [
            np.unique(faiss.rev_swig_ptr(lists.get_ids(i), lists.list_size(i)))
            for i in range(self._index.nlist)
            if lists.list_size(i)
        ]
        return np.unique(np.concatenate(held)).astype(np.int64)

    def save(self, path: Path) -> None:
        """Write one file. GenerationError where it cannot be written."""
        index = self._index or faiss.IndexBinaryFlat(self.dim)  # of no descriptors: an index without centres
        try:
            faiss.write_index_binary(index, str(path))
        except RuntimeError as error:
            raise GenerationError(f"{path}: FAISS cannot write it; check the folder and the free disk space") from error

    @classmethod
    def load(cls, path: Path, dim: int = 256) -> Self:
        """Inverse of save, of a file that `save` wrote or that is something else entirely.

        The lists are mapped, not read: opening takes milliseconds, whatever the size. Nothing can be added.

        Raises:
            GenerationError: the file is not such an index of `dim` bits.
        """
        try:
            read = faiss.read_index_binary(str(path), faiss.IO_FLAG_MMAP)
        except (RuntimeError, MemoryError) as error:
            raise GenerationError(f"{path}: FAISS cannot read it; run `simsearch rebuild`") from error
        index = cls(dim)
        if read.d != dim or not isinstance(read, faiss.IndexBinaryIVF | faiss.IndexBinaryFlat):
            raise GenerationError(f"{path}: is not an index of keypoints of {dim} bits; run `simsearch rebuild`")
        if isinstance(read, faiss.IndexBinaryIVF):
            index._index = read
            lists = faiss.downcast_InvertedLists(read.invlists)
            if isinstance(lists, faiss.OnDiskInvertedLists):
                # It would start 32 threads with each search, to read ahead what the page cache holds already: they took
                # half of its time, and the core that the network needs.
                lists.prefetch_nthread = 0
        elif read.ntotal:
            raise GenerationError(f"{path}: is an index of single descriptors; run `simsearch rebuild`")
        return index


@dataclass(frozen=True, eq=False)
class Nearest:
    """The descriptors of a catalog nearest to those of a photo."""

    asked: NDArray[np.int64]
    """(n,) which of the photo's descriptors were looked up."""
    distances: Distances
    """(n, k) Hamming, nearest first."""
    ids: Ids
    """(n, k) of their images; -1 where there is none."""

    @cached_property
    def _once(self) -> Distances:
        # Of an image that holds several, the nearest counts: those behind it are as far as bits can be.
        again = np.zeros(self.ids.shape, bool)
        for place in range(1, self.ids.shape[1]):
            again[:, place] = (self.ids[:, :place] == self.ids[:, place, None]).any(axis=1)
        return np.where(again | (self.ids < 0), _FARTHEST, self.distances)

    @cached_property
    def tally(self) -> tuple[Ids, NDArray[np.float32]]:
        """Images that the descriptors vote for: ids (m,) and votes (m,), most votes first.

        The farthest neighbour has no vote and gives the measure: a vote is by how much nearer one lies, 0 to dim / 2.
        An image has at most one of each descriptor.
        """
        if not len(self.asked):
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        worth = self.distances[:, -1:] - self.distances[:, :-1]
        voting = np.where(worth > 0, self.ids[:, :-1], -1)
        # Nearest first in every row, so of equal ids in a row the first counts: a stable sort brings it to the front.
        order = np.argsort(voting, axis=1, kind="stable")
        voting, worth = np.take_along_axis(voting, order, axis=1), np.take_along_axis(worth, order, axis=1)
        counts = voting >= 0
        counts[:, 1:] &= voting[:, 1:] != voting[:, :-1]
        images, place = np.unique(voting[counts], return_inverse=True)
        sums = np.bincount(place, worth[counts], minlength=len(images)).astype(np.float32)
        best = np.argsort(-sums, kind="stable")  # of equal sums the lower id first
        return images[best], sums[best]

    def votes(self, ids: Sequence[int]) -> list[float]:
        """Of each of these images, 0 where it has none."""
        counted = dict(zip(*(part.tolist() for part in self.tally), strict=True))
        return [counted.get(i, 0.0) for i in ids]

    def elsewhere(self, without: Sequence[int]) -> Elsewhere:
        """How near other images come, each counted once; images in `without` are left out."""
        own = (self.ids[:, :, None] == np.asarray(without, np.int64)).any(axis=2)  # np.isin: three times as long
        return Elsewhere(self.asked, np.where(own, _FARTHEST, self._once))


def nearest(
    indexes: Sequence[VoteIndex], descriptors: Bits, *, k: int, without: frozenset[int] = frozenset()
) -> Nearest:
    """The k nearest of the descriptors (n, dim / 8) of a photo, at most `ASKED` of which are looked up.

    The indexes are asked as if they were one; descriptors of images in `without` do not stand before those of others.
    """
    asked = np.arange(len(descriptors))
    if len(descriptors) > ASKED:
        asked = np.arange(ASKED) * len(descriptors) // ASKED
    some = [index for index in indexes if len(index)] or indexes[:1]
    if not some or not len(asked):
        none = np.zeros((0, k), np.int64)
        return Nearest(np.zeros(0, np.int64), none.astype(np.int32), none)
    gone = np.array(sorted(without), np.int64)
    found = [_live(index, descriptors[asked], k, gone) for index in some]
    distances, ids = found[0]
    if len(found) > 1:
        distances = np.concatenate([d for d, _ in found], axis=1)
        ids = np.concatenate([i for _, i in found], axis=1)
        order = np.argsort(distances, axis=1, kind="stable")[:, :k]
        distances, ids = np.take_along_axis(distances, order, axis=1), np.take_along_axis(ids, order, axis=1)
    return Nearest(asked, distances, ids)


def votes(
    indexes: Sequence[VoteIndex], descriptors: Bits, *, k: int, without: frozenset[int] = frozenset()
) -> tuple[Ids, NDArray[np.float32]]:
    """`Nearest.tally` of the k + 1 `nearest`: k of each descriptor vote."""
    return nearest(indexes, descriptors, k=k + 1, without=without).tally


def _live(index: VoteIndex, descriptors: Bits, k: int, gone: Ids) -> tuple[Distances, Ids]:
    """The k nearest that are not of images in `gone`; rows that lack some are asked again for more."""
    distances, ids = index.neighbours(descriptors, k)
    if not len(gone):
        return distances, ids
    distances, ids = _kept(distances, ids, gone, k, index.dim)
    deeper = k
    while deeper < min(len(index), _DEEPEST) and len(short := np.flatnonzero((ids == _GONE).any(axis=1))):
        deeper = min(4 * deeper, _DEEPEST)
        distances[short], ids[short] = _kept(*index.neighbours(descriptors[short], deeper), gone, k, index.dim)
    return distances, np.maximum(ids, -1)


_GONE = -2
"""In place of an id where a retired image's descriptor stood, and perhaps a live one stands behind it."""


def _kept(distances: Distances, ids: Ids, gone: Ids, k: int, dim: int) -> tuple[Distances, Ids]:
    """The first k places with those of `gone` moved behind the live ones."""
    dead = np.isin(ids, gone)
    order = np.argsort(dead, axis=1, kind="stable")[:, :k]
    distances, ids = np.where(dead, dim // 2, distances), np.where(dead, _GONE, ids)
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(ids, order, axis=1)
