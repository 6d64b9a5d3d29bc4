"""Letters taken for others, weighed between two sides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsearch.recognition.printed import digits
from simsearch.recognition.printed.spelling import distance, likeness, same_word, within


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("amoxicilin", "amoxicillin"), ("arnoxicillin", "amoxicillin"), ("paracetam0l", "paracetamol"),
        ("coamoxiclav", "coarnoxiclav"), ("lisinopril", "1isinopri1"), ("8etnesol", "betnesol"),
    ],
)  # fmt: skip
def test_one_word_misread(a: str, b: str) -> None:
    assert same_word(a, b)
    assert same_word(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("hydroxyzine", "hydralazine"), ("metro", "armetro"), ("dolo", "dolophine"), ("pantoloc", "pantocid"),
        ("evion", "ezion"), ("fa", "f"), ("lisinopril", "risinoprim"),
    ],
)  # fmt: skip
def test_two_words(a: str, b: str) -> None:
    assert not same_word(a, b)
    assert not same_word(b, a)


def test_it_is_a_distance() -> None:
    assert distance("lisinopril", "lisinopril") == 0
    assert distance("ab", "") == 2
    assert distance("rn", "m") == distance("m", "rn") == pytest.approx(0.2)
    assert likeness("", "") == 0
    assert likeness("500 mg", "500 mg") == 1


@given(st.text("0oqmrnclduvi1ae", max_size=9), st.text("0oqmrnclduvi1ae", max_size=9), st.floats(0, 4))
def test_what_spares_comparisons_changes_none(a: str, b: str, most: float) -> None:
    assert within(a, b, most) == (distance(a, b) <= most)


def test_numbers_are_cut_out_of_words() -> None:
    assert digits.numbers("1,5 mg ٥٠٠ x 3") == ("1.5", "500", "3")
