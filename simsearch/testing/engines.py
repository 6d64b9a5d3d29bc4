"""An engine in memory, for tests of what stands above engines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from simsearch.core.errors import EngineError, GenerationError
from simsearch.core.types import Ids, Metric
from simsearch.indexes.engine import taken
from simsearch.indexes.flat import BinaryFlatIndex, FlatIndex


class MemoryEngine:
    """An `indexes.engine.VectorEngine` that keeps its collections in a dict; several homes may share one."""

    kind: ClassVar[str] = "memory"

    def __init__(self) -> None:
        self.held: dict[str, MemoryCollection] = {}
        self.down = ""
        """What it says instead of answering."""

    def kind_for(self, metric: Metric, dim: int, images: int) -> str:
        """One kind."""
        return "exact"

    def bytes_for(self, metric: Metric, dim: int, kind: str) -> float:
        """As `VectorEngine.bytes_for`."""
        return 8 + (dim / 8 if metric == "hamming" else 4 * dim)

    def has(self, name: str) -> bool:
        """As `VectorEngine.has`."""
        self.check()
        return name in self.held

    def create(self, name: str, metric: Metric, dim: int, kind: str) -> MemoryCollection:
        """As `VectorEngine.create`."""
        if self.has(name):
            raise EngineError(taken("memory", name))
        made = self.held[name] = (MemoryBits if metric == "hamming" else MemoryFloats)(self, name, dim, kind)
        return made

    def open(self, name: str, metric: Metric, dim: int, kind: str, effort: int) -> MemoryCollection:
        """As `VectorEngine.open`."""
        self.check()
        found = self.held.get(name)
        if found is None or (found.metric, found.dim) != (metric, dim):
            raise GenerationError(f"{name}: is not there; run `simsearch rebuild`")
        return found

    def drop(self, name: str) -> None:
        """As `VectorEngine.drop`."""
        self.check()
        self.held.pop(name, None)

    def close(self) -> None:
        """As `VectorEngine.close`."""

    def check(self) -> None:
        """EngineError where it is down."""
        if self.down:
            raise EngineError(self.down)


class MemoryCollection:
    """Vectors by id."""

    metric: ClassVar[Metric]
    dtype: np.dtype[Any]

    def __init__(self, engine: MemoryEngine, name: str, dim: int, kind: str) -> None:
        self.engine, self.name, self.dim, self.kind, self.effort = engine, name, dim, kind, 0
        self.rows: dict[int, np.ndarray[Any, Any]] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, ids: Ids, vectors: np.ndarray[Any, Any]) -> None:
        """As `Collection.add`."""
        self.engine.check()
        self.rows |= {int(i): np.array(v, self.dtype) for i, v in zip(ids, vectors, strict=True)}

    def seal(self) -> None:
        """As `Collection.seal`."""
        self.engine.check()

    def raise_effort(self) -> bool:
        """As `Collection.raise_effort`."""
        return False

    def search(self, vectors: np.ndarray[Any, Any], k: int) -> tuple[Ids, np.ndarray[Any, Any]]:
        """As `Searcher.search`."""
        self.engine.check()
        index = (BinaryFlatIndex if self.metric == "hamming" else FlatIndex)(self.dim)
        for ids, stored in self.blocks():
            index.add(ids, stored)
        return index.search(vectors, k)

    def ids(self) -> Ids:
        """As `Searcher.ids`."""
        self.engine.check()
        return np.array(sorted(self.rows), np.int64)

    def blocks(self) -> Iterator[tuple[Ids, np.ndarray[Any, Any]]]:
        """As `Collection.blocks`."""
        if ids := self.ids().tolist():
            yield np.array(ids, np.int64), np.stack([self.rows[i] for i in ids])

    def size(self) -> int:
        """As `Collection.size`."""
        return sum(row.nbytes + 8 for row in self.rows.values())


class MemoryFloats(MemoryCollection):
    """Embeddings."""

    metric: ClassVar[Metric] = "cosine"
    dtype = np.dtype(np.float32)


class MemoryBits(MemoryCollection):
    """Hashes."""

    metric: ClassVar[Metric] = "hamming"
    dtype = np.dtype(np.uint8)
