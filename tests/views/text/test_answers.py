"""What `simsearch query` and `simsearch decisions show` print of print."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from simsearch.catalog.decisions import RecordedDecision
from simsearch.core.types import (
    Decision,
    Hit,
    Outcome,
    Package,
    PhotoPrint,
    PrintComparison,
    PrintedFact,
    PrintedLine,
    Verification,
)
from simsearch.views.text import answers, decisions

PLACE = ((0.1, 0.2), (0.3, 0.2), (0.3, 0.25), (0.1, 0.25))
READ = PhotoPrint((PrintedLine("HEMIPAN [500 mg]", 0.987, PLACE),), ("500 mg",), ("24 tablets",), (), ("01",))
PRINTED = PrintComparison(
    (PrintedFact("name", "HEMIPAN", "Hemipan", True),), (PrintedFact("pack", "24 tablets", "48"),), 0.8
)
HIT = Hit("P48", "Hemipan", 7, "a.jpg", Verification(0.99, 0.8, 0.9, 42, 0.7, printed=PRINTED))


def answer(read: PhotoPrint | None, against: Hit | None, *hits: Hit) -> Decision:
    return Decision("q", Outcome.UNKNOWN, None, None, 0.99, hits, "g", 1.0, "why", read=read, against=against)


def test_an_answer_says_what_was_read_and_what_contradicts(capsys: pytest.CaptureFixture[str]) -> None:
    answers.answer("q", answer(READ, HIT, HIT), explain=True)
    said = capsys.readouterr().out
    assert "  read  500 mg, 24 tablets; code 01\n" in said
    assert "  contradiction  pack 24 tablets, but P48 48\n" in said
    assert "not the same: pack; same: name" in said
    assert "ruled out" in said  # and not how probable its looks alone would make it
    assert "HEMIPAN [500 mg]  0.99" in said
    assert "contradicts: pack  P48  24 tablets  48" in said
    assert "Hemipan (table)" in said


def test_where_nothing_was_read_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    plain = Hit("A", "Ibu", 7, "a.jpg", Verification(0.99, 0.8, 0.9, 42, 0.7))
    answers.answer("q", answer(None, None, plain), explain=True)
    said = capsys.readouterr().out
    assert "read" not in said
    assert "print" not in said
    answers.answer("q", answer(PhotoPrint(), None))
    assert "  read  nothing\n" in capsys.readouterr().out


def test_records_with_and_without_print_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    old = {"sku": "A", "image_id": 7, "probability": 0.9, "similarity": 0.8, "inliers": 4, "support": 4.0}
    facts = [{"kind": "pack", "photo": "24 tablets", "catalog": "48", "from_table": False}]
    new = {**old, "printed": {"agreements": [], "contradictions": facts, "likeness": 0.5, "features": []}}
    read = {"lines": [{"text": "HEMIPAN", "confidence": 0.9}], "strengths": ["500 mg"], "packs": [], "forms": []}
    evidence = ({"hits": [old]}, {"hits": [new], "read": read, "codes": ["01"], "contradictions": facts})
    for each in evidence:
        decisions.one(RecordedDecision(1, datetime(2026, 11, 29), "q", "0" * 64, "g", "unknown", None, 0.9, each))
    first, second = capsys.readouterr().out.split("decision 1")[1:]
    assert "read:" not in first
    assert "  read: 500 mg, in 1 lines\n  codes: 01\n" in second
    assert "  contradiction  pack 24 tablets, but in the catalog 48\n" in second
    assert "not the same: pack" in second


# -- several packages ------------------------------------------------------------------------------------------------


def several() -> Decision:
    first = answer(None, None, HIT)
    second = replace(answer(READ, None), outcome=Outcome.MATCH, sku="P9", name="Otherin")
    packages = (Package(PLACE, replace(first, reason="too far")), Package(PLACE, second))
    return replace(second, packages=packages, record_id=12)


def test_packages_are_numbered_in_reading_order(capsys: pytest.CaptureFixture[str]) -> None:
    answers.answer("q", several())
    said = capsys.readouterr().out
    assert "  2 packages in the photo, in reading order\n" in said
    assert "  1  UNKNOWN  not in the catalog" in said
    assert "  2  MATCH  P9  Otherin\n" in said
    assert said.index("too far") < said.index("  2  MATCH") < said.index("read  500 mg") < said.index("decision 12")
    assert said.count("recorded as") == 1


def test_each_package_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    answers.answer("q", several(), explain=True)
    said = capsys.readouterr().out
    assert said.count("  took ") == 3
    assert said.count("HEMIPAN [500 mg]  0.99") == 1
