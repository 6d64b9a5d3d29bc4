"""Pages hold text as text, load nothing and run nothing."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

from simsearch.core.errors import ImageError
from simsearch.core.types import Decision, Hit, Outcome, Pixels, Verification
from simsearch.views.html import AnswerView, Figure, GroupView, HitView, MemberView, Section, write_page

if TYPE_CHECKING:
    pass


EVIL = '<script>alert("&1")</script>'


def noise(height: int, width: int, seed: int) -> Pixels:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


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


def test_a_page_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    from simsearch.views.html.page import AnswerPage

    page = AnswerPage(tmp_path / "page.html", "title")
    page.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_page_warns_of_look_alikes(tmp_path: Path) -> None:
    from dataclasses import replace

    from simsearch.core.types import LookAlike

    view = answer_view(Outcome.MATCH)
    assert isinstance(view.answer, Decision)
    alike = LookAlike("B", "<i>", "strength", (("strength", "1 mg", "2 mg"),), "B <i> has another strength")
    warned = replace(view, answer=replace(view.answer, look_alikes=(alike,)))
    write_page(tmp_path / "page.html", "t", [Section("s", "", (warned,))])
    assert "<b>Beware:</b> B &lt;i&gt; has another strength" in (tmp_path / "page.html").read_text(encoding="utf-8")
