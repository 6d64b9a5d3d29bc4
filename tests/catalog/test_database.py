"""Opening a catalog: what is made, what is refused, and how two users of one file get along."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from simsearch.catalog import Catalog
from simsearch.catalog.tables import HEAD
from simsearch.core.config import CatalogSettings
from simsearch.core.errors import CatalogError
from simsearch.core.types import Refusal

SETTINGS = CatalogSettings()
ROOT = Path(__file__).resolve().parents[2]


def complaint(url: str | Path, **settings: Any) -> str:
    with pytest.raises(CatalogError) as caught:
        Catalog(url, CatalogSettings(**settings))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def run_sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_a_new_file_and_its_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "home" / "catalog.db"
    with closing(Catalog(path, SETTINGS)) as catalog:
        assert catalog.images.counts() == {"products": 0, "images_ok": 0, "images_refused": 0, "images_retired": 0}
        assert catalog.revision() == 0
    assert path.is_file()


def test_opened_again_it_is_as_it_was_left(tmp_path: Path, new: Any) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.db'}"
    with closing(Catalog(url, SETTINGS)) as catalog:
        catalog.images.apply(add=[new("A", "/p/a.jpg", {"phash-1": b"x"})])
    with closing(Catalog(tmp_path / "catalog.db", SETTINGS)) as catalog:
        assert catalog.images.counts()["images_ok"] == 1


@pytest.mark.parametrize("name", ["a ? b", "100 %41", "Φωτό 药盒", "#tag&x=1;y", "quote ' and \" double"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    with closing(Catalog(tmp_path / name / "catalog.db", SETTINGS)) as catalog:
        assert catalog.revision() == 0
    assert (tmp_path / name / "catalog.db").is_file()
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_an_empty_file_is_a_new_catalog(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").touch()
    with closing(Catalog(tmp_path / "catalog.db", SETTINGS)) as catalog:
        assert catalog.revision() == 0


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "places.db"
    run_sql(path, "CREATE TABLE places (id INTEGER)")
    before = path.read_bytes()
    assert "is a database, but not a catalog of simsearch" in complaint(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["places.db"]


def test_another_database_that_alembic_looks_after_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    run_sql(
        path,
        "CREATE TABLE orders (id INTEGER)",
        "CREATE TABLE alembic_version (version_num VARCHAR(32))",
        "INSERT INTO alembic_version VALUES ('ae1027a6acf')",
    )
    assert "not a catalog of simsearch" in complaint(path)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(b"sku,image\n" * 500)
    assert "is no sound catalog (file is not a database)" in complaint(path)
    assert path.read_bytes() == b"sku,image\n" * 500


def test_a_truncated_catalog_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    Catalog(path, SETTINGS).close()
    path.write_bytes(path.read_bytes()[:5000])
    assert "catalog.db: " in complaint(path)


@pytest.mark.parametrize(
    ("version", "words"), [("9999", "was made by a newer simsearch (schema 9999)"), ("0000", "its schema 0000 is none")]
)
def test_a_schema_that_is_not_known_is_refused(tmp_path: Path, version: str, words: str) -> None:
    path = tmp_path / "catalog.db"
    Catalog(path, SETTINGS).close()
    run_sql(path, f"UPDATE alembic_version SET version_num = '{version}'")
    assert words in complaint(path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be made (File exists)" in complaint(tmp_path / "file" / "catalog.db")
    assert "cannot be made (Not a directory)" in complaint(tmp_path / "file" / "home" / "catalog.db")
    (tmp_path / "folder").mkdir()
    assert "is no file but a folder" in complaint(tmp_path / "folder")


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x", "sqlite+nodriver:///x.db"])
def test_a_url_that_cannot_be_used_is_named(url: str) -> None:
    assert "catalog.url: names no database that can be used here" in complaint(url)


def test_pragmas_are_in_force_on_every_connection(tmp_path: Path) -> None:
    wanted = {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 1500}
    for _ in range(2):  # made, and opened again
        with closing(Catalog(tmp_path / "catalog.db", CatalogSettings(busy_timeout_s=1.5))) as catalog:
            connections = [catalog.database.engine.connect() for _ in range(3)]
            for connection in connections:
                for pragma, value in wanted.items():
                    assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
            for connection in connections:
                connection.close()


def test_foreign_keys_hold(tmp_path: Path) -> None:
    with closing(Catalog(tmp_path / "catalog.db", SETTINGS)) as catalog:
        orphan = sa.text("INSERT INTO descriptors (method_id, image_id, data) VALUES (7, 7, x'00')")
        with pytest.raises(CatalogError), catalog.database.write() as connection:
            connection.execute(orphan)


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path, new: Any) -> None:
    with closing(Catalog(tmp_path / "catalog.db", SETTINGS)) as catalog:
        twice = [new("A", "/p/a.jpg", {"phash-1": b"x"}), new("A", "/p/a.jpg", {"phash-1": b"y"})]
        with pytest.raises(CatalogError):
            catalog.images.apply(add=twice)
        assert catalog.images.counts()["products"] == 0
        assert catalog.revision() == 0
        assert catalog.descriptors.counts() == {}


def test_a_writer_waits_for_another(tmp_path: Path) -> None:
    first = Catalog(tmp_path / "catalog.db", CatalogSettings(busy_timeout_s=20))
    second = Catalog(tmp_path / "catalog.db", CatalogSettings(busy_timeout_s=20))
    writing, order = threading.Event(), []

    def hold() -> None:
        with first.database.write() as connection:
            connection.execute(sa.text("UPDATE state SET revision = revision + 1"))
            writing.set()
            time.sleep(0.3)
            order.append("first")

    thread = threading.Thread(target=hold)
    thread.start()
    assert writing.wait(10)
    assert second.revision() == 0  # a reader waits for nobody, and sees what was committed
    second.images.note_refusals("/s", [Refusal("line 2", "bad_row", "line 2: bad")])
    order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert first.images.refused() == [Refusal("line 2", "bad_row", "line 2: bad")]
    first.close()
    second.close()


def test_a_writer_does_not_wait_for_ever(tmp_path: Path) -> None:
    first = Catalog(tmp_path / "catalog.db", SETTINGS)
    second = Catalog(tmp_path / "catalog.db", CatalogSettings(busy_timeout_s=0.05))
    with first.database.write():
        with pytest.raises(CatalogError) as caught:
            second.images.note_refusals("/s", [])
        assert str(caught.value).endswith("catalog.db: is locked by another process; try again, or end that process")
        assert second.images.counts()["products"] == 0
    second.images.note_refusals("/s", [])
    first.close()
    second.close()


WRITER = """
import sys
from pathlib import Path
from simsearch.catalog import Catalog
from simsearch.catalog.images import NewImage
from simsearch.core.config import CatalogSettings
from simsearch.core.stamps import Stamp
from simsearch.core.types import SourceRow

path, who = Path(sys.argv[1]), sys.argv[2]
catalog = Catalog(path, CatalogSettings())
for i in range(12):
    row = SourceRow(f"{who}-{i % 5}", f"/p/{who}/{i}.jpg", f"{i}.jpg", "")
    catalog.images.apply(add=[NewImage(row, "/p", Stamp(1, 1), "0" * 64, descriptors={"phash-1": b"12345678"})])
"""


@pytest.mark.timeout(120)
def test_processes_make_and_fill_one_catalog_together(tmp_path: Path) -> None:
    """None fails: neither in the race to make the tables, nor in that to write."""
    path = tmp_path / "catalog.db"
    command = [sys.executable, "-c", WRITER, str(path)]
    started = [
        subprocess.Popen([*command, who], cwd=ROOT, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
        for who in ("a", "b")
    ]
    assert [process.communicate()[1] for process in started] == [b"", b""]
    with closing(Catalog(path, SETTINGS)) as catalog:
        assert catalog.images.counts()["images_ok"] == 24
        assert catalog.images.counts()["products"] == 10
        assert catalog.revision() == 24


def test_a_killed_migration_leaves_an_empty_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All steps are one transaction: what was cut short is made anew at the next opening."""
    path = tmp_path / "catalog.db"
    code = (
        "import os, sys\nfrom pathlib import Path\nimport alembic.op\nfrom simsearch.catalog import Catalog\n"
        "from simsearch.core.config import CatalogSettings\n"
        "alembic.op.execute = lambda *_: os._exit(9)\n"
        "Catalog(Path(sys.argv[1]), CatalogSettings())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 9
    with closing(Catalog(path, SETTINGS)) as catalog:
        assert catalog.revision() == 0
        assert catalog.database._version() == HEAD


def test_connections_in_use_are_a_catalog_error(tmp_path: Path) -> None:
    with closing(Catalog(tmp_path / "catalog.db", CatalogSettings(busy_timeout_s=0.05, pool_size=4))) as catalog:
        with ExitStack() as held:
            for _ in range(4):
                held.enter_context(catalog.database.read())
            with pytest.raises(CatalogError, match=r"db: all its connections were in use .* catalog\.pool_size"):
                catalog.revision()
        assert catalog.revision() == 0


def test_no_error_of_sqlalchemy_gets_out(tmp_path: Path, new: Any) -> None:
    with closing(Catalog(tmp_path / "catalog.db", SETTINGS)) as catalog:
        for statement in ("SELECT nothing FROM nowhere", "INSERT INTO state (id, revision) VALUES (1, 0)"):
            with pytest.raises(CatalogError, match=r"catalog\.db: "), catalog.database.write() as c:
                c.execute(sa.text(statement))
        with pytest.raises(CatalogError, match=r"catalog\.db: cannot be used"), catalog.database.read() as c:
            c.execute(sa.text("SELECT :value"), {"other": 1})


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    assert "name a file" in complaint(url)


def test_closed_means_closed(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog.db", SETTINGS)
    catalog.close()
    for use in (catalog.revision, lambda: catalog.images.note_refusals("/s", [])):
        with pytest.raises(CatalogError, match=r"catalog\.db: is closed"):
            use()
    catalog.close()


def test_a_forked_child_opens_connections_of_its_own(tmp_path: Path) -> None:
    with closing(Catalog(tmp_path / "catalog.db", SETTINGS)) as catalog, catalog.database.read() as held:
        assert held.execute(sa.text("SELECT revision FROM state")).scalar() == 0
        catalog.images.note_refusals("/s", [Refusal("line 1", "bad_row", "parent")])
        child = os.fork()
        if not child:
            with suppress(BaseException):
                catalog.images.note_refusals("/t", [Refusal("line 2", "bad_row", "child")])
                os._exit(0 if len(catalog.images.refused()) == 2 else 3)
            os._exit(4)
        assert os.waitpid(child, 0)[1] == 0
        assert held.execute(sa.text("SELECT count(*) FROM refusals")).scalar() == 0  # the moment at which it began
        assert [r.message for r in catalog.images.refused()] == ["parent", "child"]
        assert catalog.housekeeping.integrity() == ""


def test_one_view_is_of_one_moment(url: Path | str, new: Any) -> None:
    with closing(Catalog(url, SETTINGS)) as catalog:
        catalog.images.apply(add=[new("A", "/p/a.jpg", {"phash-1": b"x"}, attributes={"pack": "10"})])

        def another_writer() -> None:
            catalog.images.apply(add=[new("B", "/p/b.jpg", {"phash-1": b"y"})])

        with catalog.database.one_view(), catalog.database.one_view():
            before = catalog.revision()
            writer = threading.Thread(target=another_writer)
            writer.start()
            writer.join()
            assert catalog.revision() == before
            assert [facts.attributes for facts in catalog.images.facts([1, 2]).values()] == [{"pack": "10"}]
        assert catalog.revision() == before + 1
        assert {facts.sku for facts in catalog.images.facts([1, 2]).values()} == {"A", "B"}


def test_a_view_that_ends_in_an_error_is_over(tmp_path: Path) -> None:
    with closing(Catalog(tmp_path / "catalog.db", SETTINGS)) as catalog:
        with pytest.raises(KeyError), catalog.database.one_view():
            raise KeyError
        catalog.images.note_refusals("/p", [Refusal("row 2", "no-image", "names no image")])
        assert catalog.images.refused()
