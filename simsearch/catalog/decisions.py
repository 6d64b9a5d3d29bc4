"""What simsearch did with the catalog: the builds of its indexes, the answers it gave, and what people say of those."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from simsearch.catalog.database import Part, now
from simsearch.catalog.tables import DecisionReviewRow, DecisionRow
from simsearch.core.types import Decision, Hit

_PAGE = 500
"""Decisions read at once: the list may be long, and its reader slow."""


class Found(StrEnum):
    """What a person found out about an answer."""

    CONFIRMED = "confirmed"
    CORRECTED = "corrected"


@dataclass(frozen=True)
class DecisionReview:
    """What a person says of a decision."""

    verdict: Found
    sku: str | None
    """What the photo shows; None: no product of the catalog."""
    note: str
    at: datetime
    """UTC."""


@dataclass(frozen=True)
class Recorded:
    """A decision as it was recorded."""

    id: int
    at: datetime
    """UTC."""
    query: str
    query_sha256: str
    generation: str
    outcome: str
    sku: str | None
    probability: float
    evidence: Mapping[str, Any]
    """See `Decisions.record`; decisions of older versions lack keys."""
    review: DecisionReview | None = None


@dataclass(frozen=True)
class DecisionFilter:
    """Which decisions; None: any."""

    since: datetime | None = None
    """UTC."""
    outcome: str | None = None
    sku: str | None = None
    """Named by the answer, among its candidates, or said by a person."""
    reviewed: bool | None = None


class Decisions(Part):
    """Generations and decisions, kept for people who ask later."""

    def record(
        self,
        decisions: Sequence[tuple[Decision, str]],
        evidence: Mapping[str, Any],
        own: Sequence[Mapping[str, Any]] | None = None,
    ) -> list[int]:
        """Keep answers, each with the sha256 of its photo; their ids.

        `evidence`: what they share, fingerprints and thresholds; `own`: what each has beyond that. Of each answer come
        to it the reason, the SKUs that it names, and the best candidates with the features that their probability was
        made of; the first `shown` of them were shown.
        """
        rows = [
            {
                "created_at": now(), "query": d.query, "query_sha256": sha256, "generation": d.generation,
                "outcome": d.outcome.value, "sku": d.sku, "probability": d.probability,
                "evidence": {
                    **evidence, **more, "reason": d.reason, "took_ms": round(d.took_ms, 2), "compared": d.compared,
                    "named": list(d.named), "shown": len(d.hits), "hits": [_hit(h) for h in d.considered or d.hits],
                },
            }
            for (d, sha256), more in zip(decisions, own or [{}] * len(decisions), strict=True)
        ]  # fmt: skip
        ids = []
        if rows:
            with self.database.write() as c:
                for row in rows:
                    key = c.execute(sa.insert(DecisionRow).values(row)).inserted_primary_key
                    assert key is not None
                    ids.append(int(key[0]))
        return ids

    def find(self, wanted: DecisionFilter, *, limit: int | None = None) -> Iterator[Recorded]:
        """Recorded answers that `wanted` lets through, newest first."""
        before: int | None = None
        while limit is None or limit > 0:
            query = _decisions(wanted).limit(_PAGE if limit is None else min(_PAGE, limit))
            if before is not None:
                query = query.where(DecisionRow.id < before)
            with self.database.read() as c:
                rows = c.execute(query).all()
            for row in rows:
                recorded = _recorded(row)
                if wanted.sku is None or _names(recorded, wanted.sku):
                    yield recorded
                    if limit is not None and (limit := limit - 1) == 0:
                        return
            if not rows:
                return
            before = rows[-1].id

    def drop_old(self, days: int) -> int:
        """Remove the answers recorded more than `days` ago of which nobody said anything; how many. 0 keeps all.

        In many short transactions: a person or an answer waits for none of them.
        """
        if not days:
            return 0
        reviewed = sa.select(DecisionReviewRow.decision_id)
        old = DecisionRow.created_at < now() - timedelta(days=days)
        query = sa.select(DecisionRow.id).where(old, DecisionRow.id.not_in(reviewed)).limit(_PAGE)
        removed = 0
        while True:
            with self.database.write() as c:
                ids = c.scalars(query).all()
                c.execute(sa.delete(DecisionRow).where(DecisionRow.id.in_(ids)))
            removed += len(ids)
            if len(ids) < _PAGE:
                return removed

    def get(self, decision_id: int) -> Recorded | None:
        """The one with this id."""
        with self.database.read() as c:
            row = c.execute(_decisions(DecisionFilter()).where(DecisionRow.id == decision_id)).one_or_none()
        return _recorded(row) if row else None

    def review(self, decision_id: int, verdict: Found, sku: str | None, note: str = "") -> None:
        """Remember what a person found out, in place of what was said before. The decision must exist."""
        values = {"decision_id": decision_id, "created_at": now(), "verdict": verdict.value, "sku": sku, "note": note}
        with self.database.write() as c:
            c.execute(sa.delete(DecisionReviewRow).where(DecisionReviewRow.decision_id == decision_id))
            c.execute(sa.insert(DecisionReviewRow).values(values))

    def forget_review(self, decision_id: int) -> bool:
        """Take back what was said of a decision; whether there was anything."""
        with self.database.write() as c:
            gone = sa.delete(DecisionReviewRow).where(DecisionReviewRow.decision_id == decision_id)
            return c.execute(gone).rowcount > 0


def _hit(hit: Hit) -> dict[str, Any]:
    v = hit.verification
    return {
        "sku": hit.sku, "image_id": hit.image_id, "probability": round(v.probability, 6),
        "similarity": round(v.similarity, 6), "inliers": v.inliers, "support": round(v.support, 2),
        "ranks": dict(hit.ranks), "features": [round(x, 6) for x in v.features],
    }  # fmt: skip


def _decisions(wanted: DecisionFilter) -> sa.Select[Any]:
    review = DecisionReviewRow
    said = (review.verdict, review.sku.label("said_sku"), review.note, review.created_at.label("said_at"))
    query = sa.select(DecisionRow.__table__, *said).outerjoin(review, review.decision_id == DecisionRow.id)
    if wanted.since is not None:
        query = query.where(DecisionRow.created_at >= wanted.since)
    if wanted.outcome is not None:
        query = query.where(DecisionRow.outcome == wanted.outcome)
    if wanted.sku is not None:
        # Candidates stand in the evidence, as text in every database. The text may hold more than was asked for, such
        # as the name of another key, so the reader looks again; it lets nothing be missed.
        named = sa.cast(DecisionRow.evidence, sa.Text).contains(f'"sku": {json.dumps(wanted.sku)}', autoescape=True)
        query = query.where(sa.or_(DecisionRow.sku == wanted.sku, review.sku == wanted.sku, named))
    if wanted.reviewed is not None:
        query = query.where(review.id.is_not(None) if wanted.reviewed else review.id.is_(None))
    return query.order_by(DecisionRow.id.desc())


def _recorded(row: Any) -> Recorded:
    review = DecisionReview(Found(row.verdict), row.said_sku, row.note, row.said_at) if row.verdict else None
    return Recorded(
        row.id, row.created_at, row.query, row.query_sha256, row.generation, row.outcome, row.sku, row.probability,
        row.evidence, review,
    )  # fmt: skip


def _names(recorded: Recorded, sku: str) -> bool:
    said = recorded.review.sku if recorded.review else None
    return sku in (recorded.sku, said) or any(hit.get("sku") == sku for hit in recorded.evidence.get("hits", ()))
