"""Lines in pixels, and the text of a reading."""

from __future__ import annotations

import numpy as np

from simsearch.features.reading import Line, Reader, Reading
from simsearch.testing.readers import FakeReader

QUAD = np.array([[0.1, 0.2], [0.5, 0.2], [0.5, 0.4], [0.1, 0.4]], np.float32)


def test_a_quad_is_put_on_a_picture() -> None:
    pixels = Line("500 mg", 0.9, QUAD).on(640, 480)
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, [[64, 96], [320, 96], [320, 192], [64, 192]], rtol=1e-6)


def test_the_text_is_all_lines() -> None:
    assert Reading((Line("HEMIPAN", 1.0, QUAD), Line("500 mg", 0.9, QUAD)), 640, 480).text == "HEMIPAN\n500 mg"
    assert Reading((), 640, 480).text == ""


def test_the_fake_reads_what_it_was_told() -> None:
    known, other = np.zeros((20, 30, 3), np.uint8), np.ones((20, 30, 3), np.uint8)
    reader = FakeReader([(known, "HEMIPAN\n500 mg")], confidence=0.8)
    assert isinstance(reader, Reader)
    found = reader.read(known)
    assert (found.text, found.width, found.height) == ("HEMIPAN\n500 mg", 30, 20)
    assert [line.confidence for line in found.lines] == [0.8, 0.8]
    assert found.lines[1].quad.tolist() == [[0, 0.5], [1, 0.5], [1, 1], [0, 1]]
    assert reader.read(other).lines == ()
    assert reader.recognise([known, other]) == [("HEMIPAN\n500 mg", 0.8), ("", 0.0)]
