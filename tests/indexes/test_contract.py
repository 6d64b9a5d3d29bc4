"""What every index promises, checked on each of `INDEXES` and on a toy in plain NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch import indexes
from simsearch.core.errors import GenerationError
from simsearch.core.types import Ids, Metric
from simsearch.testing.indexes import IndexContract


@pytest.mark.parametrize("cls", [pytest.param(cls, id=kind) for kind, cls in sorted(indexes.INDEXES.items())])
class TestEachIndex(IndexContract):
    pass


class Toy:
    """Cosine in plain NumPy."""

    kind: ClassVar[str] = "toy"
    metric: ClassVar[Metric] = "cosine"

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.known, self.stored = np.zeros(0, np.int64), np.zeros((0, dim), np.float32)

    def __len__(self) -> int:
        return len(self.known)

    def add(self, ids: Ids, vectors: NDArray[Any]) -> None:
        self.known = np.concatenate([self.known, ids])
        self.stored = np.concatenate([self.stored, vectors])

    def search(self, vectors: NDArray[Any], k: int) -> tuple[Ids, NDArray[Any]]:
        similarities = vectors @ self.stored.T
        order = np.argsort(-similarities, axis=1)[:, :k]
        missing = ((0, 0), (0, k - order.shape[1]))
        found = np.take_along_axis(similarities, order, axis=1)
        return (
            np.pad(self.known[order], missing, constant_values=-1),
            np.pad(found, missing, constant_values=-np.inf).astype(np.float32),
        )

    def ids(self) -> Ids:
        return np.sort(self.known)

    def save(self, path: Path) -> None:
        try:
            with path.open("wb") as stream:
                np.save(stream, self.known)
                np.save(stream, self.stored)
        except OSError as error:
            raise GenerationError(f"cannot write {path}") from error

    @classmethod
    def load(cls, path: Path, dim: int) -> Self:
        index = cls(dim)
        try:
            with path.open("rb") as stream:
                index.known, index.stored = np.load(stream), np.load(stream)
        except (OSError, ValueError, EOFError) as error:
            raise GenerationError("damaged; run `simsearch rebuild`") from error
        if index.stored.shape[1:] != (dim,):
            raise GenerationError("other dim; run `simsearch rebuild`")
        return index


@pytest.mark.parametrize("cls", [Toy])
class TestAnIndexOfOthers(IndexContract):
    pass


@pytest.mark.parametrize(
    "check",
    ["finds_the_most_similar", "fills_up_where_there_are_fewer", "keeps_equal_vectors_apart", "is_empty_at_first"],
)
def test_the_checks_can_fail(check: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "search", lambda self, v, k: (np.zeros((len(v), k), np.int64), np.zeros((len(v), k))))
    with pytest.raises(AssertionError):
        getattr(IndexContract(), f"test_{check}")(Toy, tmp_path)
