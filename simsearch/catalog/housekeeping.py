"""Care of the database file: copying it, checking it, removing descriptors that nobody needs any more."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from simsearch.catalog import sqlite
from simsearch.catalog.database import Part, chunks
from simsearch.catalog.tables import DescriptorRow, ImageRow, MethodRow, ProductRow, left_out
from simsearch.core.errors import CatalogError
from simsearch.core.files import replacing

_AT_ONCE = 500
"""Descriptors removed in one transaction: about 8 MB."""


class Housekeeping(Part):
    """Jobs of the nightly run."""

    def drop_descriptors(self, fingerprints: Collection[str], revision: int) -> int:
        """Remove descriptors that nobody needs any more; returns how many.

        These are all under fingerprints other than `fingerprints`, and all of images retired at `revision` or before.
        The images themselves stay, because recorded answers name them, and so do the descriptors of images that a
        correction leaves out, which can be undone. The work is done in many short transactions, so
        that others can write between them; what a killed run leaves is removed by the next.
        """
        outdated = sa.select(MethodRow.id).where(MethodRow.fingerprint.not_in(fingerprints))
        described = ImageRow.id.in_(sa.select(DescriptorRow.image_id))
        with self.database.read() as c:
            methods = c.scalars(outdated).all()
            gone = sa.select(ImageRow.id).join(ProductRow).where(ImageRow.retired_revision <= revision, described)
            retired = c.scalars(gone.where(sa.not_(sa.func.coalesce(left_out(), sa.false())))).all()
        removed = sum(self._drop(part) for part in chunks(retired))
        for method in methods:
            ids = sa.select(DescriptorRow.image_id).where(DescriptorRow.method_id == method).limit(_AT_ONCE)
            while part := self._read(ids):
                removed += self._drop(part, DescriptorRow.method_id == method)
        return removed

    def _read(self, query: sa.Select[int]) -> list[int]:
        with self.database.read() as c:
            return list(c.scalars(query))

    def _drop(self, images: Sequence[int], *where: sa.ColumnElement[bool]) -> int:
        with self.database.write() as c:
            done = c.execute(sa.delete(DescriptorRow).where(DescriptorRow.image_id.in_(images), *where))
            return max(0, done.rowcount)

    @property
    def file(self) -> Path | None:
        """The database file; None where the catalog is no SQLite file."""
        return self.database.file

    def integrity(self) -> str:
        """The findings of SQLite's integrity check; empty if the file is sound or the database is not SQLite."""
        if self.file is None:
            return ""
        try:
            with closing(sqlite.connect(self.file)) as connection:
                found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
        except sqlite3.DatabaseError as error:
            found = [str(error)]
        return "" if found == ["ok"] else "; ".join(found)

    def backup(self, to: Path) -> None:
        """Copy the catalog to the file `to`, while others read and write (SQLite's online backup).

        The copy is one file without a WAL, and checked.

        Raises:
            CatalogError: the copy cannot be written or is not sound. What was at `to` before is still there.
        """
        assert self.file is not None
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            with replacing(to) as part:
                _copy(self.file, part)
        except (OSError, sqlite3.Error) as error:
            raise CatalogError(f"{to}: the catalog cannot be copied there ({error}); check the disk") from error


def _copy(file: Path, to: Path) -> None:
    with closing(sqlite.connect(file)) as source, closing(sqlite3.connect(to)) as target:
        # pages=-1 copies in one step. A copy in several steps starts over whenever another connection commits.
        source.backup(target, pages=-1)
        target.execute("PRAGMA journal_mode=DELETE").close()
        found = target.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise CatalogError(f"{to}: the copy of the catalog is not sound ({found}); check the disk")
