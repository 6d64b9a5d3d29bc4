"""Recorded answers."""

from __future__ import annotations

import sqlalchemy as sa

from simsearch.catalog import Catalog
from simsearch.core.types import Decision, Hit, Outcome, Verification


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
        [first, second] = c.execute(sa.text("SELECT evidence FROM decisions ORDER BY id")).scalars()
    assert '"margin": 0.15' in first
    assert '{"sku": "A", "image_id": 7, "probability": 0.987654, "similarity": 0.8, "inliers": 42, ' in first
    assert second.endswith('"named": [], "shown": 0, "hits": []}')
