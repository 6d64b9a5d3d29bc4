"""Copies, checks, and removing what nothing can ask for any more."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from simsearch.catalog import Catalog
from simsearch.catalog.housekeeping import _AT_ONCE
from simsearch.core.config import CatalogSettings
from simsearch.core.errors import CatalogError
from tests.catalog.conftest import sqlite_alone

OLD, NEW = "orb-1", "orb-2"


@sqlite_alone
def test_a_backup_ends_beside_commits(
    tmp_path: Path, catalog: Catalog, new: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite begins a copy anew when another connection commits between two of its steps."""
    catalog.images.apply(add=[new("A", f"/{i}", {OLD: bytes(1_000_000)}) for i in range(20)])
    steps: list[int] = []

    class Watched(sqlite3.Connection):
        def backup(self, target: sqlite3.Connection, **how: Any) -> None:
            def between(status: int, remaining: int, total: int) -> None:
                steps.append(remaining)
                catalog.builds.record("g000001", 0, "built", {})
                assert len(steps) < 10, steps

            super().backup(target, progress=between, **how)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Watched))
    catalog.housekeeping.backup(tmp_path / "backups" / "copy.db")
    monkeypatch.undo()
    assert steps == [0]
    with closing(Catalog(tmp_path / "backups" / "copy.db", CatalogSettings())) as copy:
        assert copy.images.counts()["images_ok"] == 20
        assert copy.housekeeping.integrity() == ""


@sqlite_alone
def test_a_backup_that_cannot_be_written_leaves_nothing(tmp_path: Path, catalog: Catalog) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CatalogError, match="cannot be copied there"):
        catalog.housekeeping.backup(tmp_path / "file" / "copy.db")
    (tmp_path / "folder" / "copy.db").mkdir(parents=True)
    with pytest.raises(CatalogError, match="cannot be copied there"):
        catalog.housekeeping.backup(tmp_path / "folder" / "copy.db")
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["copy.db"]


@sqlite_alone
def test_damage_is_found(tmp_path: Path, catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", f"/{i}", {OLD: bytes(3000)}) for i in range(50)])
    assert catalog.housekeeping.integrity() == ""
    catalog.close()
    path = tmp_path / "catalog.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    data[20_000:40_000] = b"\xff" * 20_000
    path.write_bytes(data)
    assert catalog.housekeeping.integrity() != ""
    path.write_bytes(b"no database" * 1000)
    assert catalog.housekeeping.integrity() == "file is not a database"


def test_what_nothing_can_ask_for_is_dropped(catalog: Catalog, new: Any) -> None:
    both = {OLD: b"old", NEW: b"new"}
    catalog.images.apply(add=[new("A", f"/{i}", both) for i in range(_AT_ONCE + 20)])
    catalog.images.apply(retire=[1, 2])
    before = catalog.revision()
    catalog.images.apply(retire=[3])
    # Two of each retired image, and the old ones of all others.
    assert catalog.housekeeping.drop_descriptors([NEW], before) == 2 * 2 + _AT_ONCE + 18
    assert catalog.descriptors.of(OLD, range(1, 30)) == {}
    assert min(catalog.descriptors.of(NEW, range(1, 30))) == 3
    assert catalog.housekeeping.drop_descriptors([NEW], before) == 0
    assert catalog.images.counts()["images_retired"] == 3


def test_dropping_holds_the_lock_for_a_part_at_a_time(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", f"/{i}", {OLD: b"old"}) for i in range(2 * _AT_ONCE + 1)])
    most: list[int] = []
    sa.event.listen(catalog.database.engine, "commit", lambda connection: most.append(0))
    catalog.housekeeping.drop_descriptors([NEW], -1)
    assert len(most) == 3
