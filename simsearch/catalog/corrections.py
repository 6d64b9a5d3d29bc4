"""Corrections of the catalog's own: photos that people file otherwise than the source's table does.

A corrected image remembers the SKU of its source (`images.filed_sku`), so that the next run of indexing knows it again
and leaves it where people put it. A correction of a photo holds for its content: a changed file is filed as the table
says. One of an SKU holds for all its photos, also those that come later.

Everything a correction changes is written in one transaction, and undoing it writes the columns back as they were. Only
the catalog's revision goes on; and where a generation was built in between, so do the revisions of what changed: its
indexes hold the corrected state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from simsearch.catalog.checked import unsee
from simsearch.catalog.database import Part, chunks, now, raise_revision
from simsearch.catalog.doubts import DoubtVerdict, FilingAction, say, unsay
from simsearch.catalog.tables import CodeRow, CorrectionRow, DoubtRow, GenerationRow, ImageRow, ProductRow, usable
from simsearch.core.errors import UsageError

EVERY = ""
"""Stands for a sha256: every photo of the SKU."""


@dataclass(frozen=True)
class Correction:
    """A correction in force."""

    doubt: int
    """Number of the accepted doubt."""
    action: FilingAction
    sku: str
    """As the source says."""
    sha256: str
    """Of the photo; `EVERY`: all photos of the SKU."""
    to_sku: str
    """Where it is filed instead; "" where it is left out."""


class CorrectionIndex:
    """The corrections in force, by what a source says. Immutable."""

    def __init__(self, corrections: Iterable[Correction]) -> None:
        self._all = {(c.sku, c.sha256): c for c in corrections}

    def __len__(self) -> int:
        return len(self._all)

    def of(self, sku: str, sha256: str | None) -> Correction | None:
        """The one that holds for a photo that a source files under `sku`; one of the photo itself comes first.

        Where that SKU was merged into another one in turn, the photo goes there.
        """
        found = self._all.get((sku, sha256 or EVERY)) or self._all.get((sku, EVERY))
        passed = {sku}
        while found is not None and found.to_sku and found.to_sku not in passed:
            passed.add(found.to_sku)
            merged = self._all.get((found.to_sku, EVERY))
            found = replace(found, to_sku=merged.to_sku) if merged else found
        return found


class Corrections(Part):
    """Makes corrections and undoes them."""

    def all(self) -> list[Correction]:
        """Those in force, oldest first."""
        row = CorrectionRow
        query = sa.select(row.doubt_id, row.action, row.sku, row.sha256, row.to_sku).order_by(
            row.created_at, row.doubt_id
        )
        with self.database.read() as c:
            return [Correction(r[0], FilingAction(r[1]), *r[2:]) for r in c.execute(query)]

    def index(self) -> CorrectionIndex:
        """The same, to look photos up."""
        return CorrectionIndex(self.all())

    def accept(
        self, doubt: int, action: FilingAction, sku: str, sha256: str, to_sku: str, *, note: str = "", by: str = ""
    ) -> int:
        """Accept a doubt and carry out its correction, in one transaction; returns how many images it changed.

        Args:
            doubt: its number.
            action: `TABLE` changes nothing.
            sku: of the photo or the photos, as the catalog has them.
            sha256: of the photo; `EVERY`: all photos of the SKU.
            to_sku: a product of the catalog, for `MOVE` and `MERGE`.
            note: why.
            by: who said so.

        Raises:
            UsageError: the target is no product, or holds the file already; nothing was changed.
        """
        with self.database.write() as c:
            say(c, doubt, DoubtVerdict.ACCEPTED, note, by)
            if action is FilingAction.TABLE:
                return 0
            source = c.scalar(sa.select(ProductRow.id).where(ProductRow.sku == sku))
            images = _images(c, source, sha256)
            if not images:
                raise UsageError(f"{sku}: the catalog no longer holds what doubt {doubt} is about; check again")
            revision = raise_revision(c)
            unsee(c, {sku, to_sku})
            if action is FilingAction.LEAVE_OUT:
                before = _leave_out(c, images, sku, revision)
            else:
                before = self._move(c, images, sku, to_sku, revision)
            # The table of the source knows the photo by the SKU that it gives; all photos of one go by its own name.
            stated = sku if sha256 == EVERY else images[0][1] or sku
            values = {
                "doubt_id": doubt, "action": action.value, "sku": stated, "sha256": sha256, "to_sku": to_sku,
                "before": before, "created_at": now(),
            }  # fmt: skip
            c.execute(sa.insert(CorrectionRow).values(values))
        return len(images)

    def undo(self, doubt: int) -> int:
        """Undo the correction of an accepted doubt, which is open again; returns how many images it changed.

        Raises:
            UsageError: a later correction builds on it; nothing was changed.
        """
        with self.database.write() as c:
            query = sa.select(CorrectionRow.__table__).where(CorrectionRow.doubt_id == doubt)
            kept = c.execute(query).mappings().one_or_none()
            unsay(c, doubt)
            c.execute(sa.update(DoubtRow).where(DoubtRow.id == doubt).values(standing=True))
            if kept is None:
                return 0
            row = dict(kept)
            _check_last(c, row)
            revision = raise_revision(c)
            unsee(c, {row["before"]["from"], row["to_sku"]})
            built = c.scalar(sa.select(sa.func.count()).where(GenerationRow.created_at >= row["created_at"])) or 0
            changed = _write_back(c, row["before"], row, revision if built else None)
            c.execute(sa.delete(CorrectionRow).where(CorrectionRow.doubt_id == doubt))
        return changed

    @staticmethod
    def _move(c: Connection, images: list[tuple[int, str | None, str]], sku: str, to_sku: str, revision: int) -> Any:
        target = c.scalar(sa.select(ProductRow.id).where(ProductRow.sku == to_sku))
        if target is None:
            raise UsageError(f"{to_sku}: is no product of the catalog; name another with --to, or --leave-out")
        paths = {path for _, _, path in images}
        there = set(c.scalars(sa.select(ImageRow.path).where(ImageRow.product_id == target, usable())))
        if both := sorted(paths & there):
            raise UsageError(f"{both[0]}: is filed under {to_sku} already; accept with --leave-out")
        ids = [image_id for image_id, _, _ in images]
        before = {
            "images": [[i, filed] for i, filed, _ in images], "from": sku,
            "products": _changed_revisions(c, (sku, to_sku)),
        }  # fmt: skip
        _file(c, ids, target, sku, to_sku)
        _note_change(c, (sku, to_sku), revision)
        return before


def _images(c: Connection, product: int | None, sha256: str) -> list[tuple[int, str | None, str]]:
    """(id, filed_sku, path) of the images that a correction is about."""
    query = sa.select(ImageRow.id, ImageRow.filed_sku, ImageRow.path).where(ImageRow.product_id == product, usable())
    if sha256 != EVERY:
        query = query.where(ImageRow.sha256 == sha256)
    return [(r[0], r[1], r[2]) for r in c.execute(query.order_by(ImageRow.id))]


def _leave_out(c: Connection, images: list[tuple[int, str | None, str]], sku: str, revision: int) -> dict[str, Any]:
    for part in chunks([image_id for image_id, _, _ in images]):
        done = sa.update(ImageRow).where(ImageRow.id.in_(part))
        filed = sa.func.coalesce(ImageRow.filed_sku, sku)
        c.execute(done.values(retired_at=now(), retired_revision=revision, filed_sku=filed))
    return {"images": [[i, filed] for i, filed, _ in images], "from": sku, "products": []}


def _file(c: Connection, ids: list[int], product: int, sku: str, to_sku: str) -> None:
    """File images under a product. The source's SKU is remembered, unless that is where they go back to."""
    for part in chunks(ids):
        filed = sa.func.nullif(sa.func.coalesce(ImageRow.filed_sku, sku), to_sku)
        c.execute(sa.update(ImageRow).where(ImageRow.id.in_(part)).values(product_id=product, filed_sku=filed))
        c.execute(sa.update(CodeRow).where(CodeRow.image_id.in_(part)).values(product_id=product))


def _changed_revisions(c: Connection, skus: Iterable[str]) -> list[list[Any]]:
    query = sa.select(ProductRow.sku, ProductRow.changed_revision).where(ProductRow.sku.in_(list(skus)))
    return [[r[0], r[1]] for r in c.execute(query.order_by(ProductRow.sku))]


def _note_change(c: Connection, skus: Iterable[str], revision: int) -> None:
    """Let snapshots take the words of these products anew: other images have them now."""
    c.execute(sa.update(ProductRow).where(ProductRow.sku.in_(list(skus))).values(changed_revision=revision))


def _check_last(c: Connection, row: Mapping[str, Any]) -> None:
    """Raise where a later correction moved on what this one moved."""
    later = sa.select(CorrectionRow.doubt_id).where(
        CorrectionRow.created_at >= row["created_at"], CorrectionRow.doubt_id != row["doubt_id"],
    )  # fmt: skip
    own = {entry[0] for entry in row["before"]["images"]}
    query = sa.select(CorrectionRow.doubt_id, CorrectionRow.before).where(CorrectionRow.doubt_id.in_(later))
    for other, before in c.execute(query.order_by(CorrectionRow.doubt_id)):
        if own & {entry[0] for entry in before["images"]}:
            raise UsageError(f"doubt {other} was accepted later and is about the same photo; forget that one first")


def _write_back(c: Connection, before: Mapping[str, Any], row: Mapping[str, Any], revision: int | None) -> int:
    """Write columns back; `revision`: of this change, where a generation was built in between."""
    product = c.scalar(sa.select(ProductRow.id).where(ProductRow.sku == before["from"]))
    left_out = row["action"] == FilingAction.LEAVE_OUT.value
    changed = 0
    filed: dict[int, str | None] = dict(before["images"])
    later = _later(c, row) if row["sha256"] == EVERY or not left_out else []
    for image_id in [*filed, *(i for i in later if i not in filed)]:
        values: dict[str, Any] = {"product_id": product, "filed_sku": filed.get(image_id)}
        gone = ImageRow.retired_at.is_(None)
        if left_out:
            values |= {"retired_at": None, "retired_revision": None}
            gone = ImageRow.retired_at.is_not(None)
        if left_out and revision is not None:
            values["described_revision"] = revision
        done = c.execute(sa.update(ImageRow).where(ImageRow.id == image_id, gone).values(values))
        changed += done.rowcount
        c.execute(sa.update(CodeRow).where(CodeRow.image_id == image_id).values(product_id=product))
    for sku, was in before["products"]:
        now_ = was if revision is None else revision
        c.execute(sa.update(ProductRow).where(ProductRow.sku == sku).values(changed_revision=now_))
    return changed


def _later(c: Connection, row: Mapping[str, Any]) -> list[int]:
    """Active images that a run of indexing filed by this correction since it was made."""
    query = sa.select(ImageRow.id).join(ProductRow).where(
        ImageRow.filed_sku == row["sku"], ProductRow.sku == row["to_sku"], usable()
    )  # fmt: skip
    if row["sha256"] != EVERY:
        query = query.where(ImageRow.sha256 == row["sha256"])
    return list(c.scalars(query.order_by(ImageRow.id)))
