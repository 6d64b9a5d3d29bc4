"""Reviews of suspected duplicates, stored by SKU and content, so that no pair is asked about twice.

A review names two SKUs, and of each either one photo, by the sha256 of its file, or every photo. It so outlives new
paths and new image ids; a photo that changed, or that is filed under a further SKU, is a new question.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from simsearch.catalog.database import Part, now
from simsearch.catalog.tables import ImageRow, PairReviewRow, ProductRow, usable

EVERY = ""
"""Stands for a sha256: every photo of the SKU, future ones included."""


class ReviewVerdict(StrEnum):
    """A person's verdict on a pair."""

    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


@dataclass(frozen=True, order=True)
class Side:
    """One side of a pair: a photo of an SKU, or all of them."""

    sku: str
    sha256: str = EVERY


@dataclass(frozen=True)
class Review:
    """The verdict on a pair; `a` sorts before `b`."""

    a: Side
    b: Side
    said: ReviewVerdict
    note: str
    at: datetime
    """UTC."""
    by: str = ""
    """Who gave it; "" where that is not known."""


class Reviews(Part):
    """Reviews of pairs, one a pair: the latest."""

    def record(self, a: Side, b: Side, said: ReviewVerdict, note: str = "", by: str = "") -> None:
        """Record a verdict of the person `by`, in place of an earlier one on the same pair."""
        values = {"created_at": now(), "verdict": said.value, "note": note, "said_by": by or None}
        with self.database.write() as c:
            c.execute(sa.delete(PairReviewRow).where(*_of(a, b)))
            c.execute(sa.insert(PairReviewRow).values(**_columns(a, b), **values))

    def forget(self, a: Side, b: Side) -> bool:
        """Remove the verdict on a pair; returns whether there was one."""
        with self.database.write() as c:
            return c.execute(sa.delete(PairReviewRow).where(*_of(a, b))).rowcount > 0

    def all(self) -> list[Review]:
        """All, oldest first."""
        row = PairReviewRow
        columns = (row.sku_a, row.sha256_a, row.sku_b, row.sha256_b, row.verdict, row.note, row.created_at, row.said_by)
        with self.database.read() as c:
            found = c.execute(sa.select(*columns).order_by(row.id)).all()
        return [Review(Side(r[0], r[1]), Side(r[2], r[3]), ReviewVerdict(r[4]), *r[5:7], r[7] or "") for r in found]

    def sides(self, name: str) -> list[Side]:
        """The sides that `name` can mean: the SKU of that name, or else every SKU with a photo of that name or path."""
        image = sa.select(ProductRow.sku, ImageRow.sha256).join(ProductRow).where(usable()).distinct()
        with self.database.read() as c:
            if c.scalar(sa.select(ProductRow.id).where(ProductRow.sku == name)) is not None:
                return [Side(name)]
            named = image.where(sa.or_(ImageRow.image == name, ImageRow.path == name))
            return sorted(Side(sku, sha256 or EVERY) for sku, sha256 in c.execute(named))


def _ordered(a: Side, b: Side) -> tuple[Side, Side]:
    return (a, b) if a <= b else (b, a)


def _columns(a: Side, b: Side) -> dict[str, str]:
    a, b = _ordered(a, b)
    return {"sku_a": a.sku, "sha256_a": a.sha256, "sku_b": b.sku, "sha256_b": b.sha256}


def _of(a: Side, b: Side) -> list[sa.ColumnElement[bool]]:
    return [getattr(PairReviewRow, column) == value for column, value in _columns(a, b).items()]
