"""Neighbours of an index that blurs vectors, put in order by the vectors of the catalog."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from simsearch.core.types import Ids, Metric
from simsearch.indexes.base import VectorIndex

Vectors = Callable[[Ids], Mapping[int, np.ndarray[Any, Any]]]
"""Image ids -> vectors (dim,) float32 of length 1; ids that there are none of are left out."""


class Reranked:
    """Asks `index` for `factor` times as many and keeps the most similar by exact inner product.

    What the second stage of Jégou et al., "Searching in one billion vectors: re-rank with source coding" (2011), does
    with finer codes: here the catalog has the vectors themselves.
    """

    kind: ClassVar[str] = "reranked"
    metric: ClassVar[Metric] = "cosine"

    def __init__(self, index: VectorIndex, factor: int, vectors: Vectors) -> None:
        self.index, self.factor, self.vectors = index, factor, vectors
        self.dim = index.dim

    def __len__(self) -> int:
        return len(self.index)

    def add(self, ids: Ids, vectors: np.ndarray[Any, Any]) -> None:
        self.index.add(ids, vectors)

    def search(self, vectors: np.ndarray[Any, Any], k: int) -> tuple[Ids, np.ndarray[Any, Any]]:
        near, _ = self.index.search(vectors, min(max(k, len(self.index)), k * self.factor))
        ids = np.full((len(vectors), k), -1, np.int64)
        similarities = np.full((len(vectors), k), -np.inf, np.float32)
        known = self.vectors(np.unique(near[near >= 0]))
        for row, query in enumerate(vectors):
            found = [i for i in dict.fromkeys(near[row].tolist()) if i in known]
            if found:
                exact = np.stack([known[i] for i in found]).astype(np.float32) @ np.asarray(query, np.float32)
                best = np.argsort(-exact, kind="stable")[:k]
                ids[row, : len(best)] = np.array(found, np.int64)[best]
                similarities[row, : len(best)] = exact[best]
        return ids, similarities

    def ids(self) -> Ids:
        return self.index.ids()

    def save(self, path: Path) -> None:
        self.index.save(path)

    @classmethod
    def load(cls, path: Path, dim: int) -> Self:
        raise AssertionError("a generation opens the index within")
