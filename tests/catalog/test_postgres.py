"""What only PostgreSQL has: opened by many at once, its locks, a server that restarts, what it refuses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from simsearch.catalog import Catalog
from simsearch.core.config import CatalogSettings
from simsearch.core.errors import CatalogError
from simsearch.core.types import Refusal
from tests.catalog.test_database import WRITER
from tests.postgres import Server

SETTINGS = CatalogSettings(busy_timeout_s=5)
ROOT = Path(__file__).parents[2]
P = "phash-1"


def test_processes_make_and_fill_one_catalog_together(postgres: Server) -> None:
    """None fails: neither in the race to make the tables, nor in that to write."""
    url = postgres.database()
    program = WRITER.replace("path, who = Path(sys.argv[1])", "path, who = sys.argv[1]")
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, url, who], cwd=ROOT, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for who in ("a", "b", "c")
    ]  # fmt: skip
    assert [process.communicate()[1] for process in started] == [b""] * 3
    with closing(Catalog(url, SETTINGS)) as catalog:
        assert catalog.images.counts()["images_ok"] == 36
        assert catalog.revision() == 36


def test_threads_open_one_new_catalog_together(postgres: Server) -> None:
    url, together = postgres.database(), threading.Barrier(4)

    def open_(_: int) -> int:
        together.wait(20)
        with closing(Catalog(url, SETTINGS)) as catalog:
            return catalog.revision()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(open_, range(4))) == [0] * 4


def test_a_reader_sees_one_moment(postgres: Server, new: Any) -> None:
    url = postgres.catalog()
    with closing(Catalog(url, SETTINGS)) as catalog, closing(Catalog(url, SETTINGS)) as other:
        with catalog.database.read() as c:
            before = c.scalar(sa.text("SELECT revision FROM state"))
            other.images.apply(add=[new("A", "/a", {P: b"12345678"})])
            assert c.scalar(sa.text("SELECT revision FROM state")) == before == 0
            assert c.scalar(sa.text("SELECT count(*) FROM images")) == 0
            with pytest.raises(sa.exc.DBAPIError, match="read-only"):
                c.execute(sa.text("UPDATE state SET revision = 9"))
        assert catalog.revision() == 1


def test_a_writer_does_not_wait_for_ever(postgres: Server) -> None:
    url = postgres.catalog()
    with closing(Catalog(url, SETTINGS)) as first, closing(Catalog(url, CatalogSettings(busy_timeout_s=0))) as second:
        with first.database.write():
            with pytest.raises(CatalogError, match="is locked by another process; try again"):
                second.images.note_refusals("/s", [Refusal("line 2", "bad_row", "line 2: bad")])
            assert second.images.refused() == []
        second.images.note_refusals("/s", [Refusal("line 2", "bad_row", "line 2: bad")])


def test_runs_that_write_exclude_each_other_whatever_their_homes(postgres: Server) -> None:
    url = postgres.catalog()
    with closing(Catalog(url, SETTINGS)) as first, closing(Catalog(url, SETTINGS)) as second:
        with first.database.writing():
            wanted = rf"another simsearch is writing there \(simsearch .* {os.getpid()}, since .*\); wait for it to end"
            with pytest.raises(CatalogError, match=wanted), second.database.writing():
                pass
            second.images.note_refusals("/s", [])  # short changes go on, as beside a lock of the home
        with second.database.writing():
            pass


def test_a_lost_connection_is_named_and_the_next_is_new(postgres: Server, new: Any) -> None:
    url = postgres.catalog()
    with closing(Catalog(url, SETTINGS)) as catalog:
        cut = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        name = {"name": url.rpartition("/")[2]}

        def cut_off(*_: object) -> None:
            with postgres.engine.connect() as c:
                c.execute(cut, name)

        def change() -> None:
            with catalog.database.write() as c:
                c.execute(sa.text("UPDATE state SET revision = 7"))
                cut_off()
                c.execute(sa.text("SELECT 1"))

        with pytest.raises(CatalogError, match="the server ended the connection"):
            change()
        assert catalog.revision() == 0
        cut_off()  # while nothing is under way: nobody notices
        catalog.images.apply(add=[new("A", "/a", {P: b"12345678"})])
        assert catalog.revision() == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda url: re.sub(r":\d+/", ":1/", url), "cannot be opened .*refused.*; check that the server runs"),
        (
            lambda url: url.rpartition("/")[0] + "/nowhere",
            "nowhere.* does not exist.*; check that the server runs, and user, password",
        ),
    ],
)
def test_what_cannot_be_opened_says_why(postgres: Server, change: Any, complaint: str) -> None:
    url = change(postgres.catalog())
    with pytest.raises(CatalogError, match=complaint) as caught:
        Catalog(url, SETTINGS)
    assert str(caught.value).startswith("postgresql+psycopg://simsearch@127.0.0.1:")


def test_no_password_is_told(postgres: Server) -> None:
    url = postgres.catalog().replace("simsearch@", "simsearch:secret@").replace("/test", "/missing")
    with pytest.raises(CatalogError) as caught:
        Catalog(url, SETTINGS)
    assert "secret" not in str(caught.value)


def test_another_database_is_left_alone(postgres: Server) -> None:
    url = postgres.database()
    engine = sa.create_engine(url)
    with engine.begin() as c:
        c.execute(sa.text("CREATE TABLE invoices (id int)"))
    engine.dispose()
    with pytest.raises(CatalogError, match="is a database, but not a catalog of simsearch; choose another"):
        Catalog(url, SETTINGS)
