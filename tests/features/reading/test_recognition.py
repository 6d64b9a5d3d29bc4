"""Decoding by CTC, and single lines."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.features.reading.recognition import alphabet, decoded, recognise
from tests.features.reading.prints import line

CHARACTERS = ("", *"50mg", " ")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("", ""),
        ("---", ""),
        ("5", "5"),
        ("555", "5"),
        ("5-5", "55"),
        ("-5-0-0-", "500"),
        ("500", "50"),  # a repeat without a blank between is one character
        ("5500--0 mmg", "500 mg"),
        (" -m", " m"),
    ],
)
def test_repeats_are_one_character_and_blanks_none(path: str, text: str) -> None:
    steps = np.full((len(path), len(CHARACTERS)), 0.02, np.float32)
    for step, character in enumerate(path):
        steps[step, 0 if character == "-" else CHARACTERS.index(character)] = 0.9
    found, confidence = decoded(steps, CHARACTERS)
    assert found == text
    assert confidence == pytest.approx(0.9 if text else 0.0)


def test_the_confidence_is_the_mean_where_characters_begin() -> None:
    steps = np.array([[0.1, 0.9, 0, 0, 0, 0], [0.4, 0.6, 0, 0, 0, 0], [0.3, 0, 0.7, 0, 0, 0]], np.float32)
    text, confidence = decoded(steps, CHARACTERS)
    assert text == "50"
    assert confidence == pytest.approx(0.8)


def test_the_alphabet_is_the_models() -> None:
    pytest.importorskip("onnxruntime")
    characters = alphabet()
    assert len(characters) == len(set(characters)) == 18710
    assert (characters[0], characters[-1]) == ("", " ")
    assert set("0Az%.,/µ®™½äéşβ°") <= set(characters)


@pytest.mark.parametrize("text", ["500 mg", "HEMIPAN", "24 tablets", "5 mg/ml", "0.05 %", "3 x 10"])
@pytest.mark.parametrize("size", [24, 48, 120])
def test_a_line_is_read(text: str, size: int) -> None:
    pytest.importorskip("onnxruntime")
    found, confidence = recognise(line(text, size))
    assert found.replace(" ", "") == text.replace(" ", "")
    assert confidence > 0.75


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (48, 3), (3, 3000)])
def test_any_cut_gives_something(shape: tuple[int, int]) -> None:
    pytest.importorskip("onnxruntime")
    text, confidence = recognise(np.full((*shape, 3), 200, np.uint8))
    assert isinstance(text, str)
    assert 0 <= confidence <= 1
