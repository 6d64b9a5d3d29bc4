"""Photos with their packages outlined, and packages cut out of photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simsearch.core.types import Decision, Image, Outcome, Outline, Package, PhotoPrint, PrintedLine
from simsearch.views.html import AnswerView, Figure, write_page
from simsearch.views.html.outlines import cut_out, outlined
from simsearch.views.html.page import Section

LEFT: Outline = ((0.1, 0.1), (0.4, 0.1), (0.4, 0.9), (0.1, 0.9))
RIGHT: Outline = ((0.6, 0.1), (0.9, 0.1), (0.9, 0.9), (0.6, 0.9))


def said(outcome: Outcome) -> Decision:
    read = PhotoPrint((PrintedLine("Examplin", 0.9, ((0.2, 0.4), (0.3, 0.4), (0.3, 0.5), (0.2, 0.5))),))
    return Decision("q", outcome, None, None, 0.5, (), "g", 1.0, "why", read=read)


def test_each_package_is_outlined_and_numbered() -> None:
    photo = np.full((300, 600, 3), 255, np.uint8)
    match, unknown = said(Outcome.MATCH), said(Outcome.UNKNOWN)
    packages = [Package(LEFT, match), Package(RIGHT, unknown), Package(None, match)]
    drawn = outlined(photo, packages)
    assert (photo == 255).all()
    left, right = drawn[:, :300], drawn[:, 300:]
    for half, colour in ((left, (26, 127, 55)), (right, (92, 99, 106))):
        own = (half == colour).all(axis=2)
        rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
        assert abs(rows[0] - 30) < 4
        assert abs(rows[-1] - 270) < 4
        assert np.ptp(columns) > 80
        assert own[140:160].sum() > 300  # the badge in its middle
    assert (drawn[:, 250:350] == 255).all()


def test_a_package_is_cut_out_with_its_places() -> None:
    pixels = np.zeros((300, 600, 3), np.uint8)
    pixels[30:270, 60:240] = 200
    photo = Image(pixels, "x", 600, 300)
    own, answer = cut_out(photo, Package(LEFT, said(Outcome.MATCH)))
    assert 180 <= own.width <= 200
    assert (own.pixels == 200).mean() > 0.85
    assert answer.read is not None
    x, y = answer.read.lines[0].place[0]
    assert (round(x * own.width + 60 - (own.width - 180) / 2), round(y * own.height)) == (120, 98)
    assert cut_out(photo, Package(None, said(Outcome.MATCH))) == (photo, said(Outcome.MATCH))


def test_a_page_has_a_view_for_each_package(tmp_path: Path) -> None:
    picture = np.zeros((30, 60, 3), np.uint8)
    parts = tuple(
        AnswerView(f"Package {n}", "q.jpg", said(outcome), picture, (Figure(picture, f"evidence {n}"),), ())
        for n, outcome in enumerate((Outcome.MATCH, Outcome.UNKNOWN), 1)
    )
    view = AnswerView("q", "q.jpg", said(Outcome.MATCH), picture, (Figure(picture, "all of them"),), (), parts=parts)
    write_page(tmp_path / "page.html", "t", [Section("s", "", (view,))])
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count("<article>") == text.count("</article>") == 3
    assert text.index("2 packages") < text.index("Package 1") < text.index("evidence 1") < text.index("Package 2")
    assert text.count('class="badge') == 2
