"""Re-ranking by the vectors of the catalog; that every kind which needs it serves is in test_build.py."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from simsearch.catalog import Catalog
from simsearch.catalog.images import NewImage
from simsearch.core.config import CatalogSettings
from simsearch.core.stamps import Stamp
from simsearch.core.types import SourceRow
from simsearch.indexes import VectorIndex
from simsearch.indexes.base import Searcher
from simsearch.indexes.factory import FactoryIndex
from simsearch.indexes.rerank import Reranked, vectors_of

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


def test_a_damaged_vector_of_the_catalog_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Catalog(tmp_path / "catalog.db", CatalogSettings())) as catalog:
        for number, data in enumerate([b"\0" * 8, b"\0" * 7, b""], 1):
            row = SourceRow(f"A{number}", f"/p/{number}.jpg", f"{number}.jpg", "")
            catalog.images.apply(
                add=[NewImage(row, "/p", Stamp(1, 1), "0" * 64, 1, 1, descriptors={"siamese-1": data})]
            )
        read = vectors_of(catalog, "siamese-1", 2)
        assert list(read(np.array([1, 2, 3, 4]))) == [1]
    assert caplog.messages == [
        f"image {i}: its siamese-1 descriptor is damaged; restore a backup; it is left out of this answer"
        for i in (2, 3)
    ]
