"""The index classes by the name that manifests give them. A new class is one more row of `INDEXES`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from simsearch.core.errors import GenerationError
from simsearch.core.types import Metric
from simsearch.indexes.base import VectorIndex
from simsearch.indexes.factory import BinaryFactoryIndex, FactoryIndex
from simsearch.indexes.flat import BinaryFlatIndex, FlatIndex

INDEXES: Mapping[str, type[VectorIndex]] = {
    "flat": FlatIndex,
    "factory": FactoryIndex,
    "binary-flat": BinaryFlatIndex,
    "binary-factory": BinaryFactoryIndex,
}
EXACT: Mapping[Metric, type[VectorIndex]] = {"cosine": FlatIndex, "hamming": BinaryFlatIndex}


def create(metric: Metric, dim: int) -> VectorIndex:
    """An empty exact index for `metric`."""
    return EXACT[metric](dim)


def load(kind: str, path: Path, dim: int) -> VectorIndex:
    """Open the index in `path`.

    Raises:
        GenerationError: the file is no such index, or this simsearch has no such kind.
    """
    if kind not in INDEXES:
        raise GenerationError(f"{path}: is an index of the unknown kind {kind!r}; run `simsearch rebuild`")
    return INDEXES[kind].load(path, dim)
