"""Recorded answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from simsearch.catalog import Catalog
from simsearch.catalog.database import now
from simsearch.catalog.decisions import DecisionFilter, DecisionVerdict
from simsearch.catalog.tables import DecisionRow
from simsearch.core.types import (
    Decision,
    Hit,
    Outcome,
    Package,
    PhotoPrint,
    PrintComparison,
    PrintedFact,
    PrintedLine,
    Verification,
)


def test_decisions_are_kept_with_their_evidence(catalog: Catalog) -> None:
    hit = Hit("A", "Ibu", 7, "a.jpg", Verification(0.98765432, 0.8, 0.9, 42, 0.7))
    match = Decision("q.jpg", Outcome.MATCH, "A", "Ibu", 0.98765432, (hit,), "g000001", 12.5)
    nothing = Decision("-", Outcome.UNKNOWN, None, None, 0.0, (), "none", 1.0)
    catalog.decisions.record([(match, "1" * 64), (nothing, "2" * 64)], {"margin": 0.15})
    catalog.decisions.record([], {})
    with catalog.database.read() as c:
        query = "SELECT query, query_sha256, outcome, sku, probability, generation FROM decisions ORDER BY id"
        assert [tuple(row) for row in c.execute(sa.text(query))] == [
            ("q.jpg", "1" * 64, "match", "A", 0.98765432, "g000001"),
            ("-", "2" * 64, "unknown", None, 0.0, "none"),
        ]
        kept = c.execute(sa.text("SELECT evidence FROM decisions ORDER BY id")).scalars()
        # SQLite keeps JSON as it is written; PostgreSQL's driver reads it.
        [first, second] = [one if isinstance(one, str) else json.dumps(one) for one in kept]
    assert '"margin": 0.15' in first
    assert '{"sku": "A", "image_id": 7, "probability": 0.987654, "similarity": 0.8, "inliers": 42, ' in first
    assert second.endswith('"named": [], "shown": 0, "hits": []}')


def answer(sku: str | None, *candidates: str) -> Decision:
    hits = tuple(Hit(c, "Ibu", 7, "a.jpg", Verification(0.5, 0.8, 0.9, 42, 0.7)) for c in candidates)
    return Decision("q.jpg", Outcome.MATCH if sku else Outcome.UNKNOWN, sku, sku, 0.5, hits, "g000001", 12.5)


def record(catalog: Catalog, *decisions: Decision) -> list[int]:
    return catalog.decisions.record([(d, "1" * 64) for d in decisions], {"note": "sku: B"})


ODD = ["50%", "a_b", 'quo"te', "back\\slash", "Ärztemuster 20×", "阿司匹林", "💊", "a'b;--", "slash/"]


@pytest.mark.parametrize("sku", ODD)
def test_an_sku_is_found_among_candidates_to_the_letter(catalog: Catalog, sku: str) -> None:
    near = sku.swapcase() + "1", "x" + sku, sku[:-1] + "?"
    wanted = record(catalog, answer(None, "other", sku), answer(sku, sku), answer(None, *near), answer(None))[:2]
    assert [d.id for d in catalog.decisions.find(DecisionFilter(sku=sku))] == wanted[::-1]


def test_packages_are_kept_where_there_are_several(catalog: Catalog) -> None:
    first, second = answer("A", "A"), answer(None, "B")
    outline = ((0.123456, 0.0), (1.0, 0.0), (1.0, 1.0))
    alone = replace(first, packages=(Package(None, first),))
    both = replace(first, packages=(Package(outline, first), Package(None, second)))
    record(catalog, alone, both)
    kept, without = (one.evidence for one in catalog.decisions.find(DecisionFilter()))
    assert "packages" not in without
    assert kept["packages"] == [
        {"decision": "match", "sku": "A", "probability": 0.5, "named": [], "outline": [[0.1235, 0], [1, 0], [1, 1]]},
        {"decision": "unknown", "sku": None, "probability": 0.5, "named": [], "outline": None},
    ]


def test_an_sku_is_looked_for_by_the_database(catalog: Catalog) -> None:
    record(catalog, *[answer(None, "A", "B")] * 3, *[answer(None, "C")] * 2000)
    read: list[int] = []
    sa.event.listen(catalog.database.engine, "after_cursor_execute", lambda *_: read.append(1))
    assert len(list(catalog.decisions.find(DecisionFilter(sku="A")))) == 3
    assert len(read) <= 6  # each page takes three: begin, read, and what comes after it


def dated(catalog: Catalog, ids: Sequence[int], days: int) -> None:
    with catalog.database.write() as c:
        c.execute(sa.update(DecisionRow).where(DecisionRow.id.in_(ids)).values(created_at=now() - timedelta(days=days)))


def test_old_answers_go_and_reviewed_ones_stay(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsearch.catalog.decisions._PAGE", 3)
    ids = record(catalog, *[answer("A", "A")] * 12)
    dated(catalog, ids[:10], 401)
    dated(catalog, ids[10:], 399)
    catalog.decisions.review(ids[4], DecisionVerdict.CONFIRMED, "A")
    commits: list[int] = []
    sa.event.listen(catalog.database.engine, "commit", lambda connection: commits.append(1))
    assert catalog.decisions.drop_old(0) == 0
    assert commits == []
    assert catalog.decisions.drop_old(400) == 9
    assert len(commits) == 4  # three at a time, and a last look
    assert [d.id for d in catalog.decisions.find(DecisionFilter())] == [ids[11], ids[10], ids[4]]
    assert catalog.decisions.drop_old(400) == 0
    assert record(catalog, answer("A", "A")) == [13]  # ids are not given again


def test_what_was_read_is_kept_within_bounds(catalog: Catalog) -> None:
    place = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    read = PhotoPrint(
        tuple(PrintedLine("x" * 500, 0.5, place) for _ in range(200)), ("500 mg",) * 50, ("24",), (), ("0" * 14,)
    )
    facts = tuple(PrintedFact("pack", f"{n} tablets", "48", photo_place=place) for n in range(30))
    seen = Verification(0.9, 0.8, 0.9, 42, 0.7, printed=PrintComparison((), facts, 0.5, (1.0, 0.25)))
    hit = Hit("A", "Ibu", 7, "a.jpg", seen)
    unknown = Decision("q", Outcome.UNKNOWN, None, None, 0.9, (hit,), "g000001", 1.0, read=read, against=hit)
    [number] = record(catalog, unknown)
    kept = catalog.decisions.get(number)
    assert kept is not None
    lines = kept.evidence["read"]["lines"]
    assert (len(lines), len(lines[0]["text"]), len(kept.evidence["read"]["strengths"])) == (40, 120, 8)
    assert kept.evidence["codes"] == ["0" * 14]
    assert kept.evidence["contradictions"][0] == {
        "kind": "pack", "photo": "0 tablets", "catalog": "48", "from_table": False,
    }  # fmt: skip
    printed = kept.evidence["hits"][0]["printed"]
    assert (len(printed["contradictions"]), printed["features"]) == (8, [1.0, 0.25])
