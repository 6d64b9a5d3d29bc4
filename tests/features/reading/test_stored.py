"""A reading as bytes and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsearch.features.reading import Line, Reading, decode, encode
from simsearch.features.reading.stored import MOST_BYTES, MOST_LINES

QUAD = np.array([[0.1, 0.2], [0.5, 0.25], [0.5, 0.4], [-0.1, 1.4]], np.float32)
TWO = Reading((Line("HEMIPAN® 500 µg", 0.98, QUAD), Line("٥٠٠ مجم 錠", 0.6, QUAD[::-1].copy())), 1200, 1600)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    texts = draw(st.lists(st.text(st.characters(codec="utf-8"), max_size=40), max_size=6))
    corner = st.floats(-1.875, 1.875, width=32)
    quads = [np.array(draw(st.tuples(*[corner] * 8)), np.float32).reshape(4, 2) for _ in texts]
    lines = [Line(text, draw(st.floats(0, 1)), quad) for text, quad in zip(texts, quads, strict=True)]
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
    assert np.array_equal(encode(found), data)


def test_it_is_small_and_bounded() -> None:
    assert len(encode(Reading((), 640, 480))) == 18
    assert len(encode(TWO)) < 100
    far = np.full((4, 2), 1e9, np.float32)
    long = Reading(tuple(Line("ё" * 300, 2.0, far) for _ in range(MOST_LINES + 50)), 1, 1)
    data = encode(long)
    assert len(data) <= 18 + MOST_LINES * (18 + MOST_BYTES) == 54_618
    found = decode(data)
    assert len(found.lines) == MOST_LINES
    assert {line.text for line in found.lines} == {"ё" * 127}  # 254 bytes: no half of a character


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
    assert encode(Reading((Line("5 mg", 0.5, QUAD),), 640, 480)).tobytes().hex() == PINNED


PINNED = "5244473180020000e00100000100e7ab951f6606cd0c0020001000209a199af99a59800435206d67"
