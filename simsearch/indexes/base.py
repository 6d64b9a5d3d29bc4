"""The seam of every index: add vectors under ids, find the most similar ones."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from simsearch.core.errors import GenerationError
from simsearch.core.types import Ids, Metric


@dataclass(frozen=True)
class Lane:
    """One index of a generation: the descriptors of one method."""

    name: str
    """Of the method."""
    fingerprint: str
    metric: Metric
    dim: int


@contextmanager
def one_thread() -> Iterator[None]:
    """FAISS works on the calling thread alone: for callers that share work among threads of their own."""
    import faiss

    threads = faiss.omp_get_max_threads()  # of this thread: OpenMP keeps the number for each
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


@runtime_checkable
class VectorIndex(Protocol):
    """Vectors of one method under image ids.

    cosine: vectors (n, dim) float32 of length 1, similarity their product, -1 to 1. hamming: (n, dim / 8) uint8,
    similarity the share of equal bits, 0 to 1.
    """

    kind: ClassVar[str]
    metric: ClassVar[Metric]
    dim: int

    def __init__(self, dim: int) -> None: ...

    def __len__(self) -> int: ...

    def add(self, ids: Ids, vectors: np.ndarray[Any, Any]) -> None:
        """Ids (n,) must be new to the index."""
        ...

    def search(self, vectors: np.ndarray[Any, Any], k: int) -> tuple[Ids, np.ndarray[Any, Any]]:
        """Ids (m, k) and similarities (m, k) float32, best first; -1 and -inf where there are fewer than k."""
        ...

    def ids(self) -> Ids:
        """All ids, ascending."""
        ...

    def save(self, path: Path) -> None:
        """Write one file. GenerationError where it cannot be written."""
        ...

    @classmethod
    def load(cls, path: Path, dim: int) -> Self:
        """Inverse of save. GenerationError when the file is not such an index of `dim` dimensions.

        Of a file that `save` wrote or that is something else entirely: `generations` hands over no other.
        """
        ...


@cache
def discover() -> dict[str, type[VectorIndex]]:
    """Kind -> class, over the `INDEXES` of every module of this package."""
    package = importlib.import_module("simsearch.indexes")
    found: dict[str, type[VectorIndex]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        for index in getattr(importlib.import_module(f"simsearch.indexes.{module.name}"), "INDEXES", ()):
            assert index.kind not in found, f"two indexes are called {index.kind}"
            found[index.kind] = index
    return found


def create(metric: Metric, dim: int) -> VectorIndex:
    """An empty exact index for `metric`."""
    return {"cosine": discover()["flat"], "hamming": discover()["binary-flat"]}[metric](dim)


def load(kind: str, path: Path, dim: int) -> VectorIndex:
    """The index that `path` holds. GenerationError when it is none, or of a kind that is not there."""
    if kind not in discover():
        raise GenerationError(f"{path}: is an index of the unknown kind {kind!r}; run `simsearch rebuild`")
    return discover()[kind].load(path, dim)
