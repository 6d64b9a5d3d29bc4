"""Read lines in evidence pictures and on pages: outlined, told in words, never by colour alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simsearch.core.types import (
    Decision,
    Hit,
    Outcome,
    PhotoPrint,
    PrintComparison,
    PrintedFact,
    PrintedLine,
    Verification,
)
from simsearch.views.html import side_by_side
from simsearch.views.html.marks import Mark, marks_of
from simsearch.views.html.page import AnswerPage, AnswerView, HitView

PLACE = ((0.2, 0.2), (0.6, 0.2), (0.6, 0.4), (0.2, 0.4))
GREY = np.full((400, 400, 3), 200, np.uint8)
AGREES = PrintedFact("name", "HEMIPAN", "Hemipan", photo_place=PLACE, catalog_place=PLACE)
DIFFERS = PrintedFact("pack", "24 tablets", "48 <b>", photo_place=PLACE, catalog_place=PLACE)


def changed(*marks: Mark) -> np.ndarray:
    """Where marks change the sheet: (height, width)."""
    plain = side_by_side(GREY, GREY, None, ["caption"], size=512)
    drawn = side_by_side(GREY, GREY, None, ["caption"], size=512, marks=marks)
    assert drawn.shape == plain.shape
    return np.asarray((plain != drawn).any(axis=2))


def test_a_mark_is_drawn_on_its_side_at_its_place() -> None:
    for side in (0, 1):
        rows, columns = np.nonzero(changed(Mark(side, PLACE, "read")))
        assert (columns < changed().shape[1] / 2).all() == (side == 0)
        assert abs((np.ptp(columns) / np.ptp(rows)) - 2) < 0.1, "twice as wide as high, as the place is"


def test_contradictions_are_drawn_with_what_is_read_and_agreements_with_their_kind() -> None:
    marks = marks_of(PrintComparison((AGREES,), (DIFFERS,)))
    assert [(mark.side, mark.says, mark.words) for mark in marks] == [
        (0, "agrees", "= name"), (1, "agrees", "= name"),
        (0, "contradicts", "≠ 24 tablets"), (1, "contradicts", "≠ 48 <b>"),
    ]  # fmt: skip
    assert [mark.side for mark in marks_of(PrintComparison((AGREES,)), photo=False)] == [1]
    assert marks_of(None) == marks_of(PrintComparison((PrintedFact("name", "a", "b"),))) == []
    assert changed(*marks).sum() > changed(*marks[:2]).sum()


def test_marks_at_the_edge_and_long_words_stay_inside() -> None:
    edge = ((-0.1, -0.1), (1.2, -0.1), (1.2, 1.1), (-0.1, 1.1))
    top = ((0.0, 0.0), (0.2, 0.0), (0.2, 0.05), (0.0, 0.05))
    seen = changed(Mark(0, edge, "contradicts", "≠ " + "very long " * 40), Mark(0, top, "agrees", "= 阿司匹林"))
    rows, columns = np.nonzero(seen)
    assert columns.max() < seen.shape[1] / 2
    assert rows.min() >= 16


def test_a_page_says_what_was_read_and_what_contradicts(tmp_path: Path) -> None:
    lines = (PrintedLine("HEMIPAN <500 mg>", 0.98, PLACE),)
    read = PhotoPrint(lines, ("500 mg",), ("24 tablets",), (), ("00078000003864",))
    seen = Verification(0.99, 0.8, 0.9, 42, 0.7, printed=PrintComparison((AGREES,), (DIFFERS,)))
    hit = Hit("P48", "Hemipan", 7, "a.jpg", seen)
    plain = Hit("X", "Other", 8, "b.jpg", Verification(0.1, 0.2, 0.1, 0, 0.5))
    answer = Decision(
        "q", Outcome.UNKNOWN, None, None, 0.99, (hit, plain), "g", 1.0, "why", read=read, against=hit
    )  # fmt: skip
    page = AnswerPage(tmp_path / "page.html", "title")
    page.add(AnswerView("t", "q", answer, GREY, (), (HitView(hit, None), HitView(plain, None))))
    page.add(AnswerView("t", "q", Decision("q", Outcome.UNKNOWN, None, None, 0, (), "g", 1), GREY, (), ()))
    page.close()
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<b>Contradiction in pack:</b> the photo reads <q>24 tablets</q>, P48 has <q>48 &lt;b&gt;</q>" in html
    assert "<b>Read:</b> 500 mg, 24 tablets; code 00078000003864" in html
    assert "HEMIPAN &lt;500 mg&gt;" in html
    assert "not the same: pack" in html
    assert "same: name" in html
    assert html.count("<b>Read:</b>") == 1, "nothing is said of a photo that was not read"
