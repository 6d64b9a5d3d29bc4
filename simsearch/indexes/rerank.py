"""Re-ranking: the neighbours from an index that compresses vectors are sorted by the vectors of the catalog."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from simsearch.core.errors import DamagedDescriptor
from simsearch.core.types import Ids, Metric
from simsearch.indexes.base import Searcher
from simsearch.indexes.catalog_view import CatalogView

_LOG = logging.getLogger("simsearch")

Vectors = Callable[[Ids], Mapping[int, np.ndarray[Any, Any]]]
"""Image ids -> vectors (dim,) float32 of length 1. Ids without a vector are left out."""


class Reranked:
    """A searcher that asks `index` for `factor` times as many and keeps the most similar by exact inner product.

    The second stage of Jégou et al., "Searching in one billion vectors: re-rank with source coding" (2011), which uses
    finer codes; here the catalog has the vectors themselves.
    """

    metric: ClassVar[Metric] = "cosine"

    def __init__(self, index: Searcher, factor: int, vectors: Vectors) -> None:
        self.index, self.factor, self.vectors = index, factor, vectors
        self.dim = index.dim

    def __len__(self) -> int:
        return len(self.index)

    def search(self, vectors: np.ndarray[Any, Any], k: int) -> tuple[Ids, np.ndarray[Any, Any]]:
        """As `Searcher.search`. An image without a vector in the catalog is left out."""
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
        """All ids of the index, ascending."""
        return self.index.ids()


def vectors_of(catalog: CatalogView, fingerprint: str, dim: int) -> Vectors:
    """Reads vectors from the catalog. A damaged one is left out with a warning: it must not stop every query."""

    def read(ids: Ids) -> dict[int, np.ndarray[Any, Any]]:
        found = {}
        for image_id, data in catalog.descriptors.of(fingerprint, ids.tolist()).items():
            if len(data) == dim * np.dtype(np.float32).itemsize:
                found[image_id] = np.frombuffer(data, np.float32)
            else:
                _LOG.warning("%s; it is left out of this answer", DamagedDescriptor(image_id, fingerprint))
        return found

    return read
