"""An index that is added as one file."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from simsearch import indexes
from simsearch.indexes import VectorIndex

TOY = '''
    """Cosine in plain NumPy."""

    import numpy as np

    from simsearch.core.errors import GenerationError


    class Toy:
        kind, metric = "toy", "cosine"

        def __init__(self, dim):
            self.dim = dim
            self.known, self.stored = np.zeros(0, np.int64), np.zeros((0, dim), np.float32)

        def __len__(self):
            return len(self.known)

        def add(self, ids, vectors):
            self.known = np.concatenate([self.known, ids])
            self.stored = np.concatenate([self.stored, vectors])

        def search(self, vectors, k):
            similarities = vectors @ self.stored.T
            order = np.argsort(-similarities, axis=1)[:, :k]
            missing = ((0, 0), (0, k - order.shape[1]))
            found = np.take_along_axis(similarities, order, axis=1)
            return (
                np.pad(self.known[order], missing, constant_values=-1),
                np.pad(found, missing, constant_values=-np.inf).astype(np.float32),
            )

        def ids(self):
            return np.sort(self.known)

        def save(self, path):
            try:
                with path.open("wb") as stream:
                    np.save(stream, self.known)
                    np.save(stream, self.stored)
            except OSError as error:
                raise GenerationError(f"cannot write {path}") from error

        @classmethod
        def load(cls, path, dim):
            index = cls(dim)
            try:
                with path.open("rb") as stream:
                    index.known, index.stored = np.load(stream), np.load(stream)
            except (OSError, ValueError, EOFError) as error:
                raise GenerationError("damaged; run `simsearch rebuild`") from error
            if index.stored.shape[1:] != (dim,):
                raise GenerationError("other dim; run `simsearch rebuild`")
            return index


    INDEXES = (Toy,)
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[VectorIndex]]:
    (tmp_path / "toy.py").write_text(textwrap.dedent(TOY), encoding="utf-8")
    monkeypatch.setattr(indexes, "__path__", [*indexes.__path__, str(tmp_path)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    indexes.discover.cache_clear()
    yield indexes.discover()["toy"]
    indexes.discover.cache_clear()
    sys.modules.pop("simsearch.indexes.toy", None)
    if hasattr(indexes, "toy"):
        delattr(indexes, "toy")
