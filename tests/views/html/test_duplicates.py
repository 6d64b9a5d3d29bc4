"""The sheet of suspected duplicates."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

from simsearch import open_app
from simsearch.catalog.images import ImageFacts
from simsearch.core.config import ImageSettings
from simsearch.core.types import Verification
from simsearch.duplicates import DuplicateGroup, DuplicatePair, Findings

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop


def test_a_photo_that_has_gone_leaves_a_gap_on_the_page(kit: Kit, shop: Shop, tmp_path: Path) -> None:
    from simsearch.views.html.duplicates import write_sheet

    (tmp_path / "photos").mkdir()
    for sku in ("a<b", "two"):
        shutil.copy(shop.photo(shop.single[0].sku), tmp_path / "photos" / f"{sku.strip('<')}.jpg")
    listed = [{"sku": s, "image": f"photos/{s.strip('<')}.jpg", "name": "<i>&"} for s in ("a<b", "two")]
    (tmp_path / "photos" / "a<b.jpg").write_bytes((tmp_path / "photos" / "two.jpg").read_bytes())
    (tmp_path / "list.jsonl").write_text("\n".join(map(json.dumps, listed)), encoding="utf-8")
    with open_app(tmp_path / "home", kit.config) as app:
        app.index([tmp_path / "list.jsonl"])
        (tmp_path / "photos" / "two.jpg").unlink()
        write_sheet(tmp_path / "sheet.html", app.find_duplicates(), app.config.images, limit=9)
    html = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert "no picture: missing" in html
    assert "<b>a&lt;b</b>" in html
    assert "<i>" not in html


def test_pages_with_one_script_that_the_policy_names(tmp_path: Path) -> None:
    from simsearch.views.html.duplicates import write_sheet

    images = [
        ImageFacts(i, f"{i}.jpg", f"/{i}.jpg", "front", f"{i}" * 64, f"<sku{i}", "Calmorin", "", "", "", {})
        for i in range(1, 5)
    ]
    look = Verification(0.99, 0.9, 0.9, 40, 40.0)
    groups = tuple(
        DuplicateGroup((a, b), (DuplicatePair(a, b, look),), a.id, "most pixels (9 x 9)")
        for a, b in (images[:2], images[2:])
    )
    paths = write_sheet(tmp_path / "s.html", Findings(groups, (), 4, 2, 0), ImageSettings(), limit=1)
    assert [p.name for p in paths] == ["s.html", "s-2.html"]
    first, second = (p.read_text(encoding="utf-8") for p in paths)
    assert 'href="s-2.html" rel="next"' in first
    assert 'href="s.html" rel="prev"' in second
    assert ("Group 1" in first, "Group 2" in second, "Page 2 of 2." in second) == (True, True, True)
    [key] = re.findall(r'data-key="([^"]*)"', first)
    assert json.loads(unescape(key)) == {
        "a": {"sku": "<sku1", "sha256": "1" * 64}, "b": {"sku": "<sku2", "sha256": "2" * 64},
    }  # fmt: skip
    assert "most pixels (9 x 9)" in first
    [script] = re.findall(r"<script>(.*?)</script>", first, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in first
