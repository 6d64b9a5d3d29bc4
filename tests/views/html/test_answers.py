"""Pictures and pages of answers: `simsearch query --evidence DIR --html FILE`."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
import pytest
from PIL import Image

from simsearch.core.errors import UsageError
from simsearch.views.html.evidence import HEIGHT, MARGIN

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop


def answers(home: Path, kit: Kit, folder: Path, html: Path | None, photos: list[Path], **options: object) -> list[str]:
    from simsearch import open_app
    from simsearch.views.html import Album
    from simsearch.views.html.answers import AnswerFiles

    with open_app(home, kit.config) as app:
        kept = AnswerFiles(Album(app.catalog, app.verifier, app.config.images), folder, html)
        if options.get("together"):
            decision, _ = app.query_together(photos, record=False)
            assert decision is not None
            kept.add_together([str(p) for p in photos], [str(p) for p in photos], decision)
        else:
            for photo, answer in zip(photos, app.query(photos, record=False), strict=True):
                kept.add(str(photo), str(photo), answer)
        return kept.finish()


def height(path: Path) -> int:
    with Image.open(path) as picture:
        return picture.height


def test_the_evidence_of_an_answer_shows_photo_catalog_picture_and_lines(
    indexed: Path, kit: Kit, shop: Shop, tmp_path: Path
) -> None:
    photo = shop.photo(shop.single[0].sku)
    answers(indexed, kit, tmp_path / "seen", None, [photo])
    [path] = (tmp_path / "seen").iterdir()
    assert path.name == f"{photo.stem}.png"
    sheet = np.asarray(Image.open(path).convert("RGB"))
    asked = np.asarray(Image.open(photo).convert("RGB"))
    width = round(asked.shape[1] * HEIGHT / asked.shape[0])
    left = (sheet.shape[1] - 2 * width - MARGIN) // 2
    rows = np.flatnonzero((sheet[:, left : left + width] != 255).any(axis=(1, 2)))
    top = rows[rows > MARGIN + 20][0]
    plain = cv2.resize(asked, (width, HEIGHT), interpolation=cv2.INTER_AREA).astype(int)
    halves = [sheet[top : top + HEIGHT, x : x + width].astype(int) for x in (left, left + width + MARGIN)]
    for half in halves:  # the photo of the very catalog picture: both halves show it, under lines
        off = np.abs(half - plain).max(axis=2)
        assert np.median(off) < 12
        assert (off > 40).mean() > 0.002, "no line is drawn"
    gap = sheet[top : top + HEIGHT, left + width : left + width + MARGIN]
    assert ((gap.max(axis=2).astype(int) - gap.min(axis=2)) > 20).any(), "no coloured line crosses the gap"
    caption = sheet[top + HEIGHT :]
    assert (caption < 100).any(), "no words below"


def test_an_ambiguous_answer_shows_both(indexed: Path, kit: Kit, shop: Shop, tmp_path: Path) -> None:
    twin = shop.planted[0]
    single = shop.photo(shop.single[0].sku)
    answers(indexed, kit, tmp_path, None, [single, shop.photo(twin.sku_a)])
    heights = [height(tmp_path / name) for name in (f"{single.stem}.png", f"{twin.sku_a}_0.png")]
    assert heights[1] > 1.8 * heights[0]


def test_photos_of_one_name_do_not_overwrite_each_other(indexed: Path, kit: Kit, shop: Shop, tmp_path: Path) -> None:
    photo = shop.photo(shop.single[0].sku)
    odd = tmp_path / "od d"
    odd.mkdir()
    same = Path(shutil.copy(photo, odd / photo.name))
    strange = Path(shutil.copy(photo, odd / '<b>"&.jpg'))
    missing = tmp_path / "none.jpg"
    html = tmp_path / "page.html"
    written = answers(indexed, kit, tmp_path / "seen", html, [photo, same, strange, missing])
    assert written == [f"{tmp_path / 'seen'}: 3 pictures", str(html)]
    stem = photo.stem
    assert sorted(p.name for p in (tmp_path / "seen").iterdir()) == sorted([f"{stem}.png", f"{stem}-2.png", "_b_.png"])
    page = html.read_text(encoding="utf-8")
    assert page.count("<article>") == 4
    assert page.count('class="evidence"') == 3
    assert '<b>"' not in page
    assert "&lt;b&gt;&#34;&amp;.jpg" in page
    assert "UNREADABLE" in page
    assert page.endswith("</html>\n")
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".part"] == []


def test_several_photos_together_are_one_picture(indexed: Path, kit: Kit, shop: Shop, tmp_path: Path) -> None:
    product = shop.single[0]
    photos = [shop.photo(product.sku), shop.photo(product.sku, 1)]
    answers(indexed, kit, tmp_path, None, photos, together=True)
    [path] = tmp_path.iterdir()
    assert path.name == f"{photos[0].stem}+1.png"
    assert height(path) > 700


def test_what_cannot_be_written_is_an_error_of_the_call(tmp_path: Path) -> None:
    from simsearch.views.html import Album
    from simsearch.views.html.answers import AnswerFiles

    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"--evidence .*cannot be written"):
        AnswerFiles(cast(Album, None), tmp_path / "file", None)
    with pytest.raises(UsageError, match=r"--html .*cannot be written"):
        AnswerFiles(cast(Album, None), None, tmp_path / "none" / "page.html")
