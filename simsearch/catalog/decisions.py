"""Recorded answers, and the reviews that people gave them."""

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
from simsearch.core.types import Decision, Hit, Package, PhotoPrint, PrintAlone, PrintComparison, PrintedFact

_LINES, _FACTS, _LONGEST = 40, 8, 120
"""Of what was read, a record keeps so many lines of a photo, agreements or contradictions of a hit, letters of a text:
a leaflet in the picture must not fill the catalog."""
_PAGE = 500
"""Decisions read or removed in one transaction: the list may be long, and its reader slow."""


class DecisionVerdict(StrEnum):
    """Whether a person found the answer right."""

    CONFIRMED = "confirmed"
    CORRECTED = "corrected"


@dataclass(frozen=True)
class DecisionReview:
    """A person's word on a decision."""

    verdict: DecisionVerdict
    sku: str | None
    """What the photo shows; None: no product of the catalog."""
    note: str
    at: datetime
    """UTC."""
    by: str = ""
    """Who gave it; "" where that is not known."""


@dataclass(frozen=True)
class RecordedDecision:
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
    """See :meth:`Decisions.record`. Decisions of older versions lack some keys."""
    review: DecisionReview | None = None
    face: str = ""
    """Name of the image that was added to a product from its photo, as answers give it; "" where none was."""


@dataclass(frozen=True)
class DecisionFilter:
    """Which decisions to list; None lets all through."""

    since: datetime | None = None
    """UTC."""
    outcome: str | None = None
    sku: str | None = None
    """Named by the answer, among its candidates, or named by a reviewer."""
    reviewed: bool | None = None


class Decisions(Part):
    """Answers as they were given, kept for people who ask later."""

    def record(
        self,
        decisions: Sequence[tuple[Decision, str]],
        evidence: Mapping[str, Any],
        own: Sequence[Mapping[str, Any]] | None = None,
    ) -> list[int]:
        """Keep answers, each with the sha256 of its photo; their ids.

        `evidence`: what they share, fingerprints and thresholds; `own`: what each has beyond that. Of each answer come
        to it the reason, the SKUs that it names, what was read, and the best candidates with the features that their
        probability was made of; the first `shown` of them were shown.
        """
        rows = [
            {
                "created_at": now(), "query": d.query, "query_sha256": sha256, "generation": d.generation,
                "outcome": d.outcome.value, "sku": d.sku, "probability": d.probability,
                "evidence": {
                    **evidence, **more, "reason": d.reason, "took_ms": round(d.took_ms, 2), "compared": d.compared,
                    "named": list(d.named), "shown": len(d.hits), "hits": [_hit(h) for h in d.considered or d.hits],
                    **(_read(d.read) if d.read else {}),
                    **({"contradictions": _facts(d.contradictions)} if d.contradictions else {}),
                    **({"packages": [_package(p) for p in d.packages]} if len(d.packages) > 1 else {}),
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

    def find(
        self, wanted: DecisionFilter, *, limit: int | None = None, before: int | None = None
    ) -> Iterator[RecordedDecision]:
        """Recorded answers that `wanted` lets through, newest first; with `before` those older than that id."""
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
        """Remove unreviewed answers recorded more than `days` ago; returns how many. 0 days keeps all.

        Runs in many short transactions, so that answers can be recorded between them.
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

    def get(self, decision_id: int) -> RecordedDecision | None:
        """The decision with this id; None where there is none."""
        with self.database.read() as c:
            row = c.execute(_decisions(DecisionFilter()).where(DecisionRow.id == decision_id)).one_or_none()
        return _recorded(row) if row else None

    def review(self, decision_id: int, verdict: DecisionVerdict, sku: str | None, note: str = "", by: str = "") -> None:
        """Record a review of the person `by`, in place of an earlier one. The decision must exist."""
        values = {
            "decision_id": decision_id, "created_at": now(), "verdict": verdict.value, "sku": sku, "note": note,
            "said_by": by or None,
        }  # fmt: skip
        with self.database.write() as c:
            c.execute(sa.delete(DecisionReviewRow).where(DecisionReviewRow.decision_id == decision_id))
            c.execute(sa.insert(DecisionReviewRow).values(values))

    def forget_review(self, decision_id: int) -> bool:
        """Remove the review of a decision; returns whether there was one."""
        with self.database.write() as c:
            gone = sa.delete(DecisionReviewRow).where(DecisionReviewRow.decision_id == decision_id)
            return c.execute(gone).rowcount > 0


def _package(package: Package) -> dict[str, Any]:
    answer, outline = package.answer, package.outline
    return {
        "decision": answer.outcome.value, "sku": answer.sku, "probability": answer.probability,
        "named": list(answer.named), "outline": outline and [[round(x, 4), round(y, 4)] for x, y in outline],
    }  # fmt: skip


def _hit(hit: Hit) -> dict[str, Any]:
    v = hit.verification
    return {
        "sku": hit.sku, "image_id": hit.image_id, "probability": round(v.probability, 6),
        "similarity": round(v.similarity, 6), "inliers": v.inliers, "support": round(v.support, 2),
        "ranks": dict(hit.ranks), "features": [round(x, 6) for x in v.features],
        **({"printed": _printed(v.printed)} if v.printed else {}),
    }  # fmt: skip


def _printed(printed: PrintComparison) -> dict[str, Any]:
    return {
        "agreements": _facts(printed.agreements), "contradictions": _facts(printed.contradictions),
        "likeness": round(printed.likeness, 6), "contested": printed.contested[:_LONGEST],
        "features": [round(x, 6) for x in printed.features],
        **({"alone": _alone(printed.alone)} if printed.alone else {}),
    }  # fmt: skip


def _alone(alone: PrintAlone) -> dict[str, Any]:
    return {"features": [round(x, 6) for x in alone.features], "words": _texts(alone.words), "named": alone.named}


def _facts(facts: Sequence[PrintedFact]) -> list[dict[str, Any]]:
    kept = (
        {"kind": f.kind, "photo": f.photo, "catalog": f.catalog, "from_table": f.from_table} for f in facts[:_FACTS]
    )
    return [{key: value[:_LONGEST] if isinstance(value, str) else value for key, value in f.items()} for f in kept]


def _read(read: PhotoPrint) -> dict[str, Any]:
    fields = {"strengths": read.strengths, "packs": read.packs, "forms": read.forms}
    lines = [{"text": line.text[:_LONGEST], "confidence": round(line.confidence, 4)} for line in read.lines[:_LINES]]
    return {
        "read": {"lines": lines, **{key: _texts(texts) for key, texts in fields.items()}},
        "codes": _texts(read.codes),
    }


def _texts(texts: Sequence[str]) -> list[str]:
    return [text[:_LONGEST] for text in texts[:_FACTS]]


def _decisions(wanted: DecisionFilter) -> sa.Select[Any]:
    review = DecisionReviewRow
    when = review.created_at.label("said_at")
    said = (review.verdict, review.sku.label("said_sku"), review.note, when, review.said_by)
    query = sa.select(DecisionRow.__table__, *said).outerjoin(review, review.decision_id == DecisionRow.id)
    if wanted.since is not None:
        query = query.where(DecisionRow.created_at >= wanted.since)
    if wanted.outcome is not None:
        query = query.where(DecisionRow.outcome == wanted.outcome)
    if wanted.sku is not None:
        # The evidence is JSON, which every database can search as text. LIKE ignores case and may match elsewhere in
        # the text, so `find` checks each record again; LIKE misses none.
        named = sa.cast(DecisionRow.evidence, sa.Text).contains(f'"sku": {json.dumps(wanted.sku)}', autoescape=True)
        query = query.where(sa.or_(DecisionRow.sku == wanted.sku, review.sku == wanted.sku, named))
    if wanted.reviewed is not None:
        query = query.where(review.id.is_not(None) if wanted.reviewed else review.id.is_(None))
    return query.order_by(DecisionRow.id.desc())


def _recorded(row: Any) -> RecordedDecision:
    review = None
    if row.verdict:
        said = row.said_sku, row.note, row.said_at, row.said_by or ""
        review = DecisionReview(DecisionVerdict(row.verdict), *said)
    return RecordedDecision(
        row.id, row.created_at, row.query, row.query_sha256, row.generation, row.outcome, row.sku, row.probability,
        row.evidence, review,
    )  # fmt: skip


def _names(recorded: RecordedDecision, sku: str) -> bool:
    said = recorded.review.sku if recorded.review else None
    return sku in (recorded.sku, said) or any(hit.get("sku") == sku for hit in recorded.evidence.get("hits", ()))
