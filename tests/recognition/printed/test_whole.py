"""What two whole photos say of amounts, where no place is known."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.features.reading.content import content
from simsearch.features.reading.types import Cut, Line, Reading
from simsearch.recognition.printed.facts import Said, said
from simsearch.recognition.printed.table import Stated, against_table
from simsearch.recognition.printed.whole import against_print, differing, is_sure


def cut_line(text: str, confidence: float, *cuts: tuple[str, float]) -> Said:
    quad = np.array([[0.1, 0.1], [0.5, 0.1], [0.5, 0.2], [0.1, 0.2]], np.float32)
    return Said(Line(text, confidence, quad, tuple(Cut(*cut) for cut in cuts)), content(text))


@pytest.mark.parametrize(
    ("line", "sure"),
    [
        (cut_line("250 mg", 0.98), True),
        (cut_line("250 mg", 0.94), False),
        (cut_line("250 mg", 0.94, ("250 mg", 0.9), ("250 mg", 0.8)), True),
        (cut_line("250 mg", 0.94, ("250 mg", 0.9), ("250 mg", 0.5)), False),
        (cut_line("250 mg", 0.89, ("250 mg", 0.85), ("250 mg", 0.8)), False),
        (cut_line("250 mg", 0.94, ("260 mg", 0.9), ("250 mg", 0.9)), False),
        (cut_line("250 mg 1", 0.94, ("250 mg", 0.9), ("250 mg", 0.9)), False),
    ],
)
def test_a_line_is_believed_at_once_or_where_both_cuts_say_the_same(line: Said, sure: bool) -> None:
    assert is_sure(line, "strength") is sure


def test_amounts_differ_also_where_nobody_is_sure_of_them() -> None:
    def count(a: list[Said], b: list[Said]) -> int:
        photo, catalog = (Reading(tuple(s.line for s in side), 640, 480) for side in (a, b))
        return len(differing(photo, catalog, said(photo), said(catalog)))

    one, two, number, tens = (cut_line(t, 0.8) for t in ("1 mg", "10 mg", "300", "10 tablets"))
    assert count([one], [two]) == 1
    assert count([one], [one]) == 0
    assert count([one], [number]) == 1  # the unit was lost
    assert count([number], [cut_line("300 mg", 0.8)]) == 0
    assert count([one, tens], [two, cut_line("20 tablets", 0.8)]) == 2
    assert count([one], []) == 0


def against(ours: list[Said], theirs: list[Said]) -> list[tuple[str, str, str]]:
    found = against_print(ours, theirs, lambda line: line)
    assert not (found.against and found.doubts)
    return [(fact.kind, fact.photo, fact.catalog) for fact in found.against]


def doubts(ours: list[Said], theirs: list[Said]) -> list[str]:
    return [fact.kind for fact in against_print(ours, theirs, lambda line: line).doubts]


def thrice(text: str, confidence: float = 0.99) -> Said:
    return cut_line(text, confidence, (text, confidence), (text, confidence))


def test_two_volumes_that_stand_alone_contradict() -> None:
    assert against([thrice("60 ml")], [thrice("100 ml")]) == [("volume", "60 ml", "100 ml")]
    assert against([thrice("60 ml")], [thrice("60 ml")]) == []
    assert against([thrice("60 ml"), thrice("5 ml")], [thrice("100 ml")]) == []  # which of the two is it?
    assert against([thrice("shake 60 ml well")], [thrice("100 ml")]) == []


def test_a_number_that_may_be_a_part_of_the_other_is_believed_by_all_its_readings_alone() -> None:
    assert against([thrice("5 ml")], [thrice("15 ml")]) == [("volume", "5 ml", "15 ml")]
    assert against([thrice("5 ml", 0.96)], [thrice("15 ml")]) == []
    assert against([cut_line("5 ml", 0.99)], [thrice("15 ml")]) == []
    assert against([thrice("5 mg")], [thrice("25 mg")]) == [("strength", "5 mg", "25 mg")]
    assert against([cut_line("5 mg", 0.99)], [thrice("25 mg")]) == []
    assert against([cut_line("50 mg", 0.99)], [thrice("75 mg")]) == [("strength", "50 mg", "75 mg")]


def test_amounts_that_differ_without_confidence_are_a_doubt() -> None:
    assert doubts([thrice("5 mg", 0.96)], [thrice("25 mg")]) == ["strength"]
    assert doubts([cut_line("24 tablets", 0.8)], [thrice("48 tablets")]) == ["pack"]
    assert doubts([thrice("60 ml", 0.8)], [thrice("100 ml")]) == ["volume"]
    assert doubts([thrice("60 ml")], [thrice("100 ml")]) == []  # a contradiction
    assert doubts([thrice("shake 60 ml well", 0.8)], [thrice("100 ml")]) == []  # a dose
    assert doubts([thrice("5 mg", 0.96), thrice("65 mg", 0.9)], [thrice("25 mg")]) == []  # which of the two is it?


def test_forms_contradict_where_no_form_of_one_side_is_one_of_the_other() -> None:
    tablets, drops = thrice("Tablets BP"), thrice("Eye drops")
    assert against([tablets], [drops]) == [("form", "Tablets BP", "Eye drops")]
    assert against([tablets], [drops, thrice("tablets")]) == []
    assert against([tablets], [thrice("Prednisolone")]) == []
    assert against([thrice("Oral drops")], [thrice("Suspension")]) == []  # drops that are a suspension
    assert doubts([cut_line("Tablets", 0.9)], [drops]) == ["form"]


def test_digits_that_look_alike_are_believed_by_all_their_readings_alone() -> None:
    agreeing = cut_line("490 mg", 0.94, ("490 mg", 0.93), ("490 mg", 0.92))
    assert against([agreeing], [thrice("400 mg")]) == []
    assert doubts([agreeing], [thrice("400 mg")]) == ["strength"]
    assert against([agreeing], [thrice("200 mg")]) == [("strength", "490 mg", "200 mg")]
    assert against([thrice("490 mg")], [thrice("400 mg")]) == [("strength", "490 mg", "400 mg")]


def test_dates_behind_a_strength_are_not_compared() -> None:
    ours, theirs = thrice("HEMILEX 100 mg EXP 11/27"), thrice("HEMILEX 100 mg EXP 05/28")
    assert against([ours], [theirs]) == []
    assert doubts([ours], [theirs]) == []
    assert against([ours], [thrice("HEMILEX 200 mg EXP 11/27")]) == [("strength", "100 mg", "200 mg")]


def test_volumes_and_grams_of_the_table() -> None:
    def found(photo: list[Said], pack: str, form: str = "") -> tuple[list[str], list[str], list[str]]:
        told = against_table(photo, Stated("", pack, form), lambda line: line)
        agree, differ, open_ = ([fact.kind for fact in side] for side in (told.agree, told.against, told.doubts))
        return agree, differ, open_

    assert found([thrice("60 ml")], "60 ml") == (["volume"], [], [])
    assert found([thrice("60 ml")], "100 ml") == ([], ["volume"], [])
    assert found([thrice("60 ml", 0.8)], "100 ml") == ([], [], ["volume"])
    assert found([thrice("60 ml"), thrice("100 ml")], "60 ml") == (["volume"], [], [])
    assert found([thrice("shake 5 ml well")], "60 ml") == ([], [], [])  # a dose
    assert found([thrice("10 ampoules")], "2 ml") == ([], [], [])
    gram = cut_line("30 g", 0.99, ("30 g", 0.99), ("30 g", 0.99))
    cream = Said(gram.line, content("30 g", "cream"))
    assert found([cream], "20 g", "cream") == ([], ["volume"], [])
