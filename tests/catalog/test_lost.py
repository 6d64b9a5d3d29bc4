"""A catalog that was lost or damaged is never taken for a new one, and looking at it changes nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from simsearch import open_app
from simsearch.catalog import Catalog
from simsearch.core.config import CatalogSettings
from simsearch.core.errors import CatalogError
from tests.conftest import Kit, Run, Shop


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def missing(file: Path) -> None:
    file.unlink()


def without_tables(file: Path) -> None:
    """What SQLite itself calls a sound database."""
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 1")


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def link_to_nothing(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.parent / "not mounted" / "catalog.db")


def text(file: Path) -> None:
    file.write_text("not a database at all, but long enough to be looked at\n" * 100)


def a_byte(file: Path) -> None:
    file.write_bytes(b"S")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:20_000])


def header_zeroed(file: Path) -> None:
    file.write_bytes(bytes(4096) + file.read_bytes()[4096:])


def all_zero(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def foreign(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE recipes (id INTEGER)")


DAMAGE: dict[Callable[[Path], None], str] = {
    emptied: "is empty, but generations/ of a catalog is beside it; restore a backup",
    missing: "is missing, but generations/ of a catalog is beside it; restore a backup",
    without_tables: "holds no tables, but generations/ of a catalog is beside it; restore a backup",
    folder: "is no file but a folder; restore a backup", pipe: "is no file but a device or pipe; restore a backup",
    link_to_nothing: "which is not there; is its disk mounted?", text: "restore a backup", a_byte: "restore a backup",
    cut: "restore a backup", header_zeroed: "restore a backup", all_zero: "restore a backup",
    foreign: "is a database, but not a catalog of simsearch",
}  # fmt: skip


def contents(home: Path) -> dict[str, bytes | None]:
    return {
        str(path): path.read_bytes() if path.is_file() else None
        for path in home.rglob("*") if path.name != "lock"
    }  # fmt: skip


@pytest.mark.parametrize("call", ["status", "rebuild", "index", "nightly", "query", "decisions", "duplicates"])
@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_lost_catalog_is_named_and_left_as_it_is(
    on: Run, home: Path, shop: Shop, damage: Callable[[Path], None], call: str
) -> None:
    damage(home / "catalog.db")
    before = contents(home)
    calls = {
        "index": ["index", shop.table], "nightly": ["rebuild", "--nightly", shop.table],
        "query": ["query", shop.photo(shop.single[0].sku)],
    }  # fmt: skip
    said = on(home, *calls.get(call, [call])).error(5)
    assert said.startswith(f"{home / 'catalog.db'}: ")
    assert DAMAGE[damage] in said
    assert contents(home) == before


@pytest.mark.parametrize("left", ["generations", "backups", "nightly"])
def test_each_folder_that_a_catalog_leaves_tells_of_it(tmp_path: Path, left: str) -> None:
    (tmp_path / "catalog.db").touch()
    (tmp_path / left).mkdir()
    (tmp_path / left / "catalog-20260101T020311000000Z.db").touch()
    with pytest.raises(
        CatalogError, match=f"is empty, but {left}/ of a catalog is beside it; restore a backup"
    ) as said:
        Catalog(tmp_path / "catalog.db", CatalogSettings())
    assert ("for instance" in str(said.value)) == (left == "backups")


@pytest.mark.parametrize("size", [None, 0])
def test_changes_without_their_catalog_are_not_thrown_away(tmp_path: Path, size: int | None) -> None:
    """SQLite removes a WAL whose database is empty; it may hold all there is."""
    with closing(Catalog(tmp_path / "catalog.db", CatalogSettings())):
        wal = (tmp_path / "catalog.db-wal").read_bytes()
    if size is None:
        (tmp_path / "catalog.db").unlink()
    else:
        (tmp_path / "catalog.db").write_bytes(b"")
    (tmp_path / "catalog.db-wal").write_bytes(wal)
    with pytest.raises(CatalogError, match=r"but catalog\.db-wal of a catalog is beside it"):
        Catalog(tmp_path / "catalog.db", CatalogSettings())
    assert (tmp_path / "catalog.db-wal").read_bytes() == wal


def test_an_empty_file_where_nothing_was_becomes_a_catalog(tmp_path: Path) -> None:
    """As `touch` or a process that was killed at once leaves it."""
    (tmp_path / "catalog.db").touch()
    with closing(Catalog(tmp_path / "catalog.db", CatalogSettings())) as catalog:
        assert catalog.revision() == 0


def test_a_restored_backup_is_enough(on: Run, home: Path, tmp_path: Path) -> None:
    shutil.copy(home / "catalog.db", tmp_path / "copy.db")
    emptied(home / "catalog.db")
    assert on(home, "status").code == 5
    shutil.copy(tmp_path / "copy.db", home / "catalog.db")
    assert on(home, "status").code == 0


def test_status_changes_nothing(on: Run, home: Path) -> None:
    before = contents(home)
    assert on(home, "status").code == on(home, "status", "--verify").code == 0
    assert contents(home) == before


def test_looking_makes_no_catalog_at_an_address_either(tmp_path: Path, run: Run) -> None:
    settings = tmp_path / "s.toml"
    settings.write_text(f'[catalog]\nurl = "sqlite:///{tmp_path}/none/catalog.db"\n')
    assert run("--config", settings, "--home", tmp_path / "home", "status").code == 5
    assert not (tmp_path / "none").exists()


def test_a_home_that_vanishes_under_an_open_app(home: Path, kit: Kit, shop: Shop) -> None:
    with open_app(home, kit.config) as app:
        assert app.status().problem == ""
        shutil.rmtree(home)
        with pytest.raises(CatalogError, match="was removed or replaced since it was opened; open it again"):
            app.index([shop.table], reread=True)
        with pytest.raises(CatalogError, match="holds no catalog"):
            app.rebuild()
