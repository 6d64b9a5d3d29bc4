"""Copies of a catalog from one database to another: exact, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from simsearch.catalog import Catalog
from simsearch.catalog.copying import copy
from simsearch.catalog.reviews import ReviewVerdict, Side
from simsearch.catalog.tables import ImageRow, Table
from simsearch.core.config import CatalogSettings
from simsearch.core.errors import CatalogError, UsageError
from simsearch.core.types import Decision, Outcome

SETTINGS = CatalogSettings(busy_timeout_s=5)
P = "phash-1"


def filled(catalog: Catalog, new: Any) -> None:
    images = [new(f"S{i}", f"/{i}", {P: bytes([i]) * 8, "orb-1": bytes(range(256)) * i}) for i in range(7)]
    catalog.images.apply(add=[*images, new("Ä ß 漢", "/refused", attributes={"pack": "30", "note": 'say "ä"'})])
    known = {one.path: one.id for one in catalog.images.known([P])}
    catalog.images.apply(retire=[known["/3"]])
    catalog.decisions.record(
        [(Decision("q.jpg", Outcome.UNKNOWN, None, None, 0.125, (), "g000001", 1.5), "1" * 64)], {}
    )
    catalog.reviews.record(Side("S1", ""), Side("S2", ""), ReviewVerdict.DISMISSED, "of two makers")


def content(catalog: Catalog) -> dict[str, list[tuple[Any, ...]]]:
    with catalog.database.read() as c:
        return {
            table.name: [tuple(row) for row in c.execute(sa.select(table).order_by(*table.primary_key.columns))]
            for table in Table.metadata.sorted_tables
        }


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    where = tmp_path / "to.db" if request.param == "sqlite" else request.getfixturevalue("postgres").catalog()
    with closing(Catalog(where, SETTINGS)) as opened:
        yield opened


def test_a_copy_is_exact_and_gives_new_numbers_only(catalog: Catalog, target: Catalog, new: Any) -> None:
    filled(catalog, new)
    with catalog.database.write() as c:  # the largest number is given, and its row is gone
        largest = c.scalar(sa.select(sa.func.max(ImageRow.id))) or 0
        c.execute(sa.delete(ImageRow).where(ImageRow.id == largest))
    report = copy(catalog.database, target.database)
    assert content(target) == content(catalog)
    assert report.rows["images"] == 7
    target.images.apply(add=[new("new", "/new", {P: b"12345678"})])
    assert max(one.id for one in target.images.known([P])) == largest + 1
    assert target.revision() == catalog.revision() + 1


def test_there_and_back_is_where_it_began(catalog: Catalog, target: Catalog, tmp_path: Path, new: Any) -> None:
    filled(catalog, new)
    copy(catalog.database, target.database)
    with closing(Catalog(tmp_path / "back.db", SETTINGS)) as back:
        copy(target.database, back.database)
        assert content(back) == content(catalog)


def test_nothing_is_copied_over_a_catalog(catalog: Catalog, target: Catalog, new: Any) -> None:
    filled(catalog, new)
    target.images.apply(add=[new("A", "/a", {P: b"12345678"})])
    before = content(target)
    with pytest.raises(UsageError, match="holds a catalog already"):
        copy(catalog.database, target.database)
    assert content(target) == before
    with pytest.raises(UsageError, match="is both"):
        copy(catalog.database, catalog.database)


def test_a_copy_that_fails_leaves_nothing(catalog: Catalog, target: Catalog, new: Any) -> None:
    filled(catalog, new)
    before = content(target)

    def stop(done: int, total: int, text: str) -> None:
        if text == "descriptors":
            raise CatalogError("the disk is full")

    with pytest.raises(CatalogError, match="disk is full"):
        copy(catalog.database, target.database, stop)
    assert content(target) == before
    copy(catalog.database, target.database)
    assert content(target) == content(catalog)
