"""The numbers of two lines at one place."""

from __future__ import annotations

import pytest

from simsearch.core.quantities import Comparison
from simsearch.recognition.printed.digits import compare

SAME, OTHER, OPEN = Comparison.EQUAL, Comparison.DIFFERENT, Comparison.UNKNOWN


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        ("500 mg", "5O0 mg", SAME),
        ("15 g", "15 9", OPEN),  # g for 9: as many numbers as there are ways to read it
        ("75 mg", "150 mg", OTHER),
        ("24 Tablets", "48 Tablets", OTHER),
        ("300", "30", OPEN),  # cut at its end
        ("300 mg", "30", OPEN),
        ("25 mg", "5 mg", OPEN),  # cut at its beginning
        ("24 Tablets", "4 Tablets", OPEN),
        ("1 mg", "10 mg", OTHER),  # the unit stands behind it: nothing was cut there
        ("2 g", "250 mg", OTHER),
        ("Normon 1 mg", "10 mg", OTHER),
        ("CARVILOL 25", "CARVILOL 6.25", OTHER),  # a word stands before it
        ("Tablet 25 mg", "Tablet 5 mg", OTHER),
        ("Melitracen 10 mg", "Melitracen (0 mg", OPEN),  # a mark may be a misread digit
        ("1:1000", "1:100", OPEN),  # one of two equal digits is lost easily
        ("50 mg", "500 mg", OPEN),
        ("0.5 mg + 10 mg", "0.5 mg + 20 mg", OTHER),
        ("0.5 mg + 10 mg", "0.5 mg", OPEN),
        ("0.25%", "0.259", SAME),  # the percent sign was taken for a 9
        ("5%", "10%", OTHER),
        ("HEMIPAN", "500 mg", OPEN),
    ],
)
def test_numbers_are_compared_as_digits_where_nothing_was_cut(a: str, b: str, wanted: Comparison) -> None:
    assert compare(a, b) is wanted
    assert compare(b, a) is wanted
