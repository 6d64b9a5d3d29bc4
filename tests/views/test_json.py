"""Shapes that programs read: small, complete, and made without a library."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from simsearch.catalog.images import ImageFacts
from simsearch.core.errors import ImageError
from simsearch.core.types import (
    Decision,
    Hit,
    Outcome,
    Package,
    PairVerdict,
    PhotoPrint,
    PrintComparison,
    PrintedFact,
    PrintedLine,
    Verification,
)
from simsearch.duplicates import DuplicateGroup, DuplicatePair
from simsearch.views import json as shapes

ROOT = Path(__file__).resolve().parents[2]
BROKEN = ImageError("truncated", "a.jpg: the file ends before the picture does")


def test_shapes_load_no_library() -> None:
    code = "import sys, simsearch.views.json, simsearch.core.text; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not {"torch", "faiss", "cv2", "sqlalchemy", "rich", "typer", "jinja2"} & loaded


def test_equal_files_are_not_compared_and_have_no_scores() -> None:
    a, b = (ImageFacts(n, "", f"{n}.jpg", "", "", sku, "", "", "", "", {}) for n, sku in enumerate("ab"))
    [pair] = shapes.group(DuplicateGroup((a, b), (DuplicatePair(a, b, None),)))["pairs"]
    assert pair["identical_file"] is True
    assert pair["similarity"] is pair["inliers"] is pair["support"] is None
    seen = Verification(0.9, 0.8, 0.7, 42, 0.9, support=17.234)
    [pair] = shapes.group(DuplicateGroup((a, b), (DuplicatePair(a, b, seen),)))["pairs"]
    assert (pair["similarity"], pair["inliers"], pair["support"]) == (0.8, 42, 17.23)


def test_a_verdict_is_a_probability_a_similarity_or_a_reason() -> None:
    assert shapes.verdict(PairVerdict("a", "b", similarity=0.5)) == {"a": "a", "b": "b", "similarity": 0.5}
    assert shapes.verdict(PairVerdict("a", "b", error=BROKEN), "list.csv line 3") == {
        "a": "a", "b": "b", "where": "list.csv line 3", "error": shapes.error(BROKEN),
    }  # fmt: skip


def test_photos_none_of_which_can_be_read_are_an_answer_too() -> None:
    found = shapes.together(["a.jpg", "b.jpg"], None, [BROKEN, BROKEN])
    assert found == {"query": "a.jpg + b.jpg", "photos": ["a.jpg", "b.jpg"], "errors": [shapes.error(BROKEN)] * 2}
    assert json.loads(json.dumps(found)) == found


# -- print -----------------------------------------------------------------------------------------------------------

PLACE = ((0.1, 0.2), (0.30001, 0.2), (0.3, 0.25), (0.1, 0.25))
READ = PhotoPrint(
    (PrintedLine("HEMIPAN 500 mg", 0.98765, PLACE),), ("500 mg",), ("24 tablets",), ("tablet",), ("00078000003864",)
)
PRINTED = PrintComparison(
    (PrintedFact("name", "HEMIPAN", "Hemipan", True, PLACE),), (PrintedFact("pack", "24 tablets", "48"),), 0.87654321,
    doubts=(PrintedFact("strength", "", "500 mg"),),
)  # fmt: skip


def test_an_answer_tells_what_was_read_and_what_contradicts() -> None:
    hit = Hit("P48", "Hemipan", 7, "a.jpg", Verification(0.99, 0.8, 0.9, 42, 0.7, printed=PRINTED))
    unknown = Decision("q", Outcome.UNKNOWN, None, None, 0.99, (hit,), "g000001", 1.0, read=READ, against=hit)
    told = shapes.answer("q", unknown)
    corners = [[0.1, 0.2], [0.3, 0.2], [0.3, 0.25], [0.1, 0.25]]
    assert told["read"] == {
        "lines": [{"text": "HEMIPAN 500 mg", "confidence": 0.9877, "place": corners}],
        "strengths": ["500 mg"], "packs": ["24 tablets"], "forms": ["tablet"],
    }  # fmt: skip
    assert told["codes"] == ["00078000003864"]
    [against] = told["contradictions"]
    assert (against["sku"], against["kind"], against["photo"], against["catalog"]) == (
        "P48", "pack", "24 tablets", "48",
    )  # fmt: skip
    printed = told["hits"][0]["printed"]
    assert printed["alone"] is None
    assert (printed["likeness"], printed["agreements"][0]["from_table"]) == (0.876543, True)
    assert [(fact["kind"], fact["photo"], fact["catalog"]) for fact in printed["doubts"]] == [
        ("strength", "", "500 mg")
    ]
    assert (printed["agreements"][0]["photo_place"][0], printed["agreements"][0]["catalog_place"]) == ([0.1, 0.2], None)
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_where_nothing_was_read_the_keys_are_there_and_empty() -> None:
    hit = Hit("A", "Ibu", 7, "a.jpg", Verification(0.99, 0.8, 0.9, 42, 0.7))
    told = shapes.answer("q", Decision("q", Outcome.MATCH, "A", "Ibu", 0.99, (hit,), "g000001", 1.0))
    assert (told["read"], told["codes"], told["contradictions"], told["hits"][0]["printed"]) == (None, [], [], None)


def test_a_verdict_tells_what_print_says() -> None:
    seen = Verification(0.99, 0.8, 0.9, 42, 0.7, printed=PRINTED)
    told = shapes.verdict(PairVerdict("a", "b", False, seen, reason="not the same pack"))
    assert (told["same"], told["printed"]["contradictions"][0]["kind"]) == (False, "pack")


# -- packages --------------------------------------------------------------------------------------------------------


def test_packages_say_what_an_answer_says_and_where_they_lie() -> None:
    outline = ((0.12345, 0.2), (0.3, 0.2), (0.3, 0.25))
    inner = Decision("q", Outcome.MATCH, "A", "Ibu", 0.99, (), "g", 1.0, "sure", named=("A",))
    alone = shapes.answer("q", replace(inner, packages=(Package(None, inner),)), explain=True)
    assert [package["outline"] for package in alone["packages"]] == [None]
    assert "explanation" not in alone["packages"][0]
    both = (Package(outline, inner), Package(outline, replace(inner, outcome=Outcome.UNKNOWN, sku=None)))
    found = shapes.answer("q", replace(inner, packages=both), explain=True)
    first, second = found["packages"]
    assert first["outline"] == [[0.1235, 0.2], [0.3, 0.2], [0.3, 0.25]]
    assert (first["decision"], first["sku"], second["decision"], second["sku"]) == ("match", "A", "unknown", None)
    assert set(first) == {
        "outline", "decision", "sku", "name", "probability", "reason", "named", "hits", "look_alikes", "read", "codes",
        "contradictions", "filing", "explanation",
    }  # fmt: skip
    assert json.loads(json.dumps(found)) == found


def test_a_verdict_says_which_package_was_compared() -> None:
    outline = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0))
    seen = Verification(0.9, 0.8, 0.7, 42, 0.9)
    found = shapes.verdict(PairVerdict("a", "b", True, seen, outlines=(outline, None)))
    assert found["outlines"] == [[[0.0, 0.0], [0.5, 0.0], [0.5, 1.0]], None]
