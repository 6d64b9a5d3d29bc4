"""Exact Hamming search over binary hashes (FAISS IndexBinaryFlat)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import faiss
import numpy as np

from simsearch.datatypes import Ids, Metric
from simsearch.errors import GenerationError


class BinaryFlatIndex:
    """Every hash is compared: a million of 64 bits take under a millisecond."""

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
        try:
            faiss.write_index_binary(self._index, str(path))
        except RuntimeError as error:
            raise GenerationError(f"{path}: FAISS cannot write it; check the folder and the free disk space") from error

    @classmethod
    def load(cls, path: Path, dim: int) -> Self:
        try:
            read = faiss.read_index_binary(str(path))
        except (RuntimeError, MemoryError) as error:
            raise GenerationError(f"{path}: FAISS cannot read it; run `simsearch rebuild`") from error
        if not isinstance(read, faiss.IndexBinaryIDMap2) or read.d != dim:
            raise GenerationError(f"{path}: is not a binary index of {dim} bits; run `simsearch rebuild`")
        index = cls(dim)
        index._index = read
        return index


INDEXES = (BinaryFlatIndex,)
