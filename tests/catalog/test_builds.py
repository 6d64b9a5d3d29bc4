"""The builds that the catalog remembers."""

from __future__ import annotations

import sqlalchemy as sa

from simsearch.catalog import Catalog


def test_generations_are_remembered_in_order(catalog: Catalog) -> None:
    catalog.builds.record("g000001", 3, "built", {"passed": True, "lanes": {"phash": {"recall": 1.0}}})
    catalog.builds.record("g000002", 3, "failed", {"passed": False})
    catalog.builds.record("g000001", 4, "pruned", {})
    found = catalog.builds.all()
    assert [(g["name"], g["images"], g["state"]) for g in found] == [("g000002", 3, "failed"), ("g000001", 4, "pruned")]
    assert found[0]["audit"] == {"passed": False}
    assert catalog.builds.names() == ["g000002", "g000001"]


def test_one_is_read_alone(catalog: Catalog) -> None:
    catalog.builds.record("g000001", 3, "built", {"digest": "d"})
    catalog.builds.record("g000002", 3, "failed", {})
    found = catalog.builds.get("g000001")
    assert found is not None
    assert (found["images"], found["state"], found["audit"]) == (3, "built", {"digest": "d"})
    assert catalog.builds.get("g000003") is None
    statements: list[str] = []
    sa.event.listen(catalog.database.engine, "before_cursor_execute", lambda c, k, text, *_: statements.append(text))
    catalog.builds.get("g000001"), catalog.builds.names()
    assert not [s for s in statements if "audit" in s and "WHERE" not in s]
