"""Evidence pictures show what they say, and pages hold text as text."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from simsearch.datatypes import Decision, Hit, Outcome, Pixels, Verification
from simsearch.errors import ImageError
from simsearch.methods.orb import Geometry
from simsearch.reports import AnswerView, Figure, GroupView, HitView, MemberView, Section, side_by_side, write_page
from simsearch.reports.evidence import HEIGHT, MARGIN, NARROWEST, WIDEST, writable

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
    hits = (Hit("SKU-1", "Aspirin", 1, "a.jpg", verification()), Hit(EVIL, EVIL, 2, "b.jpg", verification(0.12)))
    named = outcome is not Outcome.UNKNOWN
    decision = Decision(
        "q.jpg", outcome, "SKU-1" if named else None, "Aspirin" if named else None, 0.973, hits, "g1", 5.0, EVIL
    )
    views = (HitView(hits[0], "Aspirin 100 mg", noise(60, 60, 1)), HitView(hits[1], EVIL, None))
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
        (Outcome.MATCH, "<strong>SKU-1 Aspirin 100 mg</strong>"),
        (Outcome.AMBIGUOUS, "<strong>perhaps SKU-1 Aspirin 100 mg</strong>"),
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
