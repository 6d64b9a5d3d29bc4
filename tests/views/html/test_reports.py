"""Evidence pictures show what they say, and pages hold text as text."""

from __future__ import annotations

import base64
import io
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
import pytest
from PIL import Image

from simsearch.core.errors import ImageError, UsageError
from simsearch.core.types import Decision, Hit, Outcome, Pixels, Verification
from simsearch.features.orb import Geometry
from simsearch.views.html import AnswerView, Figure, GroupView, HitView, MemberView, Section, side_by_side, write_page
from simsearch.views.html.evidence import HEIGHT, MARGIN, NARROWEST, WIDEST, writable

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop

EVIL = '<script>alert("&1")</script>'


def noise(height: int, width: int, seed: int) -> Pixels:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def geometry(query_xy: list[tuple[float, float]], other_xy: list[tuple[float, float]]) -> Geometry:
    return Geometry(np.array(query_xy, np.float32), np.array(other_xy, np.float32), len(query_xy), np.eye(3))


def find(sheet: Pixels, picture: Pixels) -> tuple[int, int, float]:
    """x, y and mean difference where `picture`, at HEIGHT, fits `sheet` best."""
    height, width = picture.shape[:2]
    scaled = cv2.resize(picture, (round(width * HEIGHT / height), HEIGHT), interpolation=cv2.INTER_AREA)
    _, _, (x, y), _ = cv2.minMaxLoc(cv2.matchTemplate(sheet, scaled, cv2.TM_SQDIFF))
    region = sheet[y : y + HEIGHT, x : x + scaled.shape[1]].astype(int)
    return x, y, float(np.abs(region - scaled).mean())


# -- evidence --------------------------------------------------------------------------------------------------------


def test_both_pictures_are_there_at_equal_height() -> None:
    query, other = noise(600, 480, 1), noise(700, 560, 2)
    sheet = side_by_side(query, other, None, ["caption"], size=512)
    x1, y1, off1 = find(sheet, query)
    x2, y2, off2 = find(sheet, other)
    assert off1 < 2
    assert off2 < 2
    assert y1 == y2
    assert x1 + round(480 * HEIGHT / 600) + MARGIN == x2


def test_lines_are_drawn_only_for_a_geometry() -> None:
    query, other = noise(512, 512, 1), noise(512, 512, 2)
    plain = side_by_side(query, other, None, ["caption"], size=512)
    none = side_by_side(
        query,
        other,
        Geometry(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32), 3, None),
        ["caption"],
        size=512,
    )
    drawn = side_by_side(query, other, geometry([(100, 100)], [(300, 200)]), ["caption"], size=512)
    assert (plain == none).all()
    assert (plain != drawn).any()


@pytest.mark.parametrize(("height", "width"), [(512, 512), (256, 128), (1024, 640)])
def test_a_line_joins_the_two_points(height: int, width: int) -> None:
    """Points are given in pixels of the pictures scaled to 512 on the longer side."""
    query, other = noise(height, width, 3), noise(height, width, 4)
    scale = 512 / height
    a, b = (0.25 * width * scale, 0.5 * 512), (0.75 * width * scale, 0.25 * 512)
    plain = side_by_side(query, other, None, ["caption"], size=512)
    drawn = side_by_side(query, other, geometry([a], [b]), ["caption"], size=512)
    rows, columns = np.nonzero((plain != drawn).any(axis=2))
    shown = round(width * HEIGHT / height)
    left = (plain.shape[1] - 2 * shown - MARGIN) // 2
    top = find(plain, query)[1]
    assert abs(columns.min() - (left + 0.25 * shown)) < 6
    assert abs(columns.max() - (left + shown + MARGIN + 0.75 * shown)) < 6
    assert abs(rows.max() - (top + 0.5 * HEIGHT)) < 6
    assert abs(rows.min() - (top + 0.25 * HEIGHT)) < 6


@pytest.mark.parametrize("text", ["short", "a caption of many words " * 12, "X" * 300, "", "天然 only this"])
def test_a_caption_is_never_cut_off(text: str) -> None:
    query, other = noise(300, 300, 1), noise(300, 300, 2)
    sheet = side_by_side(query, other, None, [text, text], size=512)
    paper = np.array((255, 255, 255))
    border = np.concatenate(
        [sheet[:4].reshape(-1, 3), sheet[-4:].reshape(-1, 3), sheet[:, :4].reshape(-1, 3), sheet[:, -4:].reshape(-1, 3)]
    )
    assert (border == paper).all()


@pytest.mark.parametrize("shape", [(4, 4000), (4000, 4), (1, 1), (90, 3000)])
def test_odd_shapes_fit(shape: tuple[int, int]) -> None:
    sheet = side_by_side(noise(*shape, 1), noise(*shape[::-1], 2), None, ["caption"], size=512)
    assert NARROWEST <= sheet.shape[1] <= WIDEST


def test_letters_that_the_font_lacks_become_one_mark() -> None:
    assert writable("Aspirin 阿司匹林 100 mg\n") == "Aspirin … 100 mg"
    assert writable("Zäpfchen × 10 µg") == "Zäpfchen × 10 µg"


# -- pages -----------------------------------------------------------------------------------------------------------


def verification(probability: float = 0.973) -> Verification:
    return Verification(probability, 0.91, 0.88, 84, 0.9)


def answer_view(outcome: Outcome = Outcome.MATCH, **changes: object) -> AnswerView:
    hits = (Hit("SKU-1", "Aspirin 100 mg", 1, "a.jpg", verification()), Hit(EVIL, EVIL, 2, "b.jpg", verification(0.12)))
    named = outcome is not Outcome.UNKNOWN
    decision = Decision(
        "q.jpg", outcome, "SKU-1" if named else None, "Aspirin 100 mg" if named else None, 0.973, hits, "g1", 5.0, EVIL
    )
    views = (HitView(hits[0], noise(60, 60, 1)), HitView(hits[1], None))
    values = {
        "title": EVIL, "query": EVIL, "answer": decision, "photo": noise(900, 600, 2),
        "evidence": (Figure(noise(100, 200, 3), EVIL),), "hits": views, "truth": EVIL, "remark": EVIL, **changes,
    }  # fmt: skip
    return AnswerView(**values)  # type: ignore[arg-type]


def page(tmp_path: Path, *items: AnswerView | GroupView) -> str:
    path = tmp_path / "page.html"
    write_page(path, EVIL, [Section(EVIL, EVIL, items)], intro=EVIL)
    return path.read_text(encoding="utf-8")


def test_text_is_escaped(tmp_path: Path) -> None:
    group = GroupView(EVIL, (MemberView(EVIL, EVIL, EVIL, noise(50, 50, 4)),), 0.9, EVIL)
    html = page(tmp_path, answer_view(), group)
    assert "<script" not in html
    assert 'alert("' not in html
    assert html.count("&lt;script&gt;") > 15


def test_nothing_is_loaded_and_nothing_runs(tmp_path: Path) -> None:
    html = page(tmp_path, answer_view())
    assert not re.findall(r"(?:src|href)=\"(?!data:image/jpeg;base64,)", html)
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src 'none'" in html


def test_pictures_are_embedded_as_jpegs(tmp_path: Path) -> None:
    html = page(tmp_path, answer_view())
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
        for data in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', html)
    ]
    assert [(p.format, p.size) for p in pictures] == [("JPEG", (320, 480)), ("JPEG", (200, 100)), ("JPEG", (60, 60))]
    assert np.abs(np.asarray(pictures[1]).astype(int) - noise(100, 200, 3)).mean() < 6
    assert "no picture" in html  # of the second hit


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (Outcome.MATCH, "<strong>SKU-1  Aspirin 100 mg</strong>"),
        (Outcome.AMBIGUOUS, "<strong>perhaps SKU-1  Aspirin 100 mg</strong>"),
        (Outcome.UNKNOWN, "not in the catalog"),
    ],
)
def test_a_decision_is_said_in_words(tmp_path: Path, outcome: Outcome, says: str) -> None:
    html = page(tmp_path, answer_view(outcome))
    assert f'<span class="badge {outcome.value}">{outcome.value.upper()}</span>' in html
    assert says in html
    for number in ("97.3%", "0.91", "<td>84</td>", "12.0%"):
        assert number in html
    assert ("for information only" in html) == (outcome is Outcome.UNKNOWN)


def test_an_unreadable_photo_has_its_reason(tmp_path: Path) -> None:
    error = ImageError("truncated", "x.jpg: the file ends before the picture does")
    html = page(tmp_path, answer_view(answer=error, photo=None, evidence=(), hits=()))
    assert '<span class="badge unreadable">UNREADABLE</span>' in html
    assert "the file ends before the picture does" in html
    assert "<img" not in html
    assert "<table" not in html


def test_a_group_shows_each_member(tmp_path: Path) -> None:
    members = tuple(MemberView(f"SKU-{i}", f"Name {i}", f"{i}.jpg", noise(50, 50, i)) for i in range(3))
    html = page(tmp_path, GroupView("Group 1", members, 0.984), GroupView("Missed", members[:1], None))
    assert html.count("<img") == 4
    assert "98.4%" in html
    assert "not found" in html
    for i in range(3):
        assert f"<b>SKU-{i}</b> Name {i}" in html


# -- pictures and pages of answers -----------------------------------------------------------------------------------


def answers(home: Path, kit: Kit, folder: Path, html: Path | None, photos: list[Path], **options: object) -> list[str]:
    from simsearch import open_app
    from simsearch.views.html import Album
    from simsearch.views.html.answers import Answers

    with open_app(home, kit.config) as app:
        kept = Answers(Album(app.catalog, app.verifier, app.config.images), folder, html)
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


def test_a_page_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    from simsearch.views.html.page import AnswerPage

    page = AnswerPage(tmp_path / "page.html", "title")
    page.discard()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_an_error_of_the_call(tmp_path: Path) -> None:
    from simsearch.views.html import Album
    from simsearch.views.html.answers import Answers

    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"--evidence .*cannot be written"):
        Answers(cast(Album, None), tmp_path / "file", None)
    with pytest.raises(UsageError, match=r"--html .*cannot be written"):
        Answers(cast(Album, None), None, tmp_path / "none" / "page.html")


def test_a_page_warns_of_look_alikes(tmp_path: Path) -> None:
    from dataclasses import replace

    from simsearch.core.types import LookAlike

    view = answer_view(Outcome.MATCH)
    assert isinstance(view.answer, Decision)
    alike = LookAlike("B", "<i>", "strength", (("strength", "1 mg", "2 mg"),), "B <i> has another strength")
    warned = replace(view, answer=replace(view.answer, look_alikes=(alike,)))
    write_page(tmp_path / "page.html", "t", [Section("s", "", (warned,))])
    assert "<b>Beware:</b> B &lt;i&gt; has another strength" in (tmp_path / "page.html").read_text(encoding="utf-8")
