"""Amounts that the photo has in view and that were not settled."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.catalog.images import ImageFacts
from simsearch.core.types import PrintedFact
from simsearch.features.orb import Geometry
from simsearch.features.reading.types import Cut, Line, Reading
from simsearch.recognition.printed.aligned import Place, corners
from simsearch.recognition.printed.alignment import Alignment
from simsearch.recognition.printed.doubts import differ, not_settled
from simsearch.recognition.printed.lines import Judgement, Relation, judge

SIZE = 400


def catalog(*texts: str, confidence: float = 0.99, height: float = 30.0) -> Reading:
    """One line below the other, the first the largest."""
    lines = []
    for i, text in enumerate(texts):
        top, high = 60.0 * i + 10, height - 2 * i
        quad = np.array([[20, top], [220, top], [220, top + high], [20, top + high]], np.float32) / np.float32(SIZE)
        lines.append(Line(text, confidence, quad, (Cut(text, confidence), Cut(text, confidence))))
    return Reading(tuple(lines), SIZE, SIZE)


def shifted(pixels: float = 0.0) -> Alignment:
    """The photo shows the catalog's picture, moved to the left by so much."""
    xy = np.array([[0, 0], [SIZE, 0], [SIZE, SIZE], [0, SIZE]] * 10, np.float32)
    there = np.array([[1, 0, pixels], [0, 1, 0], [0, 0, 1]], np.float64)
    return Alignment(Geometry(xy, xy, 40, there), (SIZE, SIZE), (SIZE, SIZE), SIZE)


def places(reading: Reading, *photo: tuple[str, float]) -> list[Place]:
    """What the photo says at the first lines."""
    found = []
    for i, said in enumerate(photo):
        quad = corners(reading.lines[i].quad.astype(np.float64))
        found.append(Place(judge([Cut(*said)] * 2, reading.lines[i].cuts), quad, quad, i))
    return found


def kinds(reading: Reading, *photo: tuple[str, float], agree: tuple[PrintedFact, ...] = ()) -> list[str]:
    return [fact.kind for fact in not_settled(places(reading, *photo), reading, None, shifted(), agree)]


@pytest.mark.parametrize(
    ("ours", "theirs", "doubts"),
    [
        (("500 mg", 0.9), "500 mg", []),
        (("", 0.1), "500 mg", ["strength"]),  # nothing can be read where it stands
        (("mg", 0.99), "500 mg", ["strength"]),
        (("490 mg", 0.93), "400 mg", ["strength"]),  # not sure enough to contradict
        (("250 mg", 0.99), "500 mg", []),  # a contradiction needs no doubt
        (("500 ng", 0.9), "500 mg", []),  # a misread unit
        (("05 mg", 0.9), "0.5 mg", []),
        (("0.259", 0.93), "0.25%", []),  # the percent sign was taken for a 9
        (("20 tablets", 0.7), "28 tablets", ["pack"]),
        (("1 vip", 0.9), "1 pre-filled syringe", ["pack"]),
        (("5 ml", 0.9), "15 ml", ["volume"]),
        (("", 0.1), "HEMIPAN", []),  # no amount
        (("", 0.1), "EXP 05/2027", []),
    ],
)
def test_what_stands_at_its_place_settles_an_amount_or_does_not(
    ours: tuple[str, float], theirs: str, doubts: list[str]
) -> None:
    assert kinds(catalog(theirs), ours) == doubts


def test_of_each_kind_the_largest_line_counts() -> None:
    both = catalog("HEMIPAN 500 mg", "Paracetamol 500 mg")
    assert kinds(both, ("HEMIPAN 500 mg", 0.99), ("", 0.1)) == []
    assert kinds(both, ("", 0.1), ("", 0.1)) == ["strength"]
    assert kinds(both, ("", 0.1), ("Paracetamol 500 mg", 0.99)) == ["strength"]
    assert kinds(catalog("500 mg", "24 tablets"), ("", 0.1), ("", 0.1)) == ["strength", "pack"]


def test_what_agrees_elsewhere_settles_it() -> None:
    here = catalog("500 mg")
    assert kinds(here, ("", 0.1), agree=(PrintedFact("strength", "0.5 g", "500 mg"),)) == []
    assert kinds(here, ("", 0.1), agree=(PrintedFact("strength", "65 mg", "65 mg"),)) == ["strength"]
    assert (
        kinds(catalog("5 mg of Amlodipine"), ("", 0.1), agree=(PrintedFact("line", "CARDISAN 5", "CARDISAN 5"),)) == []
    )
    assert kinds(catalog("5 mg"), ("6 mg", 0.9), agree=(PrintedFact("line", "CARDISAN 5", "CARDISAN 5"),)) == [
        "strength"
    ]
    assert kinds(catalog("30 tablets"), ("", 0.1), agree=(PrintedFact("pack", "3 x 10 tablets", "30"),)) == []


def test_what_the_catalog_is_not_sure_of_or_the_table_does_not_state_leaves_no_doubt() -> None:
    assert kinds(catalog("500 mg", confidence=0.7), ("", 0.1)) == []
    here, row = catalog("65 mg"), ImageFacts(1, "", "", "front", "", "sku", "Hemipan", "500 mg", "", "", {})
    assert not_settled(places(here, ("", 0.1)), here, row, shifted(), []) == []
    guessed = catalog("500 mg", confidence=0.7)  # but the table says so, too
    assert [f.kind for f in not_settled(places(guessed, ("", 0.1)), guessed, row, shifted(), [])] == ["strength"]


def test_a_line_out_of_view_leaves_no_doubt_and_a_strength_that_is_cut_off_does() -> None:
    here = catalog("500 mg")
    assert not_settled([], here, None, shifted(), []) == []
    [fact] = not_settled([], here, None, shifted(100.0), [])
    assert (fact.kind, fact.photo, fact.catalog) == ("strength", "", "500 mg")
    assert not_settled([], here, None, shifted(300.0), []) == []
    tablets = catalog("20 tablets")
    assert not_settled([], tablets, None, shifted(100.0), []) == []  # a count may stand at the edge of any photo


def test_grams_of_a_tube_are_no_strength() -> None:
    here = catalog("30 g", "Gel")
    assert kinds(here, ("", 0.1)) == ["volume"]


def test_a_doubt_differs_where_both_sides_name_an_amount() -> None:
    assert differ(PrintedFact("strength", "490 mg", "400 mg", confidence=0.9))
    assert differ(PrintedFact("strength", "5 mg", "2.5 mg", confidence=0.9))
    assert not differ(PrintedFact("strength", "mg", "400 mg", confidence=0.9))
    assert not differ(PrintedFact("strength", "490 mg", "400 mg", confidence=0.5))


def test_the_judgement_of_an_unread_place_holds_the_catalogs_text() -> None:
    assert judge([Cut("", 0.1)], [Cut("500 mg", 0.9)] * 2) == Judgement(
        Relation.UNREAD, catalog="500 mg", confidence=0.1
    )
