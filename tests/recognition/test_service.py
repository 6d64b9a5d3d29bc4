"""Answers first, records after: whatever becomes of a record, its answer goes out and names what it was made from."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from simsearch import open_app
from simsearch.app import App
from simsearch.catalog.decisions import DecisionFilter
from simsearch.core.types import Decision, Outcome, Photo
from simsearch.recognition.service import digest

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop


@pytest.fixture
def app(home: Path, kit: Kit, tmp_path: Path) -> Iterator[App]:
    settings = tmp_path / "quick.toml"
    settings.write_text(f"{kit.config.read_text()}[query]\nrecord_wait_s = 0.2\n[catalog]\nbusy_timeout_s = 20.0\n")
    with open_app(home, settings) as app:
        yield app


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Another program holds the database's write lock."""
    with closing(sqlite3.connect(home / "catalog.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def asked(app: App, photo: Path) -> Decision:
    [answer] = app.query([photo])
    assert isinstance(answer, Decision)
    return answer


def test_an_answer_does_not_wait_for_a_locked_catalog(
    app: App, home: Path, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    product = shop.single[0].sku
    assert asked(app, shop.photo(product)).record_id == 1
    with locked(home):
        started = time.monotonic()
        answer = asked(app, shop.photo(product))
        assert time.monotonic() - started < 5
        assert (answer.outcome, answer.sku, answer.record_id) == (Outcome.MATCH, product, None)
        assert "the record of this answer is written later" in caplog.text
    assert asked(app, shop.photo(product)).record_id == 3  # the second was written meanwhile
    assert [r.id for r in app.catalog.decisions.find(DecisionFilter())] == [3, 2, 1]


def test_records_that_wait_are_written_when_the_app_is_closed(app: App, home: Path, shop: Shop) -> None:
    photo = shop.photo(shop.single[0].sku)
    release = threading.Event()
    with locked(home):
        assert asked(app, photo).record_id is None
        threading.Timer(0.3, release.set).start()
        closing_app = threading.Thread(target=app.close)
        closing_app.start()
        assert release.wait(5)
    closing_app.join(20)
    with closing(sqlite3.connect(home / "catalog.db")) as catalog:
        assert catalog.execute("SELECT count(*) FROM decisions").fetchone() == (1,)


def test_a_record_names_what_its_answer_was_made_from(app: App, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog changes, and a generation is built, between the answer and its record."""
    photo = shop.photo(shop.single[0].sku)
    before = app.catalog.revision()
    real = app.engine.answer

    def answered(*arguments: Any, **named: Any) -> list[Decision]:
        decisions = real(*arguments, **named)
        app.catalog.images.apply(retire=[1])
        app.rebuild()
        return decisions

    monkeypatch.setattr(app.engine, "answer", answered)
    answer = asked(app, photo)
    [record] = app.catalog.decisions.find(DecisionFilter())
    assert app.catalog.revision() > before
    assert (answer.generation, record.generation, record.evidence["revision"]) == ("g000001", "g000001", before)
    build = app.catalog.builds.get("g000001")
    assert build is not None
    assert record.evidence["indexes"] == build["audit"]["digest"]


def test_two_uploads_are_told_apart(app: App, shop: Shop) -> None:
    data = shop.photo(shop.single[0].sku).read_bytes()
    app.query([Photo("front.jpg", data), Photo("../../etc/passwd", data)])
    assert [r.query for r in app.catalog.decisions.find(DecisionFilter())] == ["../../etc/passwd", "front.jpg"]


def test_the_digest_of_several_photos_is_made_of_theirs() -> None:
    assert digest(["a" * 64]) == "a" * 64
    assert digest(["a" * 64, "b" * 64]) != digest(["b" * 64, "a" * 64])
