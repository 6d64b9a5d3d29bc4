"""Keypoint votes: which images share local features with a photo.

Every binary descriptor of the catalog lies in an inverted file (FAISS IndexBinaryIVF) under the id of its image. The
centres of its lists are drawn at random from the descriptors (Muja and Lowe, "Fast matching of binary features", 2012):
k-means over bits takes minutes and finds no more. The centres lie in an inverted file of their own, so that there can
be many. Finer lists find about as much, and are searched faster (docs/lookup.md).

The votes are those of local naive Bayes nearest neighbour (McCann and Lowe, 2012). A descriptor of the photo votes for
the images of its k nearest neighbours. Each vote counts by how much nearer its neighbour is than the (k + 1)-th, which
stands for the background. Printed standard text, rulers and frames have more than k neighbours at about one distance,
so they have hardly a vote; inverse document frequency (Sivic and Zisserman, 2003) does the same for words. An image
gets at most one vote from each descriptor, so that a repeated pattern does not count for itself (burstiness: Jégou,
Douze and Schmid, 2009).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from simsearch.core.numbers import ascending
from simsearch.core.types import Elsewhere, Ids, Metric
from simsearch.indexes import faiss_file
from simsearch.indexes.base import one_thread

Bits = NDArray[np.uint8]
"""Binary descriptors, shape (n, dim / 8)."""
Distances = NDArray[np.int32]
"""Hamming distances, shape (n, k)."""
Lists = NDArray[np.int64]
"""Numbers of lists, shape (n, lists that are searched)."""

ASKED = 200
"""Descriptors of a photo that are looked up, spread evenly. All 500 take more than twice as long, and find the right
image for one more photo in eighty."""
PROBES = 8
"""Lists that are searched for each descriptor."""
_CENTRE_PROBES, _FILLING_PROBES = 16, 4
"""Lists of centres that are searched for the nearest ones, by a query and by a build: with 4 as many photos are found
as with 16, in a third of the time (docs/lookup.md)."""
_FEW_LISTS = 1024
"""Centres up to which all are compared."""
_EXACT = 10_000
"""Descriptors up to which all are compared: some fifty images, the usual size of a delta."""
_AT_ONCE = 2**22
"""Ids that are put in order at once."""
_SEED = 20
_FARTHEST = 256
"""As many bits as two descriptors can differ by; stands for a missing neighbour."""
_DEEPEST = 1024
"""Neighbours that are asked for at most, where retired images hide the others."""


def _filling() -> Any:
    """What FAISS takes for how many lists are searched."""
    found = faiss.IVFSearchParameters()
    found.nprobe = _FILLING_PROBES
    return found


def lists_for(descriptors: int) -> int:
    """Number of lists of an index, from its number of descriptors.

    With the power 2/3, the search for the nearest centres (16 lists, each of as many centres as the square root of
    their number) grows as slowly as the lists that are searched.
    """
    return 1 if descriptors <= _EXACT else round(0.5 * descriptors ** (2 / 3))


class Votes(Protocol):
    """What counts as an index of keypoints when votes are counted. Any number of threads may ask it."""

    @property
    def dim(self) -> int:
        """Bits of a descriptor."""
        ...

    def __len__(self) -> int:
        """Number of descriptors."""
        ...

    def neighbours(self, descriptors: Bits, k: int) -> tuple[Distances, Ids]:
        """As `VoteIndex.neighbours`."""
        ...


class VoteIndex:
    """Many binary descriptors per image. It misses two in five nearest neighbours, but hardly ever an image.

    It is no `VectorIndex`, because ids repeat and a search looks up all descriptors of a photo at once. The same rule
    holds for threads: many may search while nobody adds.
    """

    kind: ClassVar[str] = "votes"
    metric: ClassVar[Metric] = "hamming"

    def __init__(self, dim: int = 256, expected: int = 0) -> None:
        """`dim`: bits of a descriptor. `expected`: descriptors that will be added in all; 0: as many as the sample."""
        self.dim, self.expected = dim, expected
        self._index: Any = None
        self._centres: list[Any] = []  # FAISS holds only pointers to them

    def __len__(self) -> int:
        """Number of descriptors, not of images."""
        return 0 if self._index is None else int(self._index.ntotal)

    @property
    def trained(self) -> bool:
        """Whether it has centres, so that `places` can be asked."""
        return self._index is not None

    def add(self, ids: Ids, descriptors: Bits, places: Ids | None = None) -> None:
        """Add descriptors (n, dim / 8), each under the id (n,) of its image. `places`: what `places` says of them."""
        assert len(ids) == len(descriptors)
        if not len(ids):
            return
        if self._index is None:
            self.train(descriptors)
        bits, images = np.ascontiguousarray(descriptors, np.uint8), np.ascontiguousarray(ids, np.int64)
        into = self.places(bits) if places is None else places
        with one_thread():
            pointers = (faiss.swig_ptr(array) for array in (bits, images, into))
            self._index.add_core(len(bits), *pointers)

    def places(self, descriptors: Bits) -> Ids:
        """The list (n,) that each of descriptors (n, dim / 8) belongs into, once the centres are drawn.

        It is sought less thoroughly than a query seeks lists. FAISS's own threads take five times as long as one where
        anything else runs, so a caller with several cores asks from several threads.
        """
        bits = np.ascontiguousarray(descriptors, np.uint8)
        with one_thread():
            _, found = self._centres[-1].search(bits, 1, params=_filling() if len(self._centres) > 1 else None)
        return np.ascontiguousarray(found[:, 0], np.int64)

    def train(self, descriptors: Bits) -> None:
        """Draw the centres from a sample (n, dim / 8) of descriptors. Without it, the first `add` is the sample."""
        assert len(descriptors)
        assert not len(self)
        lists = min(lists_for(max(self.expected, len(descriptors))), len(descriptors))
        rng = np.random.default_rng(_SEED)
        chosen = rng.choice(len(descriptors), lists, replace=False)
        centres = np.unique(descriptors[np.sort(chosen)], axis=0)  # the list of a repeated centre would stay empty
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
        self._index.nprobe = min(PROBES, self._index.nlist)

    def twin(self) -> Self:
        """An empty index with the same centres, so that a descriptor looks into the same lists of both."""
        other = type(self)(self.dim, self.expected)
        if self._index is not None:
            other._centres = self._centres
            other._index = self._lists(self._centres[-1])
            other._index.nprobe = self._index.nprobe
        return other

    def _lists(self, centres: Any) -> Any:
        index = faiss.IndexBinaryIVF(centres, self.dim, centres.ntotal)
        index.is_trained = True
        return index

    def lists(self, descriptors: Bits) -> Lists | None:
        """The lists that descriptors (n, dim / 8) look into, here and in every `twin`; None where it has no lists."""
        if self._index is None or not len(descriptors):
            return None
        centres = faiss.downcast_IndexBinary(self._index.quantizer)
        with one_thread():
            _, found = centres.search(np.ascontiguousarray(descriptors, np.uint8), self._index.nprobe)
        return np.asarray(found, np.int64)

    def neighbours(self, descriptors: Bits, k: int, lists: Lists | None = None) -> tuple[Distances, Ids]:
        """The k nearest neighbours of descriptors (n, dim / 8), nearest first: distances (n, k) and image ids (n, k).

        Where fewer were found, the id is -1 and the distance dim / 2, that of two random descriptors. `lists`: what
        `lists` of this index or a twin says; None: it is found out, which takes half of the time.
        """
        shape = (len(descriptors), k)
        if not len(self) or not len(descriptors):
            return np.full(shape, self.dim // 2, np.int32), np.full(shape, -1, np.int64)
        asked = np.ascontiguousarray(descriptors, np.uint8)
        with one_thread():  # 2 ms of work; on a busy machine, threads that share it can wait a second for each other
            if lists is None:
                distances, ids = self._index.search(asked, k)
            else:
                distances, ids = self._index.search_preassigned(asked, k, lists, np.zeros(lists.shape, np.int32))
        return np.where(ids < 0, self.dim // 2, distances).astype(np.int32), ids

    def ids(self) -> Ids:
        """Images with at least one descriptor, ascending."""
        if self._index is None:
            return np.zeros(0, np.int64)
        lists, held = self._index.invlists, np.zeros(0, np.int64)
        sizes = [int(lists.list_size(i)) for i in range(self._index.nlist)]
        # Of a million images there are 200 million ids, too many to be put in order at once.
        for _, some in groupby(enumerate(accumulate(sizes)), key=lambda entry: entry[1] // _AT_ONCE):
            parts = [faiss.rev_swig_ptr(lists.get_ids(i), sizes[i]) for i, _ in some if sizes[i]]
            held = ascending(np.concatenate([held, *parts]))
        return held.astype(np.int64)

    def save(self, path: Path) -> None:
        """Write one file.

        Raises:
            GenerationError: it cannot be written.
        """
        # An IVF index needs centres, so an empty index is written as a flat one.
        faiss_file.write(self._index or faiss.IndexBinaryFlat(self.dim), path)

    @classmethod
    def load(cls, path: Path, dim: int = 256) -> Self:
        """Map what `save` wrote: opening takes milliseconds, whatever the size. Nothing can be added.

        Raises:
            GenerationError: the file is no such index of `dim` bits.
        """
        read = faiss_file.read(path, binary=True, flags=faiss.IO_FLAG_MMAP)
        index = cls(dim)
        if read.d != dim or not isinstance(read, faiss.IndexBinaryIVF | faiss.IndexBinaryFlat):
            raise faiss_file.foreign(path, f"an index of keypoints of {dim} bits")
        if isinstance(read, faiss.IndexBinaryIVF):
            index._index = read
            read.nprobe = min(PROBES, read.nlist)
            lists = faiss.downcast_InvertedLists(read.invlists)
            if isinstance(lists, faiss.OnDiskInvertedLists):
                # FAISS would start 32 threads in every search to read ahead what the page cache holds already. They
                # took half of the time, and the core that the network needs.
                lists.prefetch_nthread = 0
        elif read.ntotal:
            raise faiss_file.foreign(path, "an index with several descriptors per image")
        return index


@dataclass(frozen=True, eq=False)
class Nearest:
    """For the keypoints of a photo, their nearest neighbours among the keypoints of the catalog."""

    asked: NDArray[np.int64]
    """(n,) positions of the photo's descriptors that were looked up."""
    distances: Distances
    """(n, k) Hamming, nearest first."""
    ids: Ids
    """(n, k) of the images that hold the neighbours; -1 where there is none."""

    @cached_property
    def _once(self) -> Distances:
        # Keep the nearest neighbour per image; move repeats to the maximal distance.
        again = np.zeros(self.ids.shape, bool)
        for place in range(1, self.ids.shape[1]):
            again[:, place] = (self.ids[:, :place] == self.ids[:, place, None]).any(axis=1)
        return np.where(again | (self.ids < 0), _FARTHEST, self.distances)

    @cached_property
    def tally(self) -> tuple[Ids, NDArray[np.float32]]:
        """Images that got votes: ids (m,) and sums of votes (m,), most votes first.

        A vote, 0 to dim / 2, is by how many bits a neighbour is nearer than the farthest one, which has no vote itself.
        Each descriptor votes at most once for an image.
        """
        if not len(self.asked):
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        worth = self.distances[:, -1:] - self.distances[:, :-1]
        voting = np.where(worth > 0, self.ids[:, :-1], -1)
        # Rows are sorted nearest first. The stable sort by id keeps that order, so the first of equal ids counts.
        order = np.argsort(voting, axis=1, kind="stable")
        voting, worth = np.take_along_axis(voting, order, axis=1), np.take_along_axis(worth, order, axis=1)
        counts = voting >= 0
        counts[:, 1:] &= voting[:, 1:] != voting[:, :-1]
        images, place = np.unique(voting[counts], return_inverse=True)
        sums = np.bincount(place, worth[counts], minlength=len(images)).astype(np.float32)
        best = np.argsort(-sums, kind="stable")  # ties go by id
        return images[best], sums[best]

    def votes(self, ids: Sequence[int]) -> list[float]:
        """The votes of each of these images; 0 where it has none."""
        counted = dict(zip(*(part.tolist() for part in self.tally), strict=True))
        return [counted.get(i, 0.0) for i in ids]

    def elsewhere(self, without: Sequence[int]) -> Elsewhere:
        """How near other images come, each counted once. `without`: images to leave out, those of the own product."""
        own = (self.ids[:, :, None] == np.asarray(without, np.int64)).any(axis=2)  # a third of the time of np.isin
        return Elsewhere(self.asked, np.where(own, _FARTHEST, self._once))


def nearest(indexes: Sequence[Votes], descriptors: Bits, *, k: int, without: frozenset[int] = frozenset()) -> Nearest:
    """The k nearest neighbours of a photo's keypoints.

    Args:
        indexes: searched as if they were one.
        descriptors: (n, dim / 8) of the photo; at most `ASKED` of them are looked up.
        k: neighbours of each.
        without: retired images. Their keypoints are left out, and the next ones take their places.
    """
    asked = np.arange(len(descriptors))
    if len(descriptors) > ASKED:
        asked = np.arange(ASKED) * len(descriptors) // ASKED
    some = [index for index in indexes if len(index)] or list(indexes[:1])
    if not some or not len(asked):
        none = np.zeros((0, k), np.int64)
        return Nearest(np.zeros(0, np.int64), none.astype(np.int32), none)
    gone = np.array(sorted(without), np.int64)
    return Nearest(asked, *merged((_live(index, descriptors[asked], k, gone) for index in some), k))


def merged(found: Iterable[tuple[Distances, Ids]], k: int) -> tuple[Distances, Ids]:
    """The k nearest of neighbours (n, k) found here and there; of equally far ones, the first found come first."""
    every = list(found)
    if len(every) == 1:
        return every[0]
    distances = np.concatenate([d for d, _ in every], axis=1)
    ids = np.concatenate([i for _, i in every], axis=1)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(ids, order, axis=1)


def votes(
    indexes: Sequence[Votes], descriptors: Bits, *, k: int, without: frozenset[int] = frozenset()
) -> tuple[Ids, NDArray[np.float32]]:
    """Image ids and votes; see `Nearest.tally`. k neighbours of each descriptor vote, so k + 1 are looked up."""
    return nearest(indexes, descriptors, k=k + 1, without=without).tally


def _live(index: Votes, descriptors: Bits, k: int, gone: Ids) -> tuple[Distances, Ids]:
    """The k nearest neighbours outside of the images `gone`. Rows that lack some are looked up again, deeper."""
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
"""Replaces the id of a retired image: a deeper search may find a live one in its place."""


def _kept(distances: Distances, ids: Ids, gone: Ids, k: int, dim: int) -> tuple[Distances, Ids]:
    """The first k neighbours, after those of the images `gone` were moved behind the others."""
    dead = np.isin(ids, gone)
    order = np.argsort(dead, axis=1, kind="stable")[:, :k]
    distances, ids = np.where(dead, dim // 2, distances), np.where(dead, _GONE, ids)
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(ids, order, axis=1)
