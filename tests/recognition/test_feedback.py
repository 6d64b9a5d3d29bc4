"""Recorded answers, and what people say of them."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.dialects import postgresql

from simsearch.catalog import Catalog
from simsearch.catalog.database import now
from simsearch.catalog.decisions import DecisionFilter, DecisionVerdict
from simsearch.core.config import CatalogSettings
from simsearch.core.errors import UsageError
from simsearch.core.resources import resource_dir
from simsearch.core.types import Decision, Hit, Outcome, Verification
from simsearch.recognition.feedback import DecisionDesk, moment
from simsearch.recognition.verification import FEATURES

PRINTS = {"siamese": "siamese-1", "orb": "orb-1", "phash": "phash-1"}
SHARED = {"fingerprints": PRINTS, "features": list(FEATURES), "match_threshold": 0.9, "margin": 0.15}


def hit(sku: str, p: float, features: Sequence[float] = (0.0, 0.5, 1.0, 0.5, 0.0, 0.0, 0.0)) -> Hit:
    return Hit(sku, f"Name {sku}", 1, f"{sku}.jpg", Verification(p, 0.5, p, 2, 0.5, tuple(features), support=2))


def decision(outcome: Outcome, *hits: Hit, named: tuple[str, ...] = ()) -> Decision:
    sku = named[0] if named else None
    p = hits[0].verification.probability if hits else 0.0
    return Decision("q.jpg", outcome, sku, sku, p, hits, "g000001", 1.0, "because", considered=hits, named=named)


MATCH = decision(Outcome.MATCH, hit("a", 0.99), hit("b", 0.2), named=("a",))
AMBIGUOUS = decision(Outcome.AMBIGUOUS, hit("a", 0.99), hit("b", 0.98), hit("c", 0.1), named=("a", "b"))
UNKNOWN = decision(Outcome.UNKNOWN, hit("a", 0.3))


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    catalog = Catalog(tmp_path / "catalog.db", CatalogSettings())
    catalog.selection.has_product = lambda sku: sku in ("a", "b", "c", "d")  # type: ignore[method-assign]
    yield DecisionDesk(catalog)
    catalog.close()


def record(desk: DecisionDesk, *decisions: Decision, prints: Any = PRINTS) -> list[int]:
    digests = [hashlib.sha256(f"{i}-{now()}".encode()).hexdigest() for i in range(len(decisions))]
    shared = {**SHARED, "fingerprints": prints}
    return desk.catalog.decisions.record(list(zip(decisions, digests, strict=True)), shared)


# -- what people say -------------------------------------------------------------------------------------------------


def test_confirming_a_match_keeps_its_product(desk: DecisionDesk) -> None:
    [number] = record(desk, MATCH)
    assert desk.get(number).review is None
    said = desk.confirm(number, note="seen the leaflet")
    assert said.review is not None
    assert (said.review.verdict, said.review.sku, said.review.note) == (
        DecisionVerdict.CONFIRMED,
        "a",
        "seen the leaflet",
    )
    assert desk.get(number) == said


def test_confirming_an_unknown_says_none_of_the_catalog(desk: DecisionDesk) -> None:
    [number] = record(desk, UNKNOWN)
    review = desk.confirm(number).review
    assert review is not None
    assert (review.verdict, review.sku) == (DecisionVerdict.CONFIRMED, None)


def test_an_ambiguous_answer_is_confirmed_with_one_of_its_products(desk: DecisionDesk) -> None:
    [number] = record(desk, AMBIGUOUS)
    with pytest.raises(UsageError, match=r"names a, b and does not choose; .*confirm 1 SKU"):
        desk.confirm(number)
    with pytest.raises(UsageError, match="names a, b, not c; use `simsearch decisions correct 1 c`"):
        desk.confirm(number, "c")
    with pytest.raises(UsageError, match="use `simsearch decisions confirm 1 b`"):
        desk.correct(number, "b")
    review = desk.confirm(number, "b").review
    assert review is not None
    assert review.sku == "b"


def test_correcting_replaces_what_was_said_before(desk: DecisionDesk) -> None:
    [number] = record(desk, MATCH)
    desk.confirm(number)
    review = desk.correct(number, "b").review
    assert review is not None
    assert (review.verdict, review.sku) == (DecisionVerdict.CORRECTED, "b")
    none = desk.correct(number).review
    assert none is not None
    assert none.sku is None
    assert desk.forget(number).review is None
    with pytest.raises(UsageError, match="nothing was said"):
        desk.forget(number)


def test_slips_are_refused(desk: DecisionDesk) -> None:
    match, unknown = record(desk, MATCH, UNKNOWN)
    with pytest.raises(UsageError, match="decision 77: there is none"):
        desk.confirm(77)
    with pytest.raises(UsageError, match="names a already"):
        desk.correct(match, "a")
    with pytest.raises(UsageError, match="names no product already"):
        desk.correct(unknown)
    with pytest.raises(UsageError, match="names no product, not a"):
        desk.confirm(unknown, "a")
    with pytest.raises(UsageError, match="zzz: is no SKU of the catalog"):
        desk.correct(match, "zzz")
    assert desk.get(match).review is None


# -- the list --------------------------------------------------------------------------------------------------------


def test_the_list_is_filtered_and_newest_first(desk: DecisionDesk) -> None:
    first, second, third = record(desk, MATCH, AMBIGUOUS, UNKNOWN)
    desk.correct(third, "d")

    def ids(**wanted: Any) -> list[int]:
        return [d.id for d in desk.listed(**wanted)]

    assert ids() == [third, second, first]
    assert ids(limit=2) == [third, second]
    assert ids(outcome="ambiguous") == [second]
    assert ids(sku="c") == [second]  # only a candidate
    assert ids(sku="d") == [third]  # what a person said
    assert ids(sku="a", limit=1) == [third]
    assert ids(reviewed=True) == [third]
    assert ids(reviewed=False) == [second, first]
    assert ids(since="1h") == [third, second, first]
    assert ids(since="2999-01-01") == []
    with pytest.raises(UsageError, match="--outcome maybe: is none of match, ambiguous, unknown"):
        ids(outcome="maybe")


def test_a_long_list_is_read_in_pages(desk: DecisionDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsearch.catalog.decisions._PAGE", 3)
    numbers = record(desk, *[MATCH] * 4, *[UNKNOWN] * 7)
    assert [d.id for d in desk.listed()] == numbers[::-1]
    assert [d.id for d in desk.listed(sku="b", limit=2)] == [4, 3]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-23", datetime(2026, 11, 23)), ("2026-11-23T14:30", datetime(2026, 11, 23, 14, 30)),
        ("2026-11-23T14:30+02:00", datetime(2026, 11, 23, 12, 30)),
    ],
)  # fmt: skip
def test_a_moment(text: str, found: datetime) -> None:
    assert moment(text) == found


def test_a_span_ends_now() -> None:
    assert abs(moment("2d") - (now() - timedelta(days=2))) < timedelta(minutes=1)
    for text in ("yesterday", "", "5", "99999999999w"):
        with pytest.raises(UsageError, match="--since"):
            moment(text)


def test_no_query_is_for_sqlite_alone(desk: DecisionDesk) -> None:
    statements: list[Any] = []
    sa.event.listen(desk.catalog.database.engine, "before_execute", lambda c, clause, *rest: statements.append(clause))
    [number] = record(desk, MATCH)
    desk.confirm(number), desk.forget(number)
    list(desk.listed(since="1d", outcome="match", sku="a", reviewed=False))
    desk.catalog.selection.products(), desk.catalog.selection.images_of([1]), desk.catalog.selection.same_file("f")
    assert len(statements) > 7
    for statement in statements:
        assert str(statement.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]


# -- migration -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0001", "0002"])
def test_an_older_database_keeps_its_decisions(tmp_path: Path, version: str) -> None:
    path = tmp_path / "catalog.db"
    config = Config()
    config.set_main_option("script_location", str(resource_dir("migrations")))
    config.attributes["engine"] = sa.create_engine(f"sqlite:///{path}")
    command.upgrade(config, version)
    with sqlite3.connect(path) as old:
        old.execute(
            "INSERT INTO decisions (created_at, query, query_sha256, generation, outcome, sku, probability, evidence) "
            "VALUES ('2026-01-02 03:04:05', 'q.jpg', 'f', 'g000001', 'match', 'a', 0.97, '{\"hits\": []}')"
        )
    old.close()
    catalog = Catalog(path, CatalogSettings())
    [kept] = catalog.decisions.find(DecisionFilter())
    assert (kept.at, kept.sku, kept.probability, kept.review) == (datetime(2026, 1, 2, 3, 4, 5), "a", 0.97, None)
    review = DecisionDesk(catalog).confirm(kept.id).review
    assert review is not None
    assert review.sku == "a"
    catalog.close()
    config.attributes["engine"].dispose()


def test_the_desk_and_old_records(desk: DecisionDesk) -> None:
    """A record of an older version lacks the names of an ambiguous answer: the first is known."""
    [number] = record(desk, replace(AMBIGUOUS, named=()))
    with pytest.raises(UsageError, match="names a and does not choose"):
        desk.confirm(number)
    review = desk.confirm(number, "a").review
    assert review is not None
    assert (review.verdict, review.sku) == (DecisionVerdict.CONFIRMED, "a")
