"""The sheet of suspected duplicates."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from simsearch import open_app

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
