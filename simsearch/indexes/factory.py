"""What a FAISS factory string describes: scalar quantisers, inverted lists, graphs, product codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import faiss
import numpy as np

from simsearch.core.types import Ids, Metric
from simsearch.indexes import faiss_file, gpu, scan

_END = b"simsearch index\n"
"""Ends a file, before the number of bytes that FAISS wrote. FAISS does not read that far."""
_BLOCK = 65_536
"""Vectors added at once: FAISS makes temporary copies of them."""


class FactoryIndex:
    """Embeddings, built once from all vectors of a lane. More may be added, but training is not repeated.

    On a GPU, searches wait for each other; see `gpu`.
    """

    kind: ClassVar[str] = "factory"
    metric: ClassVar[Metric] = "cosine"

    def __init__(self, dim: int, factory: str = "HNSW32") -> None:
        self.dim, self.factory = dim, factory
        made = faiss.index_factory(dim, factory, faiss.METRIC_INNER_PRODUCT)
        # Inverted lists store ids. Everything else numbers its vectors, so it gets a table of ids.
        holds_ids = _lists(made) is not None or isinstance(made, faiss.IndexIDMap)
        self._index: Any = made if holds_ids else faiss.IndexIDMap(made)
        self._faster: Any = None
        self._mapped: Path | None = None

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def build(self, ids: Ids, vectors: np.ndarray[Any, Any], *, training: int, device: str = "cpu") -> None:
        """Train on `training` vectors drawn at random and add all (n, dim) of them.

        `device`: cpu, cuda or auto, as in the settings.
        """
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
        """Own an index that was filled on the GPU. `native`: it stores ids itself."""
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
        self._faster = None  # the copy on the GPU would lack what is added
        if self._mapped is not None:
            # FAISS would end the process if it added to a mapped index.
            self._index, self._mapped = faiss_file.read(self._mapped, binary=False), None
        if not self._index.is_trained and len(vectors):
            _train(self._index, vectors)
        if len(vectors):
            self._index.add_with_ids(vectors, np.ascontiguousarray(ids, np.int64))

    def search(self, vectors: np.ndarray[Any, Any], k: int) -> tuple[Ids, np.ndarray[Any, Any]]:
        if not len(self) or not len(vectors):
            return np.full((len(vectors), k), -1, np.int64), np.full((len(vectors), k), -np.inf, np.float32)
        vectors = np.ascontiguousarray(vectors, np.float32)
        if self._faster is not None:
            similarities, ids = gpu.search(self._faster, vectors, k)
        elif scan.fits(self._index, len(vectors)):
            similarities, ids = scan.search(self._index, vectors, k)
        else:
            similarities, ids = self._index.search(vectors, k)
        return ids, np.where(ids < 0, -np.inf, similarities).astype(np.float32)

    def ids(self) -> Ids:
        lists = _lists(self._index)
        if lists is None:
            return np.sort(faiss.vector_to_array(self._index.id_map)).astype(np.int64)
        return _ids_of_lists(lists)

    @property
    def effort(self) -> int:
        """Lists that a query visits, or the width of its search in the graph; 0 where every vector is compared."""
        lists, graph = _lists(self._index), _graph(self._index)
        return int(lists.nprobe if lists is not None else graph.hnsw.efSearch if graph is not None else 0)

    def raise_effort(self) -> bool:
        """Double the effort; False where that is not possible."""
        lists, graph = _lists(self._index), _graph(self._index)
        if lists is not None and lists.nprobe < lists.nlist:
            lists.nprobe = min(lists.nlist, 2 * lists.nprobe)
            return True
        if graph is not None and graph.hnsw.efSearch < min(4096, 4 * len(self)):
            graph.hnsw.efSearch = 2 * graph.hnsw.efSearch
            return True
        return False

    def use(self, device: str) -> None:
        """Search on the GPU from now on, if one is wanted and can hold the index. Called before anybody searches."""
        if gpu.wanted(device):
            self._faster = gpu.to_gpu(self._index, float16="SQfp16" in self.factory)

    def save(self, path: Path) -> None:
        faiss_file.write(self._index, path)
        try:
            with path.open("ab") as stream:
                stream.write(_END + path.stat().st_size.to_bytes(8, "little"))
        except OSError as error:
            raise faiss_file.unwritable(path) from error

    @classmethod
    def load(cls, path: Path, dim: int) -> Self:
        """Map the index in `path`: pages are read when they are needed. `add` reads all of it first."""
        # FAISS maps as much as a header promises, and the process dies on a shorter file: only whole files are mapped.
        try:
            with path.open("rb") as stream:
                size = max(0, stream.seek(0, 2) - len(_END) - 8)
                stream.seek(size)
                whole = stream.read() == _END + size.to_bytes(8, "little")
        except OSError as error:
            raise faiss_file.unreadable(path) from error
        if not whole:
            raise faiss_file.unreadable(path)
        read = faiss_file.read(path, binary=False, flags=faiss.IO_FLAG_MMAP_IFC)
        known = isinstance(read, faiss.IndexIDMap) or _lists(read) is not None
        if not known or read.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise faiss_file.foreign(path, "an index of inner products")
        if read.d != dim:
            raise faiss_file.foreign(path, f"an index of {dim} dimensions")
        index = cls.__new__(cls)
        index.dim, index.factory, index._index, index._faster, index._mapped = dim, "", read, None, path
        return index


class BinaryFactoryIndex:
    """Hashes in what a FAISS factory string describes: inverted lists ("BIVF1024") or a graph ("BHNSW32")."""

    kind: ClassVar[str] = "binary-factory"
    metric: ClassVar[Metric] = "hamming"

    def __init__(self, dim: int, factory: str = "BHNSW32") -> None:
        self.dim = dim
        made = faiss.index_binary_factory(dim, factory)
        # Inverted lists store ids. A graph numbers its vectors, so it gets a table of ids.
        self._index: Any = made if isinstance(made, faiss.IndexBinaryIVF) else faiss.IndexBinaryIDMap(made)
        if isinstance(made, faiss.IndexBinaryIVF):
            # Visit a tenth of the lists: hashes cluster badly, and comparing one takes a nanosecond.
            made.nprobe = max(1, made.nlist // 10)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def build(self, ids: Ids, vectors: np.ndarray[Any, Any], *, training: int) -> None:
        """Train on `training` hashes drawn at random and add all (n, dim / 8) of them."""
        if training and not self._index.is_trained:
            rows = np.sort(np.random.default_rng(0).choice(len(ids), min(training, len(ids)), replace=False))
            self._index.cp.niter = 10
            self._index.train(np.ascontiguousarray(vectors[rows], np.uint8))
        for start in range(0, len(ids), _BLOCK):
            self.add(ids[start : start + _BLOCK], vectors[start : start + _BLOCK])

    def add(self, ids: Ids, vectors: np.ndarray[Any, Any]) -> None:
        vectors = np.ascontiguousarray(vectors, np.uint8)
        if not self._index.is_trained and len(vectors):
            self._index.train(vectors)
        if len(vectors):
            self._index.add_with_ids(vectors, np.ascontiguousarray(ids, np.int64))

    def search(self, vectors: np.ndarray[Any, Any], k: int) -> tuple[Ids, np.ndarray[Any, Any]]:
        if not len(self) or not len(vectors):
            return np.full((len(vectors), k), -1, np.int64), np.full((len(vectors), k), -np.inf, np.float32)
        distances, ids = self._index.search(np.ascontiguousarray(vectors, np.uint8), k)
        return ids, np.where(ids < 0, -np.inf, 1.0 - distances / self.dim).astype(np.float32)

    def ids(self) -> Ids:
        if isinstance(self._index, faiss.IndexBinaryIDMap):
            return np.sort(faiss.vector_to_array(self._index.id_map)).astype(np.int64)
        return _ids_of_lists(self._index)

    def save(self, path: Path) -> None:
        faiss_file.write(self._index, path)

    @classmethod
    def load(cls, path: Path, dim: int) -> Self:
        read = faiss_file.read(path, binary=True)
        if not isinstance(read, faiss.IndexBinaryIDMap | faiss.IndexBinaryIVF) or read.d != dim:
            raise faiss_file.foreign(path, f"a binary index of {dim} bits")
        index = cls.__new__(cls)
        index.dim, index._index = dim, read
        return index


def _train(index: Any, sample: np.ndarray[Any, Any]) -> None:
    lists = _lists(index)
    if lists is not None:
        # FAISS's 25 rounds gain little over 10, and `audit.tune` makes up for it by letting queries visit more lists.
        lists.cp.niter = 10
        lists.cp.min_points_per_centroid = 1  # or FAISS warns on stderr where there are few images
    codes = _codes(index)
    if codes is not None:
        # It would spend minutes on ordering codes for a filter that is not used.
        codes.do_polysemous_training = False
        codes.pq.cp.min_points_per_centroid = 1
    index.train(sample)


def _codes(index: Any) -> Any:
    """The product quantiser within a float index, in inverted lists or without; None where it has none."""
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexIDMap | faiss.IndexPreTransform):
        return _codes(index.index)
    if isinstance(index, faiss.IndexRefine):
        return _codes(index.base_index)
    return index if isinstance(index, faiss.IndexIVFPQ | faiss.IndexPQ) else None


def _lists(index: Any) -> Any:
    """The inverted lists within a float index; None where it has none."""
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        index = faiss.downcast_index(index.index)
    return index if isinstance(index, faiss.IndexIVF) else None


def _graph(index: Any) -> Any:
    """The HNSW graph within a float index; None where it has none."""
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexIDMap | faiss.IndexPreTransform):
        return _graph(index.index)
    return index if isinstance(index, faiss.IndexHNSW) else None


def _ids_of_lists(index: Any) -> Ids:
    """All ids in the inverted lists of a float or binary IVF index, ascending."""
    lists = index.invlists
    held = [np.zeros(0, np.int64)]
    for number in range(index.nlist):
        if size := lists.list_size(number):
            pointer = lists.get_ids(number)
            held.append(np.array(faiss.rev_swig_ptr(pointer, size), np.int64))
            lists.release_ids(number, pointer)
    return np.sort(np.concatenate(held))
