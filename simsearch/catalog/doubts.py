"""Doubts about how the catalog is filed, and what people said of them.

A doubt is known by its key, made of SKUs and of contents of files: it outlives new paths and new image ids, and a later
check that finds it again gives it the same number. What was dismissed is never listed again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from simsearch.catalog.database import Part, chunks, now
from simsearch.catalog.tables import CorrectionRow, DoubtRow
from simsearch.core.types import Corners


class DoubtKind(StrEnum):
    """What is doubted."""

    ODD_PHOTO = "odd-photo"
    OTHER_PRODUCT = "other-product"
    ONE_PRODUCT_TWICE = "one-product-twice"
    WORDS_DIFFER = "words-differ"
    ROWS_DIFFER = "rows-differ"


class FilingAction(StrEnum):
    """What would mend an error."""

    MOVE = "move"
    """The photo is filed under another SKU of the catalog."""
    MERGE = "merge"
    """All photos of an SKU are filed under another one."""
    LEAVE_OUT = "leave-out"
    """The photo is left out of the catalog."""
    TABLE = "table"
    """The owner of the source corrects the row: here nothing is moved."""


class DoubtVerdict(StrEnum):
    """What a person said of a doubt."""

    ACCEPTED = "accepted"
    """It is an error; its correction is in force."""
    DISMISSED = "dismissed"
    """It is none."""


@dataclass(frozen=True)
class DoubtedPhoto:
    """A photo of a doubt, as its source lists it."""

    image_id: int
    sku: str
    image: str
    """Its row's name of the file."""
    path: str
    """Absolute path of the file."""
    sha256: str


@dataclass(frozen=True)
class Clash:
    """A line or code of one side beside what the other side says instead."""

    kind: str
    """As of `PrintedFact`."""
    ours: str
    theirs: str
    our_place: Corners | None = None
    their_place: Corners | None = None
    """Where it stands on the photos, in shares of width and height; None for a row, or where no place says it."""


@dataclass(frozen=True)
class Doubt:
    """A sign that a photo or a row is filed wrong."""

    key: str
    kind: DoubtKind
    sku: str
    probability: float
    """That it is an error, 0 to 1."""
    reason: str
    """In words."""
    action: FilingAction
    photo: DoubtedPhoto | None = None
    """None for a row."""
    against: DoubtedPhoto | None = None
    """The photo that it was held against."""
    against_sku: str = ""
    """The SKU that it was held against, where that is another one."""
    to_sku: str = ""
    """The SKU that fits better; "" where none is known."""
    field: str = ""
    """The column of the row that is doubted."""
    clashes: tuple[Clash, ...] = ()
    id: int = 0
    """Its number; 0 before it is kept."""
    verdict: DoubtVerdict | None = None
    """None: open."""
    note: str = ""
    by: str = ""
    """Who gave the verdict; "" where that is not known."""
    said_at: datetime | None = None
    """UTC."""
    new: bool = False
    """Whether the check that returned it is the first that found it."""


class Doubts(Part):
    """The doubts of the last checks, and what people said."""

    def keep(self, found: Sequence[Doubt]) -> list[Doubt]:
        """Keep what a check found, in one transaction; returns the open ones with their numbers, in the order given.

        Earlier ones that were not found again are open no more.
        """
        row = DoubtRow
        wanted = {doubt.key: doubt for doubt in found}
        with self.database.write() as c:
            known = {r.key: r for r in c.execute(_DOUBTS.add_columns(row.standing))}
            for key, doubt in wanted.items():
                values = _values(doubt)
                if key not in known:
                    c.execute(sa.insert(row).values(key=key, created_at=now(), standing=True, note="", **values))
                elif not known[key].standing or values != _kept(known[key]):
                    c.execute(sa.update(row).where(row.id == known[key].id).values(standing=True, **values))
            gone = [r.id for r in known.values() if r.key not in wanted and r.standing]
            for part in chunks(gone):
                c.execute(sa.delete(row).where(row.id.in_(part), row.verdict.is_(None)))
                c.execute(sa.update(row).where(row.id.in_(part)).values(standing=False))
            rows = {r.key: r for r in c.execute(_DOUBTS.where(row.standing, row.verdict.is_(None)))}
        return [replace(_doubt(rows[key]), new=key not in known) for key in wanted if key in rows]

    def known(self) -> dict[str, Doubt]:
        """Key -> doubt as an earlier check told it, for all that stand."""
        with self.database.read() as c:
            return {r.key: _doubt(r) for r in c.execute(_DOUBTS.where(DoubtRow.standing))}

    def open(self, *, skus: Collection[str] | None = None) -> list[Doubt]:
        """The open ones, surest first, at equal probability by key; with `skus` only those about any of these."""
        query = _OPEN if skus is None else _OPEN_ABOUT
        asked: dict[str, Any] = {} if skus is None else {"skus": list(skus)}
        with self.database.read() as c:
            return sorted(map(_doubt, c.execute(query, asked)), key=order)

    def about(self, skus: Collection[str], most: int = 3) -> list[str]:
        """The open doubts about products in words, surest first: at most `most`."""
        if not skus:
            return []
        return [f"doubt {d.id} about {d.sku}: {d.reason}" for d in self.open(skus=skus)[:most]]

    def photos(self) -> list[Doubt]:
        """The open doubts whether a photo is of its product, surest first."""
        return [d for d in self.open() if d.photo and d.kind in (DoubtKind.ODD_PHOTO, DoubtKind.OTHER_PRODUCT)]

    def said(self) -> list[Doubt]:
        """Those that people decided, oldest word first."""
        query = _DOUBTS.where(DoubtRow.verdict.is_not(None)).order_by(DoubtRow.said_at, DoubtRow.id)
        with self.database.read() as c:
            return list(map(_doubt, c.execute(query)))

    def get(self, number: int) -> Doubt | None:
        """The doubt of this number; None where there is none."""
        with self.database.read() as c:
            found = c.execute(_DOUBTS.where(DoubtRow.id == number)).one_or_none()
        return _doubt(found) if found else None

    def counts(self) -> dict[str, int]:
        """Kind -> number of open doubts; kinds without any are left out."""
        query = (
            sa.select(DoubtRow.kind, sa.func.count())
            .where(DoubtRow.standing, DoubtRow.verdict.is_(None))
            .group_by(DoubtRow.kind)
        )
        with self.database.read() as c:
            return dict(c.execute(query).all())

    def dismiss(self, number: int, note: str = "", by: str = "") -> None:
        """Note that the doubt is none."""
        with self.database.write() as c:
            say(c, number, DoubtVerdict.DISMISSED, note, by)

    def reopen(self, number: int) -> None:
        """Take back a dismissal, or an acceptance that changed nothing."""
        with self.database.write() as c:
            unsay(c, number)


def order(doubt: Doubt) -> tuple[float, str]:
    """Sorts doubts: surest first, then by key."""
    return -round(doubt.probability, 6), doubt.key


def say(c: Connection, number: int, verdict: DoubtVerdict, note: str, by: str) -> None:
    """Note a verdict."""
    values = {"verdict": verdict.value, "note": note, "said_by": by or None, "said_at": now()}
    c.execute(sa.update(DoubtRow).where(DoubtRow.id == number).values(values))


def unsay(c: Connection, number: int) -> None:
    """Take a verdict back."""
    values = {"verdict": None, "note": "", "said_by": None, "said_at": None}
    c.execute(sa.update(DoubtRow).where(DoubtRow.id == number).values(values))


_DOUBTS = sa.select(
    DoubtRow.id, DoubtRow.key, DoubtRow.kind, DoubtRow.sku, DoubtRow.against_sku, DoubtRow.probability, DoubtRow.found,
    DoubtRow.verdict, DoubtRow.note, DoubtRow.said_by, DoubtRow.said_at, CorrectionRow.to_sku, CorrectionRow.action,
).outerjoin(CorrectionRow, CorrectionRow.doubt_id == DoubtRow.id)  # fmt: skip
_OPEN = _DOUBTS.where(DoubtRow.standing, DoubtRow.verdict.is_(None))
_OPEN_ABOUT = _OPEN.where(
    sa.or_(*(column.in_(sa.bindparam("skus", expanding=True)) for column in (DoubtRow.sku, DoubtRow.against_sku)))
)
"""Built once: SQLAlchemy takes as long to build the statement as SQLite to run it."""


def _values(doubt: Doubt) -> dict[str, Any]:
    found = {
        "reason": doubt.reason, "action": doubt.action.value, "to_sku": doubt.to_sku, "field": doubt.field,
        "photo": _packed(doubt.photo), "against": _packed(doubt.against),
        "clashes": [[c.kind, c.ours, c.theirs, _listed(c.our_place), _listed(c.their_place)] for c in doubt.clashes],
    }  # fmt: skip
    return {
        "kind": doubt.kind.value, "sku": doubt.sku, "against_sku": doubt.against_sku,
        "probability": doubt.probability, "found": found,
    }  # fmt: skip


def _kept(row: Any) -> dict[str, Any]:
    """The inverse: the same values, as a row holds them."""
    return {name: getattr(row, name) for name in ("kind", "sku", "against_sku", "probability", "found")}


def _packed(photo: DoubtedPhoto | None) -> list[Any] | None:
    return [photo.image_id, photo.sku, photo.image, photo.path, photo.sha256] if photo else None


def _doubt(row: Any) -> Doubt:
    found = row.found
    return Doubt(
        row.key, DoubtKind(row.kind), row.sku, row.probability, found["reason"],
        FilingAction(row.action or found["action"]),
        photo=DoubtedPhoto(*found["photo"]) if found["photo"] else None,
        against=DoubtedPhoto(*found["against"]) if found["against"] else None, against_sku=row.against_sku,
        to_sku=row.to_sku or found["to_sku"], field=found["field"],
        clashes=tuple(Clash(c[0], c[1], c[2], _place(c[3]), _place(c[4])) for c in found["clashes"]),
        id=row.id, verdict=DoubtVerdict(row.verdict) if row.verdict else None, note=row.note, by=row.said_by or "",
        said_at=row.said_at,
    )  # fmt: skip


def _listed(place: Corners | None) -> list[list[float]] | None:
    return [list(corner) for corner in place] if place else None


def _place(corners: Any) -> Corners | None:
    return tuple((float(x), float(y)) for x, y in corners) if corners else None
