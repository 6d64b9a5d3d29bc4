"""Strengths of combinations and numbers of names, against rows."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.catalog.images import ImageFacts
from simsearch.features.reading import Line, Reading
from simsearch.filing.row_amounts import strength_said

QUAD = np.array([[0.1, 0.1], [0.6, 0.1], [0.6, 0.2], [0.1, 0.2]], np.float32)


def said(strength: str, name: str, *lines: str) -> tuple[bool, str]:
    facts = ImageFacts(1, "", "", "front", "", "A", name, strength, "", "", {})
    return strength_said(Reading(tuple(Line(text, 0.99, QUAD) for text in lines), 800, 600), facts)


@pytest.mark.parametrize(
    ("strength", "lines"),
    [
        ("400 mcg + 12 mcg", ["400+12"]),
        ("100 mg + 50 mg", ["Phenytoin / Phenobarbital 100/50", "100 Scored Tablets"]),
        ("25/50 mcg", ["25/50 mcg", "25 micrograms"]),
    ],
)
def test_a_combination_is_said_number_by_number(strength: str, lines: list[str]) -> None:
    assert said(strength, "", *lines) == (True, "")


@pytest.mark.parametrize(
    ("strength", "name", "lines", "other"),
    [
        ("800 mcg + 12 mcg", "Formiget", ["400+12"], "400+12"),
        ("50/50 mcg", "", ["25/50 mcg", "25 micrograms", "50 micrograms"], "25/50 mcg"),
        (
            "1600 mg/10 mL + 160 mg/10 mL", "", ["800 mg/10 mL (80 mg/mL)", "160 mg/10 mL (16 mg/mL)"],
            "800 mg/10 mL (80 mg/mL)",
        ),
        ("7.5", "Dexa-M 7.5", ["DEXA-M 0.75"], "DEXA-M 0.75"),
    ],
)  # fmt: skip
def test_a_row_that_is_wrong_in_one_number_is_told(strength: str, name: str, lines: list[str], other: str) -> None:
    assert said(strength, name, *lines) == (False, other)


@pytest.mark.parametrize(
    ("strength", "name", "lines"),
    [
        ("10 mg + 12.5 mg", "", ["3 x 10 tablets"]),
        ("800 mg/10 mL + 160 mg/10 mL", "", ["800 mg/10 mL (80 mg/mL)", "160 mg/10 mL (16 mg/mL)"]),
        ("500 mg + 125 mg", "", ["200 mg"]),
        ("0.75", "Dexa-M 0.75", ["DEXA-M", "0.75"]),
        ("5 mg", "Betnesol", ["Betnesol 10 ml"]),
        ("80 mg + 5 mg", "", ["M.L. MNB/05/109"]),
        ("500 mg + 7.5 mg + 4 mg", "", ["4 mg", "75 mg"]),
    ],
)
def test_what_may_be_another_number_says_nothing(strength: str, name: str, lines: list[str]) -> None:
    assert said(strength, name, *lines) == (False, "")
