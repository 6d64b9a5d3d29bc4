"""Exact indexes; what every index promises is in test_contract.py."""

from __future__ import annotations

from pathlib import Path

import faiss
import pytest

from simsearch.core.errors import GenerationError
from simsearch.indexes.flat import FlatIndex

DIM = 32


@pytest.mark.parametrize("description", ["IDMap2,Flat", "Flat", "IDMap,Flat"])
def test_an_index_of_distances_is_no_index_of_similarities(tmp_path: Path, description: str) -> None:
    index = faiss.index_factory(DIM, description, faiss.METRIC_L2)
    faiss.write_index(index, str(tmp_path / "x.index"))
    with pytest.raises(GenerationError, match="is not an index of inner products"):
        FlatIndex.load(tmp_path / "x.index", DIM)
