"""Lines that can decide, cut out twice when the catalog's photo is read."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from simsearch.core.types import Pixels
from simsearch.features.reading import Cut, Line, ReaderSettings, Reading, ReadPrint, decode
from simsearch.features.reading.cuts import deciding, sharpness, with_cuts
from simsearch.features.reading.quads import size
from simsearch.testing.pictures import image
from tests.features.reading.prints import line as printed


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


def test_cuts_have_a_quarter_and_a_half_of_the_height_around_them() -> None:
    found = with_cuts(READING, np.zeros((400, 200, 3), np.uint8), Counting(), 2)
    assert found.lines[1].cuts == (Cut("170 x 30", 0.5), Cut("180 x 40", 0.5))
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


def test_sharpness_falls_with_blur_and_not_with_contrast_or_size() -> None:
    sharp = printed("60 Tablets", 40)
    blurred = [np.asarray(cv2.GaussianBlur(sharp, (0, 0), sigma), np.uint8) for sigma in (2, 4, 8)]
    found = [sharpness(crop) for crop in (sharp, *blurred)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 3 * found[2]
    pale = (sharp // 4 + 150).astype(np.uint8)
    assert abs(sharpness(pale) - found[0]) < 0.2 * found[0]
    assert sharpness(np.full((20, 60, 3), 200, np.uint8)) == 0.0
