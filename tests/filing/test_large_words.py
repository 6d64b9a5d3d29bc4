"""Large words that one of two photos lacks."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.features.orb import Geometry
from simsearch.features.reading import Line, Reading
from simsearch.filing.large_words import lacking
from simsearch.recognition.printed.alignment import Alignment


def read(*lines: tuple[str, float, float], size: tuple[int, int] = (800, 600)) -> Reading:
    """A reading of lines: text, top, height."""
    quads = [np.array([[0.1, y], [0.6, y], [0.6, y + h], [0.1, y + h]], np.float32) for _, y, h in lines]
    return Reading(tuple(Line(text, 0.99, quad) for (text, *_), quad in zip(lines, quads, strict=True)), *size)


def same_place(reading: Reading) -> Alignment:
    corners = np.array([[0, 0], [640, 0], [640, 480], [0, 480]], np.float32)
    size = reading.width, reading.height
    return Alignment(Geometry(corners, corners, 40, np.eye(3)), size, size, 640)


NILSTAT = read(("Nilstat", 0.1, 0.1), ("(nystatin)", 0.3, 0.06), ("Oral Drops", 0.5, 0.06))
NYSTATIN = read(("Nystatin", 0.1, 0.1), ("Oral Drops", 0.5, 0.06))


def test_a_brand_is_missed_where_the_other_photo_would_show_it() -> None:
    found = lacking(NILSTAT, NYSTATIN, same_place(NILSTAT))
    assert found.most == pytest.approx(1 / 3)
    assert found.least == 0
    assert found.in_view == pytest.approx(np.log(2))
    assert lacking(NYSTATIN, NILSTAT, same_place(NILSTAT)) == found


def test_without_a_place_or_where_print_is_too_small_nothing_is_missed_in_view() -> None:
    assert lacking(NILSTAT, NYSTATIN, None).in_view == 0
    small = read(("Nystatin", 0.1, 0.1), size=(80, 60))
    corners = np.array([[0, 0], [80, 0], [80, 60], [0, 60]], np.float32)
    there = Alignment(Geometry(corners * 8, corners, 40, np.diag([0.125, 0.125, 1.0])), (640, 480), (80, 60), 640)
    assert lacking(NILSTAT, small, there).in_view == 0


@pytest.mark.parametrize("other", ["N ystatin", "Nystatln", "NYSTATIN-X 5 mg", "ystatin"])
def test_what_is_misread_or_cut_is_printed(other: str) -> None:
    assert lacking(NYSTATIN, read((other, 0.1, 0.1), ("Oral Drops", 0.5, 0.06)), None).least == 0


def test_a_photo_that_was_not_read_lacks_nothing() -> None:
    assert lacking(None, NYSTATIN, None).most == 0
    assert lacking(read(), NYSTATIN, None).most == 0
