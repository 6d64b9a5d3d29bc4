"""What keeping the catalog in order needs: marks for the indexes, stale images, copies, and letting go of old data."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from simsearch.catalog.database import Database, chunks
from simsearch.catalog.descriptors import usable
from simsearch.catalog.tables import DescriptorRow, ImageRow, MethodRow, ProductRow
from simsearch.core.errors import CatalogError
from simsearch.core.types import Ids, SourceRow, Verdict


class Upkeep(Database):
    """Jobs of the night."""

    # -- for the indexes ---------------------------------------------------------------------------------------------

    def mark(self, revision: int, last: int | None = None) -> dict[str, int]:
        """What tells one set of images from another: those that were usable at `revision`.

        images, ids and mixed: their number and two sums over their ids. last: the highest id, or the one given.
        redescribed: images up to `last` that got descriptors after `revision`, of which it is not known whether they
        were usable then.
        """
        ok = ImageRow.verdict == Verdict.OK.value
        before = sa.and_(
            ok, ImageRow.described_revision <= revision,
            sa.or_(ImageRow.retired_revision.is_(None), ImageRow.retired_revision > revision),
        )  # fmt: skip
        mixed = (sa.cast(ImageRow.id, sa.BigInteger) * 2_654_435_761) % 4_294_967_291
        with self._read() as c:
            if last is None:
                last = int(c.scalar(sa.select(sa.func.max(ImageRow.id))) or 0)
            count = sa.func.count(), sa.func.sum(ImageRow.id), sa.func.sum(mixed)
            images, ids, mix = c.execute(sa.select(*count).where(before)).one()
            later = sa.select(sa.func.count()).where(ok, ImageRow.described_revision > revision, ImageRow.id <= last)
            return {
                "images": int(images), "ids": int(ids or 0), "mixed": int(mix or 0), "last": last,
                "redescribed": int(c.scalar(later) or 0),
            }  # fmt: skip

    def blocks(
        self, fingerprint: str, dtype: np.dtype[Any], width: int, *, rows: int = 16_384
    ) -> Iterator[tuple[Ids, np.ndarray[Any, Any]]]:
        """Ids (n,) ascending and descriptors (n, width) of the active images under `fingerprint`, `rows` at a time."""
        query = (
            sa.select(DescriptorRow.image_id, DescriptorRow.data)
            .join(MethodRow, MethodRow.id == DescriptorRow.method_id)
            .join(ImageRow, ImageRow.id == DescriptorRow.image_id)
            .where(MethodRow.fingerprint == fingerprint, usable())
            .order_by(DescriptorRow.image_id)
        )
        size = width * dtype.itemsize
        with self._read() as c:
            for part in c.execution_options(yield_per=rows).execute(query).partitions():
                for image_id, data in part:
                    if len(data) != size:
                        raise CatalogError(
                            f"image {image_id}: its {fingerprint} descriptor is damaged; restore a backup"
                        )
                yield (
                    np.fromiter((row[0] for row in part), np.int64, len(part)),
                    np.frombuffer(b"".join(row[1] for row in part), dtype).reshape(len(part), width),
                )

    # -- stale images ------------------------------------------------------------------------------------------------

    def stale(self, fingerprints: Collection[str]) -> list[tuple[str, SourceRow]]:
        """Active images that lack a descriptor under one of `fingerprints`: source and row of each, by image id.

        A row has the surface where the source gave one; name and attributes are left blank.
        """
        described = (
            sa.select(sa.func.count())
            .select_from(DescriptorRow)
            .join(MethodRow, MethodRow.id == DescriptorRow.method_id)
            .where(DescriptorRow.image_id == ImageRow.id, MethodRow.fingerprint.in_(fingerprints))
            .scalar_subquery()
        )
        columns = (
            ImageRow.source, ProductRow.sku, ImageRow.path, ImageRow.image, ImageRow.surface,
            ImageRow.surface_probability,
        )  # fmt: skip
        query = sa.select(*columns).join(ProductRow).where(usable(), described < len(fingerprints))
        found = []
        with self._read() as c:
            for source, sku, path, image, surface, probability in c.execute(query.order_by(ImageRow.id)):
                said = surface if probability is None and surface != "unknown" else ""
                found.append((source, SourceRow(sku, path, image, path, surface=said)))
        return found

    # -- letting go --------------------------------------------------------------------------------------------------

    def drop_descriptors(self, fingerprints: Collection[str], revision: int) -> int:
        """Remove descriptors that nothing can ask for any more; how many.

        Those under other than `fingerprints`, and those of images that were retired at `revision` or before. The images
        stay, so that an answer that named one can still be looked up.
        """
        methods = sa.select(MethodRow.id).where(MethodRow.fingerprint.not_in(fingerprints))
        gone = sa.select(ImageRow.id).where(ImageRow.retired_revision <= revision)
        removed = 0
        with self._write() as c:
            done = c.execute(sa.delete(DescriptorRow).where(DescriptorRow.method_id.in_(methods)))
            removed += max(0, done.rowcount)
            retired = c.scalars(gone.where(ImageRow.id.in_(sa.select(DescriptorRow.image_id)))).all()
            for part in chunks(retired):
                done = c.execute(sa.delete(DescriptorRow).where(DescriptorRow.image_id.in_(part)))
                removed += max(0, done.rowcount)
        return removed

    # -- copies ------------------------------------------------------------------------------------------------------

    @property
    def file(self) -> Path | None:
        """The database file; None where the catalog is no SQLite file."""
        if self.url.get_backend_name() != "sqlite" or self.url.database in (None, "", ":memory:"):
            return None
        return Path(str(self.url.database))

    def integrity(self) -> str:
        """What SQLite's own check finds; empty where the file is sound or the database is another one."""
        if self.file is None:
            return ""
        with self._translated(), closing(sqlite3.connect(self.file)) as connection:
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
