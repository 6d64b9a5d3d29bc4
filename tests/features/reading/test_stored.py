"""A reading as bytes and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsearch.features.reading import Cut, Line, Reading, decode, encode
from simsearch.features.reading.stored import MOST_BYTES, MOST_LINES

QUAD = np.array([[0.1, 0.2], [0.5, 0.25], [0.5, 0.4], [-0.1, 1.4]], np.float32)
CUTS = (Cut("HEMIPAN® 500 µg", 0.9), Cut("PAN® 500", 0.8))
TWO = Reading((Line("HEMIPAN® 500 µg", 0.98, QUAD, CUTS), Line("٥٠٠ مجم 錠", 0.6, QUAD[::-1].copy())), 1200, 1600)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    words = st.text(st.characters(codec="utf-8"), max_size=40)
    texts = draw(st.lists(words, max_size=6))
    corner = st.floats(-1.875, 1.875, width=32)
    quads = [np.array(draw(st.tuples(*[corner] * 8)), np.float32).reshape(4, 2) for _ in texts]
    cuts = st.lists(st.builds(Cut, words, st.floats(0, 1)), max_size=2).map(tuple)
    lines = [Line(text, draw(st.floats(0, 1)), quad, draw(cuts)) for text, quad in zip(texts, quads, strict=True)]
    return Reading(tuple(lines), draw(st.integers(1, 89_478_485)), draw(st.integers(1, 89_478_485)))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(readings())
def test_a_reading_comes_back(reading: Reading) -> None:
    data = encode(reading)
    assert data.dtype == np.uint8
    assert data.ndim == 1
    found = decode(data)
    assert (found.width, found.height) == (reading.width, reading.height)
    assert [line.text for line in found.lines] == [line.text for line in reading.lines]
    for line, given_line in zip(found.lines, reading.lines, strict=True):
        assert line.confidence == pytest.approx(given_line.confidence, abs=1 / 255)
        assert line.quad.dtype == np.float32
        np.testing.assert_allclose(line.quad, given_line.quad, atol=1 / 16384)
        assert [cut.text for cut in line.cuts] == [cut.text for cut in given_line.cuts]
        for cut, given_cut in zip(line.cuts, given_line.cuts, strict=True):
            assert cut.confidence == pytest.approx(given_cut.confidence, abs=1 / 255)
    assert np.array_equal(encode(found), data)


def test_it_is_small_and_bounded() -> None:
    assert len(encode(Reading((), 640, 480))) == 18
    assert len(encode(TWO)) < 120
    far = np.full((4, 2), 1e9, np.float32)
    cuts = (Cut("ё" * 301 + "1", 1.0), Cut("e" * 300, 1.0), Cut("one too many", 1.0))
    long = Reading(tuple(Line("ё" * 300, 2.0, far, cuts) for _ in range(MOST_LINES + 50)), 1, 1)
    data = encode(long)
    assert len(data) <= 18 + MOST_LINES * (19 + MOST_BYTES + 2 * (2 + MOST_BYTES)) == 157_018
    found = decode(data)
    assert len(found.lines) == MOST_LINES
    assert {line.text for line in found.lines} == {"ё" * 127}  # 254 bytes: no half of a character
    assert {line.cuts[1].text for line in found.lines} == {"e" * MOST_BYTES}


def test_every_changed_byte_and_every_cut_is_noticed() -> None:
    data = encode(TWO)
    for place in range(len(data)):
        for bit in (1, 128):
            damaged = data.copy()
            damaged[place] ^= bit
            if 4 <= place < 12:  # width and height are not under the checksum
                continue
            with pytest.raises(ValueError, match="reading"):
                decode(damaged)
        with pytest.raises(ValueError, match="reading"):
            decode(data[:place])
    with pytest.raises(ValueError, match="reading"):
        decode(np.append(data, np.uint8(0)))


def test_the_format_is_pinned() -> None:
    cuts = (Cut("5 mg", 0.5), Cut("15 m9", 1.0))
    assert encode(Reading((Line("5 mg", 0.5, QUAD, cuts),), 640, 480)).tobytes().hex() == PINNED


def test_a_reading_of_the_first_format_is_read() -> None:
    found = decode(np.frombuffer(bytes.fromhex(FIRST), np.uint8))
    assert [(line.text, line.cuts) for line in found.lines] == [("5 mg", ())]
    assert (found.width, found.height) == (640, 480)


PINNED = "5244473280020000e001000001005ea192d06606cd0c0020001000209a199af99a5980040235206d6780ffff053135206d39"
FIRST = "5244473180020000e00100000100e7ab951f6606cd0c0020001000209a199af99a59800435206d67"
