"""Normalised text and its likeness."""

from __future__ import annotations

import pytest

from simsearch.features.reading.text import grams, likeness, normalised


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("", ""),
        ("HEMIPAN®", "hemipan"),
        ("  Co-Amoxiclav\t625 ", "co amoxiclav 625"),
        ("0,5 mg", "0.5 mg"),
        ("0.5mg.", "0.5mg"),
        ("No. 30", "no 30"),
        ("I.P.", "i p"),
        ("100 µg", "100 µg"),  # U+00B5, micro sign
        ("100 μg", "100 µg"),  # U+03BC, mu
        ("５００ ｍｇ", "500 mg"),
        ("۵۰۰", "500"),
        ("٥٠٠ mg", "500 mg"),
        ("Straße", "strasse"),
        ("Münster", "munster"),
        ("İlaç", "ilac"),
        ("0.05 % w/w", "0.05 % w w"),
        ("3×10", "3 10"),
        ("a_b", "a b"),
        ("ﬁlm", "film"),
        ("arnoxicillin", "arnoxicillin"),  # what is misread stays misread
        ("PARACETAM0L", "paracetam0l"),
    ],
)
def test_normalised(raw: str, wanted: str) -> None:
    assert normalised(raw) == wanted
    assert normalised(wanted) == wanted


def test_grams_are_of_three_to_five_characters_within_a_line() -> None:
    assert grams(["5 mg"]) == {" 5 ", "5 m", " mg", "mg ", " 5 m", "5 mg", " mg ", " 5 mg", "5 mg "}
    assert grams(["ab", "cd"]) == grams(["cd", "ab"]) == {" ab", "ab ", " ab ", " cd", "cd ", " cd "}
    assert grams([]) == grams(["", "®"]) == frozenset()


def test_likeness() -> None:
    hemipan, same, other = grams(["HEMIPAN 500 mg"]), grams(["hemipan 500 mg."]), grams(["Coversyl"])
    assert likeness(hemipan, same) == 1.0
    assert likeness(hemipan, other) == likeness(other, hemipan) == 0.0
    near = likeness(hemipan, grams(["HEMIPAM 500 mg"]))
    assert 0.4 < near < 1.0
    assert likeness(hemipan, frozenset()) == likeness(frozenset(), frozenset()) == 0.0
