"""`simsearch decisions`: records of answers, and what people say of them, from the command line."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simsearch import open_app
from simsearch.recognition.verification import FEATURES

if TYPE_CHECKING:
    from tests.conftest import Kit, Run, Shop


def test_a_record_is_complete(on: Run, home: Path, kit: Kit, shop: Shop) -> None:
    product = shop.single[0]
    photo = shop.photo(product.sku)
    [answer] = on(home, "query", "--json", "-k", "2", "--where", "sku~-", photo).objects
    [kept] = on(home, "decisions", "--json").objects
    assert kept["id"] == answer["id"] == 1
    assert kept["query"] == str(photo)
    assert kept["query_sha256"] == hashlib.sha256(photo.read_bytes()).hexdigest()
    assert datetime.fromisoformat(kept["at"]).tzinfo is not None
    assert (kept["decision"], kept["sku"], kept["named"]) == (answer["decision"], product.sku, [product.sku])
    assert (kept["reason"], kept["generation"], kept["where"]) == (answer["reason"], "g000001", ["sku~-"])
    manifest = json.loads((home / "generations" / "g000001" / "manifest.json").read_text())
    assert kept["indexes"] == manifest["digest"]
    with open_app(home, kit.config) as app:
        assert kept["fingerprints"] == {name: m.fingerprint for name, m in app.methods.items()}
        assert kept["match_threshold"] == app.match_threshold
        # The recorded features are those of the probability: what calibration learns from is what was answered.
        features = [h["features"] for h in kept["hits"]]
        assert app.calibration.probability(features).tolist() == pytest.approx(
            [h["probability"] for h in kept["hits"]], abs=2e-4
        )
    assert len(kept["calibration"]) == 64
    assert (kept["features"], kept["shown"]) == (list(FEATURES), 2)
    assert len(kept["hits"]) > 2  # more than were shown
    assert kept["compared"] >= len(kept["hits"])
    assert kept["review"] is None


def test_reviewing_from_the_command_line(on: Run, home: Path, shop: Shop, tmp_path: Path) -> None:
    a, b = (shop.photo(p.sku) for p in shop.single[:2])
    words = on(home, "query", a, b).out
    assert "recorded as decision 2" in words
    done = on(home, "decisions", "confirm", 1)
    assert (done.code, done.out) == (0, f"decision 1 (match {shop.single[0].sku}): right\n")
    done = on(home, "decisions", "correct", 2, shop.single[2].sku, "--note", "other box")
    assert done.out == f"decision 2 (match {shop.single[1].sku}): wrong: {shop.single[2].sku} (other box)\n"
    table = on(home, "decisions").out.splitlines()
    assert [line.split()[0] for line in table] == ["decision", "2", "1"]
    assert "wrong: " in table[1]
    done = on(home, "decisions", "--export", tmp_path / "out.jsonl")
    assert (done.out, done.err) == ("", f"{tmp_path / 'out.jsonl'}: 2 decisions written\n")
    exported = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert exported == on(home, "decisions", "--json").objects
    assert on(home, "decisions", "--export", "-", "--reviewed").objects == exported
    assert [e["review"]["verdict"] for e in exported] == ["corrected", "confirmed"]
    shown = on(home, "decisions", "show", 2).out
    assert f"a person found it wrong: {shop.single[2].sku} (other box)" in shown
    assert "no decision is recorded that fits" in on(home, "decisions", "--outcome", "ambiguous").out
    assert on(home, "decisions", "forget", 2).out.endswith("not looked at\n")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["decisions", "confirm", "9"], 2, "decision 9: there is none"),
        (["decisions", "--since", "soon"], 2, "--since soon: is no time"),
        (["decisions", "--outcome", "maybe"], 2, "is none of match, ambiguous, unknown"),
        (["decisions", "--export", "/nowhere/at/all.jsonl"], 2, "cannot be written"),
        (["calibrate"], 2, "give either a table of labelled photos or --from-decisions"),
        (["calibrate", "--from-decisions"], 9, "reviewed answers with a wrong candidate are needed, there are 0"),
        (["query", "--where", "colour=red", "x.jpg"], 2, "has the field 'colour'; there are sku, name, strength, form"),
        (["query", "--where", "form", "x.jpg"], 2, "write FIELD=VALUE"),
    ],
)
def test_slips_on_the_command_line(on: Run, indexed: Path, arguments: list[str], code: int, says: str) -> None:
    done = on(indexed, *arguments)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert len(done.err.splitlines()) == 1


def test_no_record_leaves_every_table_as_it_was(on: Run, home: Path, shop: Shop) -> None:
    def content() -> list[str]:
        with sqlite3.connect(home / "catalog.db") as connection:
            lines = list(connection.iterdump())
        connection.close()
        return lines

    before = content()
    photo = shop.photo(shop.single[0].sku)
    done = on(home, "query", "--no-record", "--json", photo)
    assert done.objects[0]["id"] is None
    assert on(home, "query", "--no-record", "--together", photo, photo).code == 0
    assert content() == before
    on(home, "query", photo)
    assert content() != before


def test_photos_together_are_one_record(on: Run, home: Path, shop: Shop, tmp_path: Path) -> None:
    product = shop.single[0]
    photos = [shop.photo(product.sku), shop.photo(product.sku, 1)]
    done = on(home, "query", "--together", "--json", *photos, tmp_path / "none.jpg")
    [answer] = done.objects
    assert (done.code, answer["sku"], answer["errors"][0]["code"]) == (3, product.sku, "missing")
    assert answer["photos"] == [*map(str, photos), str(tmp_path / "none.jpg")]
    [kept] = on(home, "decisions", "--json").objects
    assert [p["query"] for p in kept["photos"]] == [str(p) for p in photos]
    digests = [hashlib.sha256(p.read_bytes()).hexdigest() for p in photos]
    assert [p["sha256"] for p in kept["photos"]] == digests
    assert kept["query_sha256"] == hashlib.sha256("".join(digests).encode()).hexdigest()
    done = on(home, "query", "--together", tmp_path / "none.jpg")
    assert done.code == 3
    assert "cannot be read" in done.out
