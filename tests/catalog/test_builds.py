"""The builds that the catalog remembers."""

from __future__ import annotations

from simsearch.catalog import Catalog


def test_generations_are_remembered_in_order(catalog: Catalog) -> None:
    catalog.builds.record("g000001", 3, "built", {"passed": True, "lanes": {"phash": {"recall": 1.0}}})
    catalog.builds.record("g000002", 3, "failed", {"passed": False})
    catalog.builds.record("g000001", 4, "pruned", {})
    found = catalog.builds.all()
    assert [(g["name"], g["images"], g["state"]) for g in found] == [("g000002", 3, "failed"), ("g000001", 4, "pruned")]
    assert found[0]["audit"] == {"passed": False}
