"""The seam of every index: add vectors under ids, find the most similar ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from simsearch.core.types import Ids, Metric


@dataclass(frozen=True)
class Lane:
    """Which descriptors one index of a generation holds."""

    name: str
    """Of the method."""
    fingerprint: str
    metric: Metric
    dim: int


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it, FAISS works on the calling thread alone: for callers that run threads of their own."""
    import faiss

    threads = faiss.omp_get_max_threads()  # OpenMP keeps this number per thread
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


@runtime_checkable
class Searcher(Protocol):
    """Finds the most similar of the vectors that it holds. Many threads may search at once.

    cosine: vectors (n, dim) float32 of length 1; the similarity is their inner product, -1 to 1.
    hamming: vectors (n, dim / 8) uint8; the similarity is the share of equal bits, 0 to 1.
    """

    metric: ClassVar[Metric]
    dim: int

    def __len__(self) -> int: ...

    def search(self, vectors: np.ndarray[Any, Any], k: int) -> tuple[Ids, np.ndarray[Any, Any]]:
        """Ids (m, k) and similarities (m, k) float32, best first; -1 and -inf where there are fewer than k."""
        ...

    def ids(self) -> Ids:
        """All ids, ascending."""
        ...


@runtime_checkable
class VectorIndex(Searcher, Protocol):
    """A searcher that is filled and kept in a file.

    Thread safety: many threads may search at once while nobody adds. `add` is called by one thread, and nobody searches
    meanwhile: to change an index that serves, fill another one and replace it.

    Ownership: `add` copies, so that the caller may change its arrays afterwards. What `search` and `ids` return belongs
    to the caller. A loaded index may map its file instead of reading it: the file may be removed while the index is in
    use, but must not be changed.
    """

    kind: ClassVar[str]
    """Names the class in manifests."""

    def __init__(self, dim: int) -> None: ...

    def add(self, ids: Ids, vectors: np.ndarray[Any, Any]) -> None:
        """Add vectors under ids (n,) that are new to the index."""
        ...

    def save(self, path: Path) -> None:
        """Write one file.

        Raises:
            GenerationError: it cannot be written.
        """
        ...

    @classmethod
    def load(cls, path: Path, dim: int) -> Self:
        """Open what `save` wrote. Its bytes are checked against the manifest first: damage need not be found here.

        Raises:
            GenerationError: the file is no such index of `dim` dimensions.
        """
        ...
