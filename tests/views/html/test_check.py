"""The sheet of doubts, and the file that it saves."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest

from simsearch.catalog.doubts import Clash, Doubt, DoubtedPhoto, DoubtKind, FilingAction
from simsearch.catalog.images import ImageFacts
from simsearch.core.config import ImageSettings
from simsearch.core.errors import UsageError
from simsearch.filing.sheet_file import Word, read_words
from simsearch.views.html.check import write_sheet


def facts(number: int, sku: str) -> ImageFacts:
    return ImageFacts(
        number, f"{number}.jpg", f"/none/{number}.jpg", "front", f"{number}" * 64, sku, sku, "", "", "", {}
    )


def doubt(number: int, kind: DoubtKind = DoubtKind.OTHER_PRODUCT) -> Doubt:
    a, b = (DoubtedPhoto(i, sku, f"{i}.jpg", f"/none/{i}.jpg", f"{i}" * 64) for i, sku in ((1, "<A"), (2, "B")))
    place = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.1), (0.0, 0.1))
    return Doubt(
        f"photo|<A|{number}", kind, "<A", 0.97, "fits B & not <A", FilingAction.MOVE, a, b, "B", "B",
        clashes=(Clash("strength", "5 mg", "10 mg", place, place),), id=number,
    )  # fmt: skip


def test_each_doubt_is_a_card_with_a_key_that_the_file_has_too(tmp_path: Path) -> None:
    doubts = [doubt(1), doubt(2, DoubtKind.ODD_PHOTO)]
    known = {1: facts(1, "<A"), 2: facts(2, "B")}
    paths = write_sheet(tmp_path / "s.html", doubts, known, ImageSettings(), limit=1)
    assert [p.name for p in paths] == ["s.html", "s-2.html"]
    first, second = (p.read_text(encoding="utf-8") for p in paths)
    assert "Photos that fit another product" in first
    assert "Photos that fit none of their SKU" in second
    assert ("<A" in first, "&lt;A" in first, "file it under B" in first) == (False, True, True)
    assert "no picture: missing" in first
    [key] = re.findall(r'data-key="([^"]*)"', first)
    line = {**json.loads(unescape(key)), "said": "accepted"}
    (tmp_path / "d.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    [word], bad = read_words(tmp_path / "d.jsonl")
    assert bad == []
    assert word == Word(f"{tmp_path}/d.jsonl:1", 1, "photo|<A|1", word.said)
    assert word.said == "accepted"


def test_a_sheet_without_doubts_says_so(tmp_path: Path) -> None:
    [path] = write_sheet(tmp_path / "s.html", [], {}, ImageSettings(), limit=9)
    assert "No doubts." in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("[]", "is no JSON object"),
        ('{"doubt": true}', "doubt: is no number"),
        ('{"doubt": 1, "said": "maybe"}', "said: is neither"),
        ('{"doubt": 1, "said": 5}', "said: is no text"),
        ("{", "Expecting"),
    ],
)
def test_lines_that_are_no_words_are_told(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "d.jsonl").write_text(f"\n{line}\n", encoding="utf-8")
    found, [bad] = read_words(tmp_path / "d.jsonl")
    assert found == []
    assert bad.startswith(f"{tmp_path}/d.jsonl:2: {why}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_words(tmp_path / "none.jsonl")
