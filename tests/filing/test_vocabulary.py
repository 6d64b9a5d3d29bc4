"""Names and makers that a photo prints, of those that the rows of a catalog hold; and pills against their columns."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.catalog.selection import ProductFacts
from simsearch.features.pills.looks import LOOK
from simsearch.features.reading import Line, Reading
from simsearch.filing.pill_words import pills_apart
from simsearch.filing.vocabulary import Vocabulary, own_words


def product(sku: str, name: str, maker: str = "") -> ProductFacts:
    return ProductFacts(0, sku, name, "5 mg", "tablet", maker, {})


def read(*texts: str) -> Reading:
    quad = np.array([[0.1, 0.1], [0.6, 0.1], [0.6, 0.2], [0.1, 0.2]], np.float32)
    return Reading(tuple(Line(text, 0.99, quad) for text in texts), 800, 600)


ROWS = [
    product("P", "Panadol", "Haleon"), product("PE", "Panadol Extra", "Haleon"), product("I", "Ibugel", "Dermal Labs"),
    product("N", "", "Novartis Pharma AG"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "own", "expected"),
    [
        (["Panadol Extra", "500 mg"], "P", ["PE"]),
        (["Panadol Extra"], "PE", []),  # the shorter name is a part of its own
        (["Panadol Extra"], "I", ["PE", "P"]),
        (["PANADOL"], "I", ["P"]),
        (["Pan", "adol 5 mg tablets"], "I", []),
        (["Caffeine, Panadol, Codeine phosphate"], "I", []),  # an ingredient among others
        ([], "I", []),
    ],
)
def test_names_that_a_photo_prints_whole(lines: list[str], own: str, expected: list[str]) -> None:
    assert Vocabulary(ROWS).named(read(*lines), own) == expected
    assert Vocabulary(ROWS[::-1]).named(read(*lines), own) == expected
    assert Vocabulary(ROWS).named(None, own) == []


def test_a_maker_speaks_against_another_only_where_its_own_words_are_read() -> None:
    makers = Vocabulary(ROWS).makers(read("Ibugel", "Novartis", "Pharma AG"))
    assert makers.instead("Haleon") == "Novartis Pharma AG"
    assert (makers.instead("Novartis"), makers.agree("NOVARTIS (Pakistan) Ltd")) == ("", True)
    assert makers.instead("Pharma Ltd") == "", "no word of it is its own"
    assert Vocabulary(ROWS).makers(read("Ibugel")).instead("Haleon") == ""


def test_words_that_many_makers_have_are_not_their_own() -> None:
    assert own_words("Dermal Laboratories Ltd") == ("dermal",)
    assert own_words("Pharmaceutical Co.") == own_words("AB 12") == ()


def pill(lab: tuple[float, float, float]) -> np.ndarray:
    look = np.zeros(1, LOOK)
    look["colours"] = np.array([lab, lab])
    look["ratio"] = 1.0
    return look


def test_a_white_pill_fits_white_better_than_red_and_unknown_words_say_nothing() -> None:
    white = pill((92.0, 0.0, 2.0))
    [fits] = pills_apart(white, {"color": "WHITE"})
    [apart] = pills_apart(white, {"Colour": "RED"})
    assert (fits.kind, apart.kind, apart.theirs, fits.ours) == ("colour", "colour", "RED", apart.ours)
    assert fits.apart < 0.5
    assert apart.apart > 3.0
    assert pills_apart(white, {"color": "see leaflet"}) == []
    assert pills_apart(white, {"name": "x"}) == pills_apart(white[:0], {"color": "WHITE"}) == []
