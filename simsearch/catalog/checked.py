"""What the check of filing goes on from: what it saw of each image, what may be wrong by that, and up to where it came.

All of it follows from the rest of the catalog, and can be dropped at any time: the next check makes it again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from simsearch.catalog.database import Part, chunks
from simsearch.catalog.tables import (
    CheckedCaseRow,
    CheckedPairRow,
    CheckedRow,
    CheckStateRow,
    ImageRow,
    ProductRow,
    usable,
)

Evidence: TypeAlias = Mapping[str, Any]
_BEGINNING = -1
"""Before the first revision."""


@dataclass(frozen=True)
class CheckState:
    """Up to where a catalog was checked. The fields are those of `CheckStateRow`."""

    revision: int
    stamp: str
    judged_by: str
    settled: str


@dataclass(frozen=True)
class Seen:
    """What was seen of an image."""

    revision: int
    """The catalog's, as of then."""
    evidence: Evidence


@dataclass(frozen=True)
class Due:
    """What changed since a check."""

    images: frozenset[int]
    """Active, accepted images that were not seen as they are now; with those beside any that changed, and those of an
    SKU whose row changed or that lost one."""
    mates: frozenset[int]
    """Images of an SKU that got or changed another one, and that are as they were seen: beside others of their SKU
    alone they are looked at again."""
    rows: frozenset[str]
    """SKUs whose row is new or was changed; none where nothing was checked before."""
    skus: frozenset[str]
    """SKUs of which anything has to be judged again, also such as have no photo any more."""


@dataclass(frozen=True)
class KeptCase:
    """Something that may be wrong."""

    key: str
    sku: str
    against_sku: str
    """"" where it is about one SKU alone."""
    found: Mapping[str, Any]


class Checked(Part):
    """What checks keep for later ones."""

    def state(self) -> CheckState | None:
        """Up to where the catalog was checked; None before the first check that came to its end."""
        row = CheckStateRow
        with self.database.read() as c:
            found = c.execute(sa.select(row.revision, row.stamp, row.judged_by, row.settled)).one_or_none()
        return CheckState(*found) if found else None

    def note_state(self, state: CheckState) -> None:
        """Note that the catalog was checked so far."""
        with self.database.write() as c:
            c.execute(sa.delete(CheckStateRow))
            values = {"revision": state.revision, "stamp": state.stamp, "judged_by": state.judged_by}
            c.execute(sa.insert(CheckStateRow).values(id=1, settled=state.settled, **values))

    # -- what was seen -----------------------------------------------------------------------------------------------

    def due(self, since: int | None, stamp: str) -> Due:
        """What changed after the revision `since` and was not seen since then; None: nothing was checked before.

        `stamp`: of what sees now; what was seen by anything else is due.
        """
        after = _BEGINNING if since is None else since
        with self.database.read() as c:
            changed, whole, newest = _changed(c, after)
            due, skus = _unseen(c, stamp)
            mates: set[int] = set()
            for part in chunks(sorted(newest)):
                for image_id, sku, seen in c.execute(_OF_SKUS, {"skus": list(part)}):
                    if seen is None or seen < max(changed.get(image_id, _BEGINNING), whole.get(sku, _BEGINNING)):
                        due.add(image_id)
                    elif seen < newest[sku]:
                        mates.add(image_id)
            for part in chunks(sorted(changed)):
                for image_id, other, seen in c.execute(_BESIDE, {"ids": list(part)}):
                    if seen < changed[other]:
                        due.add(image_id)
            later = sa.select(ProductRow.sku).join(ImageRow).join(CheckedRow, CheckedRow.image_id == ImageRow.id)
            skus |= {*newest, *c.scalars(later.where(CheckedRow.revision > after).distinct())}
            rows: set[str] = set() if since is None else set(c.scalars(_rows_after(after)))
        return Due(frozenset(due), frozenset(mates - due), frozenset(rows), frozenset(skus))

    def seen(self, ids: Iterable[int], stamp: str) -> dict[int, Seen]:
        """What was seen of the images `ids`, by what sees now."""
        row, found = CheckedRow, {}
        query = sa.select(row.image_id, row.revision, row.evidence).where(row.stamp == stamp)
        with self.database.read() as c:
            for part in chunks(sorted(ids)):
                for image_id, revision, evidence in c.execute(query.where(row.image_id.in_(part))):
                    found[image_id] = Seen(revision, evidence)
        return found

    def beside(self, ids: Iterable[int]) -> set[int]:
        """The images that were compared with any of `ids` as one of another SKU."""
        found: set[int] = set()
        with self.database.read() as c:
            for part in chunks(sorted(ids)):
                query = sa.select(CheckedPairRow.image_id).where(CheckedPairRow.other_id.in_(part))
                found.update(c.scalars(query))
        return found

    def note(self, seen: Mapping[int, tuple[Evidence, Collection[int]]], stamp: str, revision: int) -> None:
        """Note what a check saw of images, in one transaction. Images that were retired meanwhile are left out.

        `seen`: image id -> evidence, and the images of other SKUs beside which it was looked at.
        """
        with self.database.write() as c:
            active: list[int] = []
            for part in chunks(sorted(seen)):
                active.extend(c.scalars(sa.select(ImageRow.id).where(ImageRow.id.in_(part), usable())))
            _drop(c, list(seen))
            rows = [{"image_id": i, "stamp": stamp, "revision": revision, "evidence": dict(seen[i][0])} for i in active]
            pairs = [{"image_id": i, "other_id": other} for i in active for other in sorted({*seen[i][1]})]
            for table, values in ((CheckedRow, rows), (CheckedPairRow, pairs)):
                if values:
                    c.execute(sa.insert(table), values)

    # -- what may be wrong -------------------------------------------------------------------------------------------

    def cases(self) -> list[KeptCase]:
        """All that may be wrong, by key."""
        row = CheckedCaseRow
        query = sa.select(row.key, row.sku, row.against_sku, row.found).order_by(row.key)
        with self.database.read() as c:
            return [KeptCase(*r) for r in c.execute(query)]

    def keep_cases(self, cases: Sequence[KeptCase], skus: Collection[str] | None) -> None:
        """Replace all that is about any of `skus`, or all that there is (None), in one transaction."""
        row = CheckedCaseRow
        with self.database.write() as c:
            if skus is None:
                c.execute(sa.delete(row))
            for part in chunks(sorted(skus or ())):
                c.execute(sa.delete(row).where(sa.or_(row.sku.in_(part), row.against_sku.in_(part))))
            values = [
                {"key": case.key, "sku": case.sku, "against_sku": case.against_sku, "found": dict(case.found)}
                for case in cases
            ]
            if values:
                c.execute(sa.insert(row), values)


def unsee(c: Connection, skus: Iterable[str]) -> None:
    """Drop what was seen of the images of SKUs, and of those that were compared with them: it no longer holds."""
    ids = list(c.scalars(sa.select(ImageRow.id).join(ProductRow).where(ProductRow.sku.in_(list(skus)))))
    beside: list[int] = []
    for part in chunks(ids):
        beside.extend(c.scalars(sa.select(CheckedPairRow.image_id).where(CheckedPairRow.other_id.in_(part))))
    _drop(c, [*ids, *beside])


def _drop(c: Connection, ids: Sequence[int]) -> None:
    for part in chunks(sorted({*ids})):
        for row in (CheckedRow, CheckedPairRow):
            c.execute(sa.delete(row).where(row.image_id.in_(part)))


_OF_SKUS = (
    sa.select(ImageRow.id, ProductRow.sku, CheckedRow.revision)
    .join(ProductRow)
    .outerjoin(CheckedRow, CheckedRow.image_id == ImageRow.id)
    .where(usable(), ProductRow.sku.in_(sa.bindparam("skus", expanding=True)))
)
_BESIDE = (
    sa.select(CheckedPairRow.image_id, CheckedPairRow.other_id, CheckedRow.revision)
    .join(CheckedRow, CheckedRow.image_id == CheckedPairRow.image_id)
    .join(ImageRow, ImageRow.id == CheckedPairRow.image_id)
    .where(usable(), CheckedPairRow.other_id.in_(sa.bindparam("ids", expanding=True)))
)


def _rows_after(revision: int) -> sa.Select[Any]:
    """The SKUs whose row was changed after a revision, and those all of whose images came after it."""
    later, before = (
        sa.select(ImageRow.product_id).where(when)
        for when in (ImageRow.described_revision > revision, ImageRow.described_revision <= revision)
    )
    new = sa.and_(ProductRow.id.in_(later), ProductRow.id.not_in(before))
    return sa.select(ProductRow.sku).where(sa.or_(ProductRow.changed_revision > revision, new))


def _changed(c: Connection, after: int) -> tuple[dict[int, int], dict[str, int], dict[str, int]]:
    """Images and SKUs, each with the last revision above `after` that changed them, also retired images.

    Of SKUs first those whose row was changed or of which an image was retired, then all.
    """
    of_image = (ImageRow.described_revision, ImageRow.read_revision, ImageRow.retired_revision)
    images = (
        sa.select(ImageRow.id, ProductRow.sku, *of_image)
        .join(ProductRow)
        .where(sa.or_(*(column > after for column in of_image)))
    )
    renamed = (
        sa.select(ImageRow.id, ProductRow.sku, sa.null(), sa.null(), ProductRow.changed_revision)
        .join(ProductRow)
        .where(ProductRow.changed_revision > after)
    )
    changed: dict[int, int] = {}
    whole: dict[str, int] = {}
    newest: dict[str, int] = {}
    for query in (images, renamed):
        for image_id, sku, *revisions in c.execute(query):
            last = max(r for r in revisions if r is not None)
            changed[image_id] = max(last, changed.get(image_id, _BEGINNING))
            newest[sku] = max(last, newest.get(sku, _BEGINNING))
            if revisions[-1] is not None:
                whole[sku] = max(revisions[-1], whole.get(sku, _BEGINNING))
    return changed, whole, newest


def _unseen(c: Connection, stamp: str) -> tuple[set[int], set[str]]:
    """The images that were never seen, or by something else, and their SKUs."""
    query = (
        sa.select(ImageRow.id, ProductRow.sku)
        .join(ProductRow)
        .outerjoin(CheckedRow, CheckedRow.image_id == ImageRow.id)
        .where(usable(), sa.or_(CheckedRow.stamp.is_(None), CheckedRow.stamp != stamp))
    )
    rows = c.execute(query).all()
    return {r[0] for r in rows}, {r[1] for r in rows}
