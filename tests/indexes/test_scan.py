"""Many queries at once against an index that compares every vector."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsearch.indexes import scan
from simsearch.indexes.factory import FactoryIndex

DIM = 8


def filled(factory: str, count: int) -> faiss.IndexIDMap:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(count, DIM)).astype(np.float32)
    vectors[count // 2 :: 7] = vectors[: len(vectors[count // 2 :: 7])]  # equal ones
    index = faiss.IndexIDMap(faiss.index_factory(DIM, factory, faiss.METRIC_INNER_PRODUCT))
    if count:
        index.train(vectors)
        index.add_with_ids(vectors, np.arange(count, dtype=np.int64) * 3 + 5)
    return index


@pytest.mark.parametrize("factory", ["Flat", "SQfp16"])
@given(count=st.sampled_from([0, 1, 5, 13, 14, 40, 300]), k=st.sampled_from([1, 5, 13]), block=st.sampled_from([4, 64]))
def test_it_finds_what_faiss_finds(factory: str, count: int, k: int, block: int) -> None:
    queries = np.random.default_rng(count).normal(size=(scan.FEWEST, DIM)).astype(np.float32)
    index = filled(factory, count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "_BLOCK", block)
        similarities, ids = scan.search(index, queries, k)
    wanted, theirs = index.search(queries, k)
    np.testing.assert_allclose(similarities, np.where(theirs < 0, -np.inf, wanted), atol=1e-5)
    assert [len({*row}) for row in ids.tolist()] == [len({*row}) for row in theirs.tolist()]
    where = {int(i): n for n, i in enumerate(faiss.vector_to_array(index.id_map))}
    for query, row, told in zip(queries, ids, similarities, strict=True):
        for i, similarity in zip(row.tolist(), told.tolist(), strict=True):
            assert i == -1 or abs(query @ index.index.reconstruct(where[i]) - similarity) < 1e-5


def test_few_queries_and_other_kinds_are_left_to_faiss(tmp_path: Path) -> None:
    flat = faiss.IndexIDMap2(faiss.IndexFlatIP(DIM))
    assert scan.fits(flat, scan.FEWEST)
    assert not scan.fits(flat, scan.FEWEST - 1)
    assert not scan.fits(faiss.IndexIDMap(faiss.index_factory(DIM, "HNSW8")), 1000)
    assert not scan.fits(faiss.index_factory(DIM, "IVF4,SQfp16"), 1000)
    # Also of an index that was mapped from its file.
    index = FactoryIndex(DIM, "SQfp16")
    vectors = np.random.default_rng(0).normal(size=(50, DIM)).astype(np.float32)
    index.add(np.arange(50), vectors)
    index.save(tmp_path / "index")
    queries = np.random.default_rng(1).normal(size=(scan.FEWEST, DIM)).astype(np.float32)
    again = FactoryIndex.load(tmp_path / "index", DIM)
    assert all(np.array_equal(a, b) for a, b in zip(index.search(queries, 5), again.search(queries, 5), strict=True))
