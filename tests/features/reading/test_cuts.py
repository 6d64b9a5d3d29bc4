"""Lines that can decide, cut out twice when the catalog's photo is read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simsearch.core.types import Pixels
from simsearch.features.reading import Cut, Line, ReaderSettings, Reading, ReadPrint, decode
from simsearch.features.reading.cuts import deciding, with_cuts
from simsearch.features.reading.quads import size
from simsearch.testing.pictures import image


def row(text: str, top: float, bottom: float) -> Line:
    return Line(text, 0.9, np.array([[0.1, top], [0.9, top], [0.9, bottom], [0.1, bottom]], np.float32))


READING = Reading(
    (row("HEMIPAN", 0.1, 0.3), row("500 mg", 0.35, 0.4), row("by Somebody & Co", 0.5, 0.52),
     row("film tablets", 0.6, 0.64), row("Brand of something", 0.7, 0.75),
     row("another claim", 0.8, 0.85), row("Batch 48", 0.9, 0.92)), 200, 400,
)  # fmt: skip


class Counting:
    """Says how large each crop is."""

    fingerprint = "counting"

    def read(self, pixels: Pixels) -> Reading:
        return READING

    def recognise(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        return [(f"{crop.shape[1]} x {crop.shape[0]}", 0.5) for crop in crops]


def test_amounts_decide_first_then_the_largest_and_forms() -> None:
    assert [READING.lines[i].text for i in deciding(READING.lines, 200, 400)] == [
        "500 mg", "HEMIPAN", "Brand of something", "another claim", "film tablets",
    ]  # fmt: skip


def test_cuts_have_margins_around_them() -> None:
    found = with_cuts(READING, np.zeros((400, 200, 3), np.uint8), Counting(), 2)
    assert found.lines[1].cuts == (Cut("166 x 20", 0.5), Cut("172 x 26", 0.5))
    assert size(READING.lines[1].on(200, 400).astype(np.float64)) == (160, 20)
    assert [bool(each.cuts) for each in found.lines] == [True, True, False, False, False, False, False]
    assert found.text == READING.text


def test_the_catalog_gets_cuts_and_a_query_does_not() -> None:
    picture = image(np.zeros((400, 200), np.uint8))
    method = ReadPrint(ReaderSettings(cuts=3), Counting())
    stored = decode(method.describe([picture])[0].astype(np.uint8))
    assert sum(bool(each.cuts) for each in stored.lines) == 3
    assert not any(each.cuts for each in method.read(picture).lines)
    assert (
        ReadPrint(ReaderSettings(cuts=3), Counting()).fingerprint != ReadPrint(ReaderSettings(), Counting()).fingerprint
    )
