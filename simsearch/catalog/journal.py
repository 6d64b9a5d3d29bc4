"""What simsearch did with the catalog: the builds of its indexes and the answers that it gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from simsearch.catalog.database import Database, now
from simsearch.catalog.tables import DecisionRow, GenerationRow
from simsearch.datatypes import Decision


class Journal(Database):
    """Generations and decisions, kept for people who ask later."""

    def record_generation(self, name: str, images: int, state: str, audit: Mapping[str, Any]) -> None:
        """Remember a build, whether it serves or not."""
        with self._write() as c:
            c.execute(sa.delete(GenerationRow).where(GenerationRow.name == name))
            values = {"name": name, "created_at": now(), "images": images, "state": state, "audit": dict(audit)}
            c.execute(sa.insert(GenerationRow).values(values))

    def generations(self) -> list[dict[str, Any]]:
        """Every build remembered, oldest first."""
        with self._read() as c:
            return [
                dict(row) for row in c.execute(sa.select(GenerationRow.__table__).order_by(GenerationRow.id)).mappings()
            ]

    def record_decisions(self, decisions: Sequence[tuple[Decision, str]], evidence: Mapping[str, Any]) -> None:
        """Keep answers, each with the sha256 of its photo. `evidence`: fingerprints and thresholds that they share."""
        rows = [
            {
                "created_at": now(), "query": d.query, "query_sha256": sha256, "generation": d.generation,
                "outcome": d.outcome.value, "sku": d.sku, "probability": d.probability,
                "evidence": {
                    **evidence,
                    "hits": [
                        {"sku": h.sku, "image_id": h.image_id, "probability": round(h.verification.probability, 6),
                         "similarity": round(h.verification.similarity, 6), "inliers": h.verification.inliers}
                        for h in d.hits
                    ],
                },
            }
            for d, sha256 in decisions
        ]  # fmt: skip
        if rows:
            with self._write() as c:
                c.execute(sa.insert(DecisionRow), rows)
