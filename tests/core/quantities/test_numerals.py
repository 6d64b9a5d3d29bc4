"""Numbers with marks of all locales, and texts in one alphabet."""

from __future__ import annotations

from fractions import Fraction

import pytest

from simsearch.core.quantities.numerals import plain, value


@pytest.mark.parametrize(
    ("number", "point", "comma"),
    [
        ("12", 12, 12), ("1.000", 1, 1000), ("1,000", 1000, 1), ("1 000", 1000, 1000), ("1'000", 1000, 1000),
        ("0.5", "1/2", None), ("0,5", None, "1/2"), (".5", "1/2", None), ("1,00,000", 100000, None),
        ("1.000.000", None, 1000000),
        ("1.000,5", None, "2001/2"), ("1,000.5", "2001/2", None), ("12.3456", "30864/2500", None), ("1,2,3",
         None, None),
        ("O.5", "1/2", None), ("10^6", 10**6, 10**6), ("2 x 10^9", 2 * 10**9, 2 * 10**9), ("0.125", "1/8", None),
    ],
)  # fmt: skip
def test_a_number_by_either_mark(number: str, point: str | int | None, comma: str | int | None) -> None:
    assert value(number, ".") == (None if point is None else Fraction(point))
    assert value(number, ",") == (None if comma is None else Fraction(comma))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("５００ｍｇ", "500mg"), ("۵۰۰", "500"), ("٫٥", ".5"), ("10⁶", "10^6"), ("2½", "2.5"), ("µμ", "µµ"),
        ("1\u202f000", "1 000"),
        ("㎎", "mg"), ("میلی\u200cگرم", "میلیگرم"), ("1’000", "1'000"), ("⅓", "⅓"), ("5％", "5%"),
    ],
)  # fmt: skip
def test_a_text_in_one_alphabet(text: str, found: str) -> None:
    assert plain(text)[0] == found


def test_places_lead_back_to_the_text() -> None:
    said, places = plain("a㎎½b")
    assert (said, places) == ("amg.5b", (0, 1, 1, 2, 2, 3, 4))
