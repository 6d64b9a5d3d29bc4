"""Damage, locks and exhausted resources leave the program as one line and an exit code, never as a traceback."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simsearch import open_app
from simsearch.core.errors import CatalogError

if TYPE_CHECKING:
    from tests.conftest import Done, Kit, Run, Shop

COMMANDS: dict[str, Callable[[Shop], list[object]]] = {
    "query": lambda shop: ["query", shop.photo(shop.single[0].sku)],
    "duplicates": lambda shop: ["duplicates"],
    "rebuild": lambda shop: ["rebuild"],
    "rebuild --dry-run": lambda shop: ["rebuild", "--dry-run"],
    "rebuild --nightly": lambda shop: ["rebuild", "--nightly", shop.table],
    "index": lambda shop: ["index", shop.table],
    "status": lambda shop: ["status"],
    "status --verify": lambda shop: ["status", "--verify"],
    "decisions": lambda shop: ["decisions"],
}


def sound(done: Done, codes: tuple[int, ...]) -> None:
    """The call ended with one of `codes`, and stderr holds single lines of the program's own."""
    assert done.code in codes, done.err
    assert "unexpected" not in done.err, done.err
    assert all(line.startswith("simsearch: ") for line in done.err.splitlines())
    assert (done.code == 0) or done.err


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest, shop: Shop) -> list[object]:
    return COMMANDS[request.param](shop)


@pytest.mark.parametrize("method", ["phash", "orb", "siamese"])
def test_a_damaged_descriptor_is_no_defect(on: Run, home: Path, command: list[object], method: str) -> None:
    with closing(sqlite3.connect(home / "catalog.db")) as catalog, catalog:
        [(image, key)] = catalog.execute(
            "SELECT d.image_id, d.method_id FROM descriptors d JOIN methods m ON m.id = d.method_id "
            "WHERE m.fingerprint LIKE ? ORDER BY d.image_id LIMIT 1",
            (f"{method}-%",),
        )
        catalog.execute(
            "UPDATE descriptors SET data = substr(data, 1, length(data) - 1) WHERE image_id = ? AND method_id = ?",
            (image, key),
        )
        catalog.execute("UPDATE images SET described_revision = described_revision + 1000 WHERE id = ?", (image,))
        catalog.execute("UPDATE state SET revision = revision + 1000")
    sound(on(home, *command), (0, 5, 6))


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Another process writes in the database and does not end."""
    with closing(sqlite3.connect(home / "catalog.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def impatient(kit: Kit, folder: Path) -> Path:
    path = folder / "impatient.toml"
    path.write_text(f"{kit.config.read_text()}[catalog]\nbusy_timeout_s = 0.1\npool_size = 4\n", encoding="utf-8")
    return path


def test_a_locked_database_is_one_line(
    run: Run, home: Path, kit: Kit, tmp_path: Path, command: list[object], shop: Shop
) -> None:
    with locked(home):
        done = run("--config", impatient(kit, tmp_path), "--home", home, *command)
    sound(done, (0, 5))


def test_a_full_pool_is_one_line(home: Path, kit: Kit, tmp_path: Path) -> None:
    with open_app(home, impatient(kit, tmp_path)) as app:
        held = [app.catalog.database.engine.connect() for _ in range(4)]
        try:
            with pytest.raises(CatalogError, match=r"all its connections were in use.*raise catalog\.pool_size"):
                app.status()
        finally:
            for connection in held:
                connection.close()
        assert app.status().counts["images_ok"] == 36


def test_what_is_no_catalog_is_one_line(on: Run, home: Path, command: list[object]) -> None:
    (home / "catalog.db").write_bytes(b"no database" * 1000)
    for suffix in ("-wal", "-shm"):
        (home / f"catalog.db{suffix}").unlink(missing_ok=True)
    done = on(home, *command)
    assert "restore a backup" in done.error(5)
