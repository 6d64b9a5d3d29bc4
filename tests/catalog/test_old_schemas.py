"""A catalog of every released schema opens, keeps what it held, and goes on. schemas/ holds them as SQL, with data."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simsearch.catalog import Catalog
from simsearch.catalog.checked import Seen
from simsearch.catalog.decisions import DecisionFilter, DecisionVerdict
from simsearch.catalog.reviews import Review, ReviewVerdict, Side
from simsearch.catalog.tables import HEAD
from simsearch.core.config import CatalogSettings
from simsearch.core.types import Refusal, SourceRow

SCHEMAS = Path(__file__).parent / "schemas"
VERSIONS = sorted(path.stem for path in SCHEMAS.glob("*.sql"))
THEN = datetime(2026, 1, 2, 3, 4, 5)
P, S, R = (f"{name}-0123456789abcdef" for name in ("phash", "siamese", "reading"))


def test_every_schema_is_there() -> None:
    """A new migration adds its own: fill a catalog, and write down what sqlite3's iterdump gives."""
    assert [f"{number:04d}" for number in range(1, int(HEAD) + 1)] == VERSIONS


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def old(version: str, tmp_path: Path) -> Iterator[Catalog]:
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as connection:
        connection.executescript((SCHEMAS / f"{version}.sql").read_text(encoding="utf-8"))
    with closing(Catalog(tmp_path / "catalog.db", CatalogSettings())) as catalog:
        yield catalog


def test_images_and_products_are_kept(old: Catalog) -> None:
    assert old.revision() == 4
    assert old.images.counts() == {"products": 2, "images_ok": 3, "images_refused": 1, "images_retired": 1}
    assert {k.path: k.described for k in old.images.known([P, S])} == {
        "/data/a.jpg": True, "/data/b.jpg": True, "/data/d.jpg": True, "/data/e.jpg": False,
    }  # fmt: skip
    [facts] = old.images.facts([1]).values()
    assert (facts.sku, facts.title, facts.attributes) == ("IBU-400", "Ibuprofen 400 mg", {"atc": "M01AE01"})
    assert [p.name for p in old.selection.products()] == ["Ibuprofen", "Paracetamol 💊"]
    assert old.images.retired_since(2).tolist() == [3]
    refused = Refusal("/data/e.jpg", "truncated", "/data/e.jpg: ends")
    assert old.images.refused() == [Refusal("line 7", "bad_row", "line 7: no SKU"), refused]


def test_descriptors_are_kept(old: Catalog) -> None:
    ids, hashes = old.descriptors.matrix(P, np.dtype(np.uint8), 8)
    assert (ids.tolist(), hashes[:, 0].tolist()) == ([1, 2, 4], [1, 2, 4])
    assert old.descriptors.matrix(S, np.dtype(np.float32), 4)[1].tolist() == [[1, 0, 0, 0]] * 3
    assert old.descriptors.active_ids(P, since=1).tolist() == [4]


def test_builds_decisions_and_reviews_are_kept(old: Catalog, version: str) -> None:
    assert [(b["name"], b["state"], b["created_at"]) for b in old.builds.all()] == [
        ("g000001", "built", THEN), ("g000002", "failed", THEN),
    ]  # fmt: skip
    second, first = old.decisions.find(DecisionFilter())
    assert (first.at, first.sku, first.evidence["hits"][1]["sku"]) == (THEN, "IBU-400", "PARA-Ä")
    assert (second.outcome, second.sku, second.review) == ("unknown", None, None)
    assert [d.id for d in old.decisions.find(DecisionFilter(sku="PARA-Ä"))] == [1]
    if version >= "0002":
        pair = Side("IBU-400", "a" * 64), Side("PARA-Ä")
        by = "anna" if version >= "0007" else ""
        assert old.reviews.all() == [Review(*pair, ReviewVerdict.DISMISSED, "other drug", THEN, by)]
    if version >= "0003":
        assert first.review is not None
        assert (first.review.verdict, first.review.sku) == (DecisionVerdict.CORRECTED, "PARA-Ä")
        assert first.review.by == ("Ärztin" if version >= "0007" else "")


def test_what_was_read_is_kept(old: Catalog, version: str) -> None:
    read = version >= "0005"
    assert old.changes(2).read_ids.tolist() == ([1] if read else [])
    assert [u.id for u in old.readings.unread([R])] == ([2, 4] if read else [1, 2, 4])


def test_what_the_table_said_later_is_kept(old: Catalog, version: str) -> None:
    assert old.changes(2).renamed_ids.tolist() == ([1, 2] if version >= "0006" else [])
    old.images.update_products([SourceRow("IBU-400", "", "", "", name="Ibu")])
    assert old.changes(4).renamed_ids.tolist() == [1, 2]


def test_codes_are_kept(old: Catalog, version: str) -> None:
    assert old.codes.images(["gtin:3600029145"]) == ([1] if version >= "0005" else [])


def test_doubts_and_corrections_are_kept(old: Catalog, version: str) -> None:
    filing = version >= "0008"
    assert [(d.id, d.by, d.said_at) for d in old.doubts.said()] == ([(1, "anna", THEN)] if filing else [])
    assert [d.id for d in old.doubts.open()] == ([2] if filing else [])
    assert [(c.sku, c.to_sku) for c in old.corrections.all()] == ([("IBU-400", "PARA-Ä")] if filing else [])
    assert {k.filed for k in old.images.known([P])} == {"IBU-400", "PARA-Ä"}


def test_what_a_check_saw_is_kept_or_seen_again(old: Catalog, version: str) -> None:
    kept = version >= "0010"
    assert old.checked.seen([1], "s" * 64) == ({1: Seen(4, {"read": False})} if kept else {})
    assert (old.checked.state() is not None, len(old.checked.cases()), old.checked.beside([2])) == (
        (True, 1, {1}) if kept else (False, 0, set())
    )
    since = 4 if kept else None
    assert old.checked.due(since, "s" * 64).images == ({2, 4} if kept else {1, 2, 4})


def test_it_goes_on(old: Catalog, new: Any) -> None:
    old.images.apply(add=[new("IBU-400", "/data/f.jpg", {P: bytes(8), S: bytes(16)})], retire=[1])
    assert old.revision() == 5
    assert old.descriptors.active_ids(P).tolist() == [2, 4, 6]
    old.builds.record("g000003", 3, "built", {})
    old.decisions.review(2, DecisionVerdict.CONFIRMED, None)
    old.reviews.record(Side("IBU-400"), Side("PARA-Ä"), ReviewVerdict.CONFIRMED, by="ben")
    assert old.reviews.all()[-1].by == "ben"
    assert old.housekeeping.integrity() == ""
    assert old.housekeeping.drop_descriptors([S, R], 4) == 2 + 4  # of the image that went before, and hashes
