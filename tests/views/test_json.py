"""Shapes that programs read: small, complete, and made without a library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from simsearch.catalog.images import ImageFacts
from simsearch.core.errors import ImageError
from simsearch.core.types import PairVerdict, Verification
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
