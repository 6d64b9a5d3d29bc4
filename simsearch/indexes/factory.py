"""Any float index that a FAISS factory string describes: scalar quantisers, inverted lists, graphs, product codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import faiss
import numpy as np

from simsearch.core.errors import GenerationError
from simsearch.core.types import Ids, Metric
from simsearch.indexes import gpu

_END = b"simsearch index\n"
"""Last in a file, with the number of bytes before it; FAISS does not read so far."""
_BLOCK = 65_536
"""Vectors added at once: what FAISS makes of them on the way is temporary."""


class FactoryIndex:
    """Built once from all vectors of a lane; vectors may be added, but what it learned is not learned again."""

    kind: ClassVar[str] = "factory"
    metric: ClassVar[Metric] = "cosine"

    def __init__(self, dim: int, factory: str = "HNSW32") -> None:
        self.dim, self.factory = dim, factory
        made = faiss.index_factory(dim, factory, faiss.METRIC_INNER_PRODUCT)
        # Inverted lists hold ids of their own; everything else numbers its vectors and gets a table beside it.
        holds_ids = _lists(made) is not None or isinstance(made, faiss.IndexIDMap)
        self._index: Any = made if holds_ids else faiss.IndexIDMap(made)
        self._faster: Any = None
        self._mapped: Path | None = None

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def build(self, ids: Ids, vectors: np.ndarray[Any, Any], *, training: int, device: str = "cpu") -> None:
        """Learn from `training` of the vectors, drawn evenly, and add all of them."""
        rng = np.random.default_rng(0)
        rows = np.sort(rng.choice(len(ids), min(training, len(ids)), replace=False))
        sample = np.ascontiguousarray(vectors[rows], np.float32)
        native = _lists(self._index) is not None
        if gpu.wanted(device) and len(ids):
            bare = self._index if native else self._index.index
            built = gpu.filled(bare, ids, vectors, sample, block=_BLOCK, native=native)
            if built is not None:
                self._take(built, ids, native)
                return
        if not self._index.is_trained and len(sample):
            _train(self._index, sample)
        for start in range(0, len(ids), _BLOCK):
            self.add(ids[start : start + _BLOCK], vectors[start : start + _BLOCK])

    def _take(self, built: Any, ids: Ids, native: bool) -> None:
        if native:
            self._index = built
            return
        mapped = faiss.IndexIDMap(faiss.index_factory(self.dim, self.factory, faiss.METRIC_INNER_PRODUCT))
        mapped.index = built
        mapped.own_fields = True
        built.this.disown()
        faiss.copy_array_to_vector(np.ascontiguousarray(ids, np.int64), mapped.id_map)
        mapped.ntotal = built.ntotal
        self._index = mapped

    def add(self, ids: Ids, vectors: np.ndarray[Any, Any]) -> None:
        vectors = np.ascontiguousarray(vectors, np.float32)
        if self._mapped is not None:
            self._index, self._mapped = faiss.read_index(str(self._mapped)), None  # FAISS would end the process
        if not self._index.is_trained and len(vectors):
            _train(self._index, vectors)
        if len(vectors):
            self._index.add_with_ids(vectors, np.ascontiguousarray(ids, np.int64))

    def search(self, vectors: np.ndarray[Any, Any], k: int) -> tuple[Ids, np.ndarray[Any, Any]]:
        if not len(self) or not len(vectors):
            return np.full((len(vectors), k), -1, np.int64), np.full((len(vectors), k), -np.inf, np.float32)
        index = self._index if self._faster is None else self._faster
        similarities, ids = index.search(np.ascontiguousarray(vectors, np.float32), k)
        return ids, np.where(ids < 0, -np.inf, similarities).astype(np.float32)

    def ids(self) -> Ids:
        lists = _lists(self._index)
        if lists is None:
            return np.sort(faiss.vector_to_array(self._index.id_map)).astype(np.int64)
        held = [_list_ids(lists.invlists, number) for number in range(lists.nlist)]
        return np.sort(np.concatenate([np.zeros(0, np.int64), *held]))

    @property
    def effort(self) -> int:
        """Lists that a query looks into, or the width of its walk through the graph; 0 where everything is compared."""
        lists, graph = _lists(self._index), _graph(self._index)
        return int(lists.nprobe if lists is not None else graph.hnsw.efSearch if graph is not None else 0)

    def raise_effort(self) -> bool:
        """Look twice as far; False where that is not possible."""
        lists, graph = _lists(self._index), _graph(self._index)
        if lists is not None and lists.nprobe < lists.nlist:
            lists.nprobe = min(lists.nlist, 2 * lists.nprobe)
            return True
        if graph is not None and graph.hnsw.efSearch < min(4096, 4 * len(self)):
            graph.hnsw.efSearch = 2 * graph.hnsw.efSearch
            return True
        return False

    def use(self, device: str) -> None:
        """Search on the GPU from now on, where one is wanted and can hold the index."""
        if gpu.wanted(device):
            self._faster = gpu.to_gpu(self._index, float16="SQfp16" in self.factory)

    def save(self, path: Path) -> None:
        try:
            faiss.write_index(self._index, str(path))
            with path.open("ab") as stream:
                stream.write(_END + path.stat().st_size.to_bytes(8, "little"))
        except (OSError, RuntimeError) as error:
            raise GenerationError(f"{path}: FAISS cannot write it; check the folder and the free disk space") from error

    @classmethod
    def load(cls, path: Path, dim: int) -> Self:
        """The index in `path`. Mapped, not read: pages come as they are asked for; `add` reads it first."""
        try:
            # FAISS maps what a header promises, and the process ends where the file does: only whole ones are mapped.
            with path.open("rb") as stream:
                size = stream.seek(0, 2) - len(_END) - 8
                stream.seek(max(0, size))
                if stream.read() != _END + max(0, size).to_bytes(8, "little"):
                    raise RuntimeError("its end is missing")
            read = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except (OSError, RuntimeError, MemoryError) as error:
            raise GenerationError(f"{path}: FAISS cannot read it; run `simsearch rebuild`") from error
        known = isinstance(read, faiss.IndexIDMap) or _lists(read) is not None
        if not known or read.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise GenerationError(f"{path}: is not an index of inner products; run `simsearch rebuild`")
        if read.d != dim:
            raise GenerationError(f"{path}: is not an index of {dim} dimensions; run `simsearch rebuild`")
        index = cls.__new__(cls)
        index.dim, index.factory, index._index, index._faster, index._mapped = dim, "", read, None, path
        return index


def _train(index: Any, sample: np.ndarray[Any, Any]) -> None:
    lists = _lists(index)
    if lists is not None:
        # FAISS does 25 rounds. What the last ones would gain is made up for by how far a query looks (audit.tune).
        lists.cp.niter = 10
        lists.cp.min_points_per_centroid = 1  # few images are no reason for a warning on stderr
        if isinstance(lists, faiss.IndexIVFPQ):
            # Orders the codes for a filter that is not used, for minutes. FAISS's type stubs do not know of it.
            lists.do_polysemous_training = False  # type: ignore[attr-defined]
            lists.pq.cp.min_points_per_centroid = 1
    index.train(sample)


def _lists(index: Any) -> Any:
    """The inverted lists that hold the ids; None for an index without."""
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        index = faiss.downcast_index(index.index)
    return index if isinstance(index, faiss.IndexIVF) else None


def _graph(index: Any) -> Any:
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexIDMap | faiss.IndexPreTransform):
        return _graph(index.index)
    return index if isinstance(index, faiss.IndexHNSW) else None


def _list_ids(invlists: Any, number: int) -> Ids:
    size = invlists.list_size(number)
    if not size:
        return np.zeros(0, np.int64)
    pointer = invlists.get_ids(number)
    found = np.array(faiss.rev_swig_ptr(pointer, size), np.int64)
    invlists.release_ids(number, pointer)
    return found


INDEXES = (FactoryIndex,)
