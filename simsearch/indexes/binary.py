"""Hamming search over binary hashes: exact (FAISS IndexBinaryFlat), or by inverted lists for many millions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import faiss
import numpy as np

from simsearch.core.errors import GenerationError
from simsearch.core.types import Ids, Metric


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


class BinaryFactoryIndex:
    """What a FAISS factory string for binary vectors makes: inverted lists ("BIVF1024") or a graph ("BHNSW32")."""

    kind: ClassVar[str] = "binary-factory"
    metric: ClassVar[Metric] = "hamming"

    def __init__(self, dim: int, factory: str = "BHNSW32") -> None:
        self.dim = dim
        made = faiss.index_binary_factory(dim, factory)
        # Inverted lists hold ids of their own; a graph numbers its vectors and gets a table beside it.
        self._index: Any = made if isinstance(made, faiss.IndexBinaryIVF) else faiss.IndexBinaryIDMap(made)
        if isinstance(made, faiss.IndexBinaryIVF):
            # A tenth of the lists: hashes cluster badly, and a hash is compared in a nanosecond.
            made.nprobe = max(1, made.nlist // 10)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def build(self, ids: Ids, vectors: np.ndarray[Any, Any], *, training: int) -> None:
        """Learn from `training` of the hashes, drawn evenly, and add all of them."""
        if training and not self._index.is_trained:
            rows = np.sort(np.random.default_rng(0).choice(len(ids), min(training, len(ids)), replace=False))
            self._index.cp.niter = 10
            self._index.train(np.ascontiguousarray(vectors[rows], np.uint8))
        for start in range(0, len(ids), 65_536):
            self.add(ids[start : start + 65_536], vectors[start : start + 65_536])

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
        lists = self._index.invlists
        sizes = [lists.list_size(number) for number in range(self._index.nlist)]
        held = [
            np.array(faiss.rev_swig_ptr(lists.get_ids(number), size), np.int64)
            for number, size in enumerate(sizes)
            if size
        ]
        return np.sort(np.concatenate([np.zeros(0, np.int64), *held]))

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
        if not isinstance(read, faiss.IndexBinaryIDMap | faiss.IndexBinaryIVF) or read.d != dim:
            raise GenerationError(f"{path}: is not a binary index of {dim} bits; run `simsearch rebuild`")
        index = cls.__new__(cls)
        index.dim, index._index = dim, read
        return index


INDEXES = (BinaryFlatIndex, BinaryFactoryIndex)
