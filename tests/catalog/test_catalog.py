"""The catalog as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from simsearch.catalog import Catalog
from simsearch.core.stamps import Stamp
from simsearch.core.types import Refusal, SourceRow

P, S, R = "phash-1", "siamese-1", "reading-1"
U8 = np.dtype(np.uint8)


def test_no_query_is_for_sqlite_alone(catalog: Catalog, new: Any) -> None:
    statements: list[Any] = []
    sa.event.listen(catalog.database.engine, "before_execute", lambda c, clause, *rest: statements.append(clause))
    catalog.images.apply(
        add=[new("A", "/1", {P: b"12345678"}, name="N"), new("B", "/2")], touch={1: ("/q", Stamp(1, 2))}
    )
    catalog.images.apply(redescribe={1: new("A", "/1", {P: b"87654321"})}, retire=[2])
    catalog.images.update_products([SourceRow("A", "/1", "1", "", name="M")])
    catalog.images.note_refusals("/s", [Refusal("w", "bad_row", "m")])
    catalog.builds.record("g000001", 1, "built", {})
    catalog.readings.add({1: {R: b"read"}})
    catalog.selection.products_of([1])
    catalog.selection.named([1])
    catalog.readings.unread([R])
    catalog.readings.counts([R])
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


def test_changes_are_what_was_described_and_retired(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", {P: b"12345678"}), new("A", "/2", {P: b"12345678"}), new("A", "/3")])
    catalog.images.apply(add=[new("B", "/4", {P: b"87654321"})], retire=[1])
    catalog.images.apply(redescribe={2: new("A", "/2", {S: b"s"})}, retire=[4])
    every = catalog.changes(-1)
    assert (every.revision, every.ids.tolist(), every.described_revisions.tolist()) == (3, [1, 2, 4], [1, 3, 2])
    assert every.retired.tolist() == [1, 4]
    late = catalog.changes(2)
    assert (late.revision, late.ids.tolist(), late.retired.tolist()) == (3, [2], [4])
    assert every.after(1).ids.tolist() == [2, 4]
    assert catalog.changes(3).ids.shape == catalog.changes(3).retired.shape == (0,)


def test_changes_tell_what_was_read(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", f"/{i}", {P: b"12345678"}) for i in range(3)])
    catalog.readings.add({1: {R: b"1"}, 3: {R: b"3"}})
    catalog.readings.add({2: {R: b"2"}})
    catalog.readings.add({1: {R: b"again"}})
    every = catalog.changes(-1)
    assert (every.read_ids.tolist(), every.read_revisions.tolist()) == ([1, 2, 3], [4, 3, 2])
    assert every.described_revisions.tolist() == [1, 1, 1]  # reading describes nothing
    late = catalog.changes(2)
    assert (late.ids.tolist(), late.read_ids.tolist()) == ([], [1, 2])
    assert every.after(3).read_ids.tolist() == [1]
    catalog.images.apply(retire=[1])
    assert catalog.changes(4).retired.tolist() == [1]


def test_changes_tell_of_which_products_the_table_says_something_else(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new(sku, f"/{sku}{i}", {P: b"12345678"}) for sku in "AB" for i in range(2)])
    assert catalog.changes(-1).renamed_ids.tolist() == []
    assert catalog.images.update_products([SourceRow("B", "", "", "", name="Hemipan")]) == 1
    assert catalog.images.update_products([SourceRow("B", "", "", "", name="Hemipan")]) == 0  # it says so already
    changes = catalog.changes(1)
    assert (changes.revision, changes.ids.tolist()) == (2, [])  # nothing was described
    assert (changes.renamed_ids.tolist(), changes.renamed_revisions.tolist()) == ([3, 4], [2, 2])
    catalog.images.update_products([SourceRow("A", "", "", "", attributes={"ean": "1"})])
    every = catalog.changes(-1)
    assert (every.renamed_ids.tolist(), every.renamed_revisions.tolist()) == ([1, 2, 3, 4], [3, 3, 2, 2])
    assert every.after(2).renamed_ids.tolist() == [1, 2]


def test_products_of_images_and_what_their_table_says(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new(sku, f"/{sku}{i}", {P: b"12345678"}) for sku in "AB" for i in range(2)])
    catalog.images.update_products([SourceRow("B", "", "", "", name="Hemipan", attributes={"ean": "1"})])
    catalog.images.apply(retire=[1, 2])
    assert catalog.selection.products_of([1, 3, 4, 99]) == {1: 1, 3: 2, 4: 2}
    named = catalog.selection.named([2, 1, 99])
    assert [(p.id, p.sku, p.name, dict(p.attributes)) for p in named] == [
        (1, "A", "", {}),
        (2, "B", "Hemipan", {"ean": "1"}),
    ]
    assert catalog.selection.named([]) == []


def test_changes_are_of_one_moment(catalog: Catalog, new: Any) -> None:
    """What is committed between two of its statements is in none of them."""
    catalog.images.apply(add=[new("A", "/1", {P: b"12345678"})])

    committed: list[str] = []

    def commit(c: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT") and not committed:
            committed.append(statement)
            catalog.images.apply(add=[new("B", "/2", {P: b"87654321"})], retire=[1])

    sa.event.listen(catalog.database.engine, "after_cursor_execute", commit)
    found = catalog.changes(-1)
    assert catalog.revision() == 2
    assert (found.revision, found.ids.tolist(), found.retired.tolist()) == (1, [1], [])
