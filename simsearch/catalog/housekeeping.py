"""What keeping the catalog in order needs: marks for the indexes, stale images, copies, and letting go of old data."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from simsearch.catalog.database import Part, chunks
from simsearch.catalog.tables import DescriptorRow, ImageRow, MethodRow
from simsearch.core.errors import CatalogError


class Housekeeping(Part):
    """Jobs of the night."""

    def drop_descriptors(self, fingerprints: Collection[str], revision: int) -> int:
        """Remove descriptors that nothing can ask for any more; how many.

        Those under other than `fingerprints`, and those of images that were retired at `revision` or before. The images
        stay, so that an answer that named one can still be looked up.
        """
        methods = sa.select(MethodRow.id).where(MethodRow.fingerprint.not_in(fingerprints))
        gone = sa.select(ImageRow.id).where(ImageRow.retired_revision <= revision)
        removed = 0
        with self.database.write() as c:
            done = c.execute(sa.delete(DescriptorRow).where(DescriptorRow.method_id.in_(methods)))
            removed += max(0, done.rowcount)
            retired = c.scalars(gone.where(ImageRow.id.in_(sa.select(DescriptorRow.image_id)))).all()
            for part in chunks(retired):
                done = c.execute(sa.delete(DescriptorRow).where(DescriptorRow.image_id.in_(part)))
                removed += max(0, done.rowcount)
        return removed

    @property
    def file(self) -> Path | None:
        """The database file; None where the catalog is no SQLite file."""
        if self.database.url.get_backend_name() != "sqlite" or self.database.url.database in (None, "", ":memory:"):
            return None
        return Path(str(self.database.url.database))

    def integrity(self) -> str:
        """What SQLite's own check finds; empty where the file is sound or the database is another one."""
        if self.file is None:
            return ""
        with self.database.translated(), closing(sqlite3.connect(self.file)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
        return "" if found == ["ok"] else "; ".join(map(str, found))

    def backup(self, to: Path) -> None:
        """Copy the catalog to a file that opens by itself, while others read and write (SQLite's online backup).

        Raises:
            CatalogError: it cannot be written, or the copy is not sound. Nothing is left at `to` then.
        """
        assert self.file is not None
        part = to.with_name(f"{to.name}.part")
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            with closing(sqlite3.connect(self.file)) as source, closing(sqlite3.connect(part)) as target:
                source.backup(target, pages=4096, sleep=0.01)
                target.execute("PRAGMA journal_mode=DELETE").close()  # one file, without a WAL beside it
                found = target.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise CatalogError(f"{part}: the copy of the catalog is not sound ({found}); check the disk")
            _sync(part)
            os.replace(part, to)
            _sync(to.parent)
        except (OSError, sqlite3.Error) as error:
            part.unlink(missing_ok=True)
            raise CatalogError(f"{to}: the catalog cannot be copied there ({error}); check the disk") from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
