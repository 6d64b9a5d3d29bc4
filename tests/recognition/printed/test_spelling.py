"""Letters taken for others, weighed between two sides."""

from __future__ import annotations

from itertools import compress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsearch.recognition.printed import digits
from simsearch.recognition.printed.spelling import Beside, distance, likeness, same_word, within


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


MISREAD = st.text("0oqmrnclduvi1ae", max_size=14)


@given(MISREAD, st.lists(MISREAD, max_size=5), st.data())
def test_many_texts_at_once_say_what_each_says(word: str, others: list[str], data: st.DataObject) -> None:
    """One of the texts is the word with one piece exchanged, so that some are near."""
    at = data.draw(st.integers(0, len(word)))
    piece = data.draw(st.sampled_from(["", "m", "rn", "d", "cl", "0", "e", "li"]))
    texts = [*others, word[:at] + piece + word[at + data.draw(st.integers(0, 2)) :]]
    edits = data.draw(st.integers(0, 4))
    for some in (texts, texts[:-1]):
        laid, asked = Beside(some), Beside([word, "paracetamol"])
        assert laid.same(asked)[0] == [text for text in some if distance(word, text) <= limit(word, text)]
        may_be = asked.may_be(laid, np.full((2, len(some)), float(edits)))[0]
        assert {text for text in some if distance(word, text) <= edits} <= {*compress(some, may_be)}
    for text in texts:
        assert within(word, text, edits) == (distance(word, text) <= edits)


def limit(a: str, b: str) -> float:
    return max(0.5, max(len(a), len(b)) / 6)


def test_numbers_are_cut_out_of_words() -> None:
    assert digits.numbers("1,5 mg ٥٠٠ x 3") == ("1.5", "500", "3")
