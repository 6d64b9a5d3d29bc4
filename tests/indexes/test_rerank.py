"""Re-ranking by the vectors of the catalog; that every kind which needs it serves is in test_build.py."""

from __future__ import annotations

import numpy as np

from simsearch.indexes import VectorIndex
from simsearch.indexes.base import Searcher
from simsearch.indexes.factory import FactoryIndex
from simsearch.indexes.rerank import Reranked

DIM = 32


def test_what_the_catalog_no_longer_has_is_left_out_of_the_order() -> None:
    vectors = np.eye(50, DIM, dtype=np.float32) + np.float32(0.1)
    index = FactoryIndex(DIM, "SQ8")
    index.build(np.arange(50), vectors, training=50)
    known = {i: vectors[i] for i in range(50) if i % 2}
    found = Reranked(index, 4, lambda ids: {int(i): known[int(i)] for i in ids if int(i) in known})
    near, similarities = found.search(vectors[:3], 5)
    assert (near[near >= 0] % 2 == 1).all()
    assert np.isfinite(similarities[near >= 0]).all()
    nobody = Reranked(index, 4, lambda ids: {})
    assert (nobody.search(vectors[:2], 5)[0] == -1).all()


def test_it_searches_and_is_no_index() -> None:
    found = Reranked(FactoryIndex(DIM, "SQ8"), 4, lambda ids: {})
    assert isinstance(found, Searcher)
    assert not isinstance(found, VectorIndex)
