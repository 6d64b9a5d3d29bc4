"""A number that a homography misses by a little is taken from the photo's own lines."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.features.orb import Geometry
from simsearch.features.reading.types import Line, Reading
from simsearch.recognition.printed.aligned import beside
from simsearch.recognition.printed.alignment import Alignment

SIZE = 400


def reading(*lines: tuple[str, float, float, float]) -> Reading:
    """Lines of a square picture: text, left, top and height in pixels; each is 80 pixels long."""
    found = []
    for text, left, top, height in lines:
        quad = np.array([[left, top], [left + 80, top], [left + 80, top + height], [left, top + height]], np.float32)
        found.append(Line(text, 0.99, quad / np.float32(SIZE)))
    return Reading(tuple(found), SIZE, SIZE)


def same_view() -> Alignment:
    xy = np.array([[0, 0], [SIZE, 0], [SIZE, SIZE], [0, SIZE]] * 10, np.float32)
    return Alignment(Geometry(xy, xy, 40, np.eye(3)), (SIZE, SIZE), (SIZE, SIZE), SIZE)


CATALOG = reading(("APROVEL", 20, 20, 40), ("300", 200, 100, 20))


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([("150mg", 160, 105, 22)], "150mg"),
        ([("150mg", 300, 105, 22)], None),  # too far
        ([("150mg", 160, 105, 40)], None),  # too high
        ([("mg", 180, 105, 22)], None),  # no number
        ([("28", 160, 105, 22)], "28"),  # a number alone may be anything
        ([("150mg", 160, 105, 22), ("28 tablets", 220, 130, 20)], None),  # which of the two?
        ([("Store below 30°C", 190, 105, 20)], None),  # its number says nothing
    ],
)
def test_a_number_of_the_same_height_nearby(lines: list[tuple[str, float, float, float]], found: str | None) -> None:
    line = beside(reading(*lines), CATALOG, 1, same_view())
    assert (line.text if line else None) == found


def test_a_line_that_belongs_to_another_number_of_the_catalog_is_left_to_it() -> None:
    catalog = reading(("300", 200, 100, 20), ("28 tablets", 170, 130, 20))
    assert beside(reading(("28 tablets", 172, 128, 20)), catalog, 0, same_view()) is None


def test_a_count_is_not_taken_for_a_strength() -> None:
    catalog = reading(("25 mg", 200, 100, 20))
    assert beside(reading(("100 Scored Tablets", 180, 105, 20)), catalog, 0, same_view()) is None
    assert beside(reading(("50 mg", 180, 105, 20)), catalog, 0, same_view()) is not None


def test_a_name_is_not_looked_for_beside_its_place() -> None:
    assert beside(reading(("APROVEL 150", 40, 20, 40)), CATALOG, 0, same_view()) is None
