"""Names of siblings, as they are printed on their photos."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simsearch.catalog.images import ImageFacts
from simsearch.features.orb import Geometry
from simsearch.features.reading import Line, Reading
from simsearch.recognition.print_names import longer_names, name_facts
from simsearch.recognition.printed.alignment import Alignment

SIZE = 400


def facts(name: str) -> ImageFacts:
    return ImageFacts(1, "", "", "front", "", name, name, "10 mg", "capsule", "", {})


def reading(*lines: str, confidence: float = 0.95) -> Reading:
    found = []
    for i, text in enumerate(lines):
        top, bottom = 0.1 + 0.2 * i, 0.2 + 0.2 * i
        quad = np.array([[0.1, top], [0.9, top], [0.9, bottom], [0.1, bottom]], np.float32)
        found.append(Line(text, confidence, quad))
    return Reading(tuple(found), SIZE, SIZE)


def alignment(reach: float = 1.0) -> Alignment:
    """Both pictures show the same; the points that agree reach over so much of their height."""
    xy = np.array([[0, 0], [SIZE, 0], [SIZE, reach * SIZE], [0, reach * SIZE]], np.float32)
    return Alignment(Geometry(xy, xy, 4, np.eye(3)), (SIZE, SIZE), (SIZE, SIZE), SIZE)


def told(a: tuple[str, Reading], b: tuple[str, Reading], along: Alignment | None = None) -> tuple[list[str], list[str]]:
    sides = [(read, facts(name)) for name, read in (a, b)]
    agree, against = name_facts(sides[0], sides[1], along)
    return [f"{f.photo} = {f.catalog}" for f in agree], [f"{f.photo} / {f.catalog}" for f in against]


PLAIN, FORTE = ("Denivir", reading("DENIVIR", "10 mg")), ("Denivir Forte", reading("DENIVIR FORTE", "10 mg"))


def test_equal_names_agree_where_both_are_read() -> None:
    assert told(PLAIN, PLAIN) == (["DENIVIR = DENIVIR"], [])
    assert told(PLAIN, ("Denivir", reading("10 mg"))) == ([], [])


@pytest.mark.parametrize(
    ("one", "other"),
    [("Tabritin", "Tabrithal"), ("Renaralor", "Renaralex"), ("Kalopril", "Hexotec"), ("Obriran Neo", "Obriran CR")],
)
def test_two_names_contradict_where_each_photo_says_its_own(one: str, other: str) -> None:
    a, b = (one, reading(one.upper())), (other, reading(other.upper()))
    assert told(a, b) == ([], [f"{one.upper()} / {other.upper()}"])
    assert told(b, a)[1]
    assert told(a, (other, reading("another face"))) == ([], [])
    assert told(a, (other, reading(f"{one} and {other}"))) == ([], []), "a photo may show two names"


def test_a_word_of_one_name_is_missed_only_where_its_place_is_in_view() -> None:
    assert told(PLAIN, FORTE, alignment()) == ([], ["DENIVIR / DENIVIR FORTE"])
    assert told(FORTE, PLAIN, alignment()) == ([], ["DENIVIR FORTE / DENIVIR"])
    assert told(FORTE, PLAIN, alignment(reach=0.05)) == ([], ["DENIVIR FORTE / DENIVIR"]), "the other name is there"
    assert told(FORTE, PLAIN) == ([], [])
    apart = ("Denivir Forte", reading("DENIVIR", "10 mg", "FORTE"))
    assert told(apart, PLAIN, alignment(reach=0.4)) == ([], []), "the other photo ends before it"


def test_a_single_letter_counts_beside_the_name_alone() -> None:
    plain, d = ("Avanbren", reading("AVANBREN", "Vitamin D")), ("Avanbren D", reading("AVANBREN D"))
    assert told(plain, d, alignment()) == ([], ["AVANBREN / AVANBREN D"])
    assert told(d, ("Avanbren H", reading("AVANBREN H"))) == ([], ["AVANBREN D / AVANBREN H"])
    assert told(("Avanbren", reading("AVANBREN", "D")), d, alignment()) == ([], []), "a line of its own may be it"


def test_what_is_misread_or_unsure_contradicts_nothing() -> None:
    assert told(("Denivir", reading("DENIVlR")), ("Denivir", reading("DENIVIR"))) == (["DENIVlR = DENIVIR"], [])
    unsure = ("Denivir Forte", reading("DENIVIR FORTE", confidence=0.7))
    assert told(unsure, PLAIN, alignment()) == ([], [])


def test_the_sign_of_a_trade_mark_belongs_to_no_name() -> None:
    a, b = ("Rovisaran Plus", reading("Rovisaran Plus™")), ("Rovisaran Duo", reading("Rovisaran DuoT"))
    assert told(a, b) == ([], ["Rovisaran Plus™ / Rovisaran DuoT"])
    assert told(a, ("Rovisaran", reading("Rovisaran™M")), alignment()) == ([], ["Rovisaran Plus™ / Rovisaran™M"])


def test_names_that_are_printed_alike_do_not_contradict() -> None:
    """The catalog's names differ, the packages do not: one product under two names."""
    both = reading("PANADOL", "Paracetamol")
    assert told(("Panadol", both), ("Paracetamol", both)) == ([], [])


# -- without a table -------------------------------------------------------------------------------------------------


def longer(a: Reading, b: Reading) -> list[str]:
    return [f"{f.photo} / {f.catalog}" for f in longer_names(a, b, alignment())]


def test_a_word_more_between_the_same_ends_is_another_name() -> None:
    plain, forte = reading("DENIVIR®", "10 mg"), reading("DENIVIR FORTE®", "10 mg")
    assert longer(plain, forte) == ["DENIVIR® / DENIVIR FORTE®"]
    assert longer(forte, plain) == ["DENIVIR FORTE® / DENIVIR®"]
    assert longer(plain, plain) == longer(plain, reading("DENIVIR TM", "10 mg")) == []
    assert longer(plain, reading("DENIVIR FORTE", confidence=0.9)) == []


def test_a_word_that_was_overlooked_is_none() -> None:
    short = reading("DENIVIR")
    cut = replace(short.lines[0], quad=short.lines[0].quad * np.array([0.6, 1.0], np.float32))
    assert longer(replace(short, lines=(cut,)), reading("DENIVIR FORTE")) == []
    assert longer(reading("DENIVIR tablets"), reading("DENIVIR")) == [], "a form is no name"
