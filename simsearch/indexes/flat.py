"""Exact inner-product search over embeddings (FAISS IndexFlatIP)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import faiss
import numpy as np

from simsearch.core.errors import GenerationError
from simsearch.core.types import Ids, Metric


class FlatIndex:
    """Every vector is compared: no training, no loss of recall."""

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
        similarities, ids = self._index.search(np.ascontiguousarray(vectors, np.float32), k)
        return ids, np.where(ids < 0, -np.inf, similarities).astype(np.float32)

    def ids(self) -> Ids:
        return np.sort(faiss.vector_to_array(self._index.id_map)).astype(np.int64)

    def save(self, path: Path) -> None:
        try:
            faiss.write_index(self._index, str(path))
        except RuntimeError as error:
            raise GenerationError(f"{path}: FAISS cannot write it; check the folder and the free disk space") from error

    @classmethod
    def load(cls, path: Path, dim: int) -> Self:
        try:
            read = faiss.read_index(str(path))
        except (RuntimeError, MemoryError) as error:
            raise GenerationError(f"{path}: FAISS cannot read it; run `simsearch rebuild`") from error
        # By its type, not only its size: one of another metric would answer with distances.
        if not isinstance(read, faiss.IndexIDMap2) or not isinstance(
            faiss.downcast_index(read.index), faiss.IndexFlatIP
        ):
            raise GenerationError(f"{path}: is not an index of inner products; run `simsearch rebuild`")
        if read.d != dim:
            raise GenerationError(f"{path}: is not an index of {dim} dimensions; run `simsearch rebuild`")
        index = cls(dim)
        index._index = read
        return index


INDEXES = (FlatIndex,)
