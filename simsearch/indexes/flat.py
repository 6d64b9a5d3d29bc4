"""Exact search: every vector is compared. No training, no loss of recall."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import faiss
import numpy as np

from simsearch.core.types import Ids, Metric
from simsearch.indexes import faiss_file, scan


class FlatIndex:
    """Embeddings by inner product (FAISS IndexFlatIP)."""

    kind: ClassVar[str] = "flat"
    metric: ClassVar[Metric] = "cosine"

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, ids: Ids, vectors: np.ndarray[Any, Any]) -> None:
        self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), np.ascontiguousarray(ids, np.int64))

    def search(self, vectors: np.ndarray[Any, Any], k: int) -> tuple[Ids, np.ndarray[Any, Any]]:
        vectors = np.ascontiguousarray(vectors, np.float32)
        many = scan.fits(self._index, len(vectors))
        similarities, ids = scan.search(self._index, vectors, k) if many else self._index.search(vectors, k)
        return ids, np.where(ids < 0, -np.inf, similarities).astype(np.float32)

    def ids(self) -> Ids:
        return np.sort(faiss.vector_to_array(self._index.id_map)).astype(np.int64)

    def save(self, path: Path) -> None:
        faiss_file.write(self._index, path)

    @classmethod
    def load(cls, path: Path, dim: int) -> Self:
        read = faiss_file.read(path, binary=False)
        # The size alone does not tell: an index of another metric would answer with distances.
        if not isinstance(read, faiss.IndexIDMap2) or not isinstance(
            faiss.downcast_index(read.index), faiss.IndexFlatIP
        ):
            raise faiss_file.foreign(path, "an index of inner products")
        if read.d != dim:
            raise faiss_file.foreign(path, f"an index of {dim} dimensions")
        index = cls(dim)
        index._index = read
        return index


class BinaryFlatIndex:
    """Hashes by Hamming distance (FAISS IndexBinaryFlat): a million of 64 bits take under a millisecond."""

    kind: ClassVar[str] = "binary-flat"
    metric: ClassVar[Metric] = "hamming"

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._index: Any = faiss.IndexBinaryIDMap2(faiss.IndexBinaryFlat(dim))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, ids: Ids, vectors: np.ndarray[Any, Any]) -> None:
        self._index.add_with_ids(np.ascontiguousarray(vectors, np.uint8), np.ascontiguousarray(ids, np.int64))

    def search(self, vectors: np.ndarray[Any, Any], k: int) -> tuple[Ids, np.ndarray[Any, Any]]:
        distances, ids = self._index.search(np.ascontiguousarray(vectors, np.uint8), k)
        return ids, np.where(ids < 0, -np.inf, 1.0 - distances / self.dim).astype(np.float32)

    def ids(self) -> Ids:
        return np.sort(faiss.vector_to_array(self._index.id_map)).astype(np.int64)

    def save(self, path: Path) -> None:
        faiss_file.write(self._index, path)

    @classmethod
    def load(cls, path: Path, dim: int) -> Self:
        read = faiss_file.read(path, binary=True)
        if not isinstance(read, faiss.IndexBinaryIDMap2) or read.d != dim:
            raise faiss_file.foreign(path, f"a binary index of {dim} bits")
        index = cls(dim)
        index._index = read
        return index
