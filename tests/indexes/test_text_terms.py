"""Terms: the same numbers in every process, and n-grams and words as reading has them."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from simsearch.features.reading.text import grams, normalised
from simsearch.indexes.text_terms import grams_of, place, places, term, text_of, texts_of, word_term

LINES = ["HEMIPAN® 500 mg", "24 Tablets", "Für Kinder ab 6", "Dolo"]


def test_texts_of_many_documents_are_those_of_each() -> None:
    documents = [LINES, [], ["a"], ["µg 💊 中文", "Kinder 6"], ["", "  "], LINES[::-1], ["x" * 300]]
    for count in (len(documents), 2, 1, 0):
        together = texts_of(documents[:count])
        assert len(together) == count
        for text, lines in zip(together, documents, strict=False):
            alone = text_of(lines)
            assert np.array_equal(text.terms, alone.terms)
            assert np.array_equal(text.words, alone.words)


def test_a_text_holds_its_n_grams_and_its_words() -> None:
    text = text_of(LINES)
    words = {word for line in LINES for word in normalised(line).split()}
    assert text.words.tolist() == sorted(map(word_term, words))
    assert set(text.terms.tolist()) == set(grams_of(grams(LINES)).tolist()) | set(text.words.tolist())
    assert text.terms.dtype == np.uint32
    assert (np.diff(text.terms.astype(np.int64)) > 0).all()


def test_lines_are_parted_and_their_order_does_not_count() -> None:
    assert np.array_equal(text_of(LINES).terms, text_of([*LINES[::-1], *LINES]).terms)
    assert term("r 6") not in text_of(["Kinder", "6"]).terms
    assert term("r 6") in text_of(["Kinder 6"]).terms


def test_a_short_word_is_an_n_gram_with_both_its_ends() -> None:
    assert word_term("mg") == term(" mg ")
    assert word_term("dolo") != term("dolo")
    assert term("hemipan") == word_term("hemipan")


def test_one_term_is_what_it_is_among_many() -> None:
    grams_and_words = ["abc", "µ™x", "💊💊💊", " a ", "tablets", "ab", "\ud800xy"]
    assert grams_of(grams_and_words).tolist() == sorted(map(term, grams_and_words))
    assert places(np.array([7, 2**32 - 1], np.uint32)).tolist() == [place(7), place(2**32 - 1)]


@pytest.mark.parametrize("lines", [[], [""], ["®", " - "]])
def test_nothing_to_read_is_an_empty_text(lines: list[str]) -> None:
    text = text_of(lines)
    assert not text
    assert len(text.terms) == len(text.words) == 0


def test_any_text_is_taken() -> None:
    assert text_of(["a", "µ", "中文", "\ud800 x", "💊" * 9, "x" * 5000])


def test_terms_are_the_same_in_every_process() -> None:
    code = "from simsearch.indexes.text_terms import *; print(term('abc'), word_term('tablets'))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert said == {f"{term('abc')} {word_term('tablets')}\n"}
    assert (term("abc"), word_term("tablets")) == (GOLDEN["abc"], GOLDEN["tablets"])


GOLDEN = {"abc": 934986292, "tablets": 2905486587}
"""An index on disk holds these numbers: where they change, its kind has to change its name."""
