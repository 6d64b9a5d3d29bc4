"""The catalog as a whole."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from simsearch.catalog import Catalog
from simsearch.core.config import CatalogSettings
from simsearch.core.types import Refusal, SourceRow

P, S = "phash-1", "siamese-1"
U8 = np.dtype(np.uint8)


def test_no_query_is_for_sqlite_alone(catalog: Catalog, new: Any) -> None:
    statements: list[Any] = []
    sa.event.listen(catalog.database.engine, "before_execute", lambda c, clause, *rest: statements.append(clause))
    catalog.images.apply(add=[new("A", "/1", {P: b"12345678"}, name="N"), new("B", "/2")], touch={1: ("/q", 1, 2)})
    catalog.images.apply(redescribe={1: new("A", "/1", {P: b"87654321"})}, retire=[2])
    catalog.images.update_products([SourceRow("A", "/1", "1", "", name="M")])
    catalog.images.note_refusals("/s", [Refusal("w", "bad_row", "m")])
    catalog.builds.record("g000001", 1, "built", {})
    catalog.descriptors.matrix(P, U8, 8, since=0)
    for read in (catalog.images.refused, catalog.images.counts, catalog.builds.all, catalog.descriptors.counts):
        read()
    (
        catalog.images.known([P]),
        catalog.images.facts([1]),
        catalog.descriptors.of(P, [1]),
        catalog.descriptors.active_ids(P),
        catalog.images.retired_since(0),
    )
    assert len(statements) > 30
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for statement in statements:
        assert str(statement.compile(dialect=dialect))


def test_a_snapshot_is_of_one_moment(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", {P: b"12345678"})])
    with catalog.snapshot() as moment:
        assert moment.revision() == 1
        catalog.images.apply(add=[new("B", "/2", {P: b"87654321"})], retire=[1])
        assert catalog.revision() == 2
        assert moment.revision() == 1
        assert moment.descriptors.active_ids(P).tolist() == moment.descriptors.matrix(P, U8, 8)[0].tolist() == [1]
        assert moment.descriptors.active_ids(P, since=1).tolist() == []
        assert moment.images.retired_since(0).tolist() == []
        assert set(moment.images.facts([1, 2])) == {1}
        assert [p.sku for p in moment.selection.products()] == ["A"]
    with catalog.snapshot() as moment:
        assert moment.revision() == 2
        assert moment.descriptors.active_ids(P, since=1).tolist() == [2]
        assert moment.images.retired_since(1).tolist() == [1]


def test_a_snapshot_is_for_reading(catalog: Catalog) -> None:
    with catalog.snapshot() as moment, pytest.raises(TypeError, match="for reading"):
        moment.images.note_refusals("/s", [])
    catalog.images.note_refusals("/s", [])


def test_a_snapshot_gives_its_connection_back(tmp_path: Path) -> None:
    with closing(Catalog(tmp_path / "catalog.db", CatalogSettings(busy_timeout_s=1, pool_size=4))) as catalog:
        for _ in range(10):
            with catalog.snapshot() as moment:
                moment.revision()
