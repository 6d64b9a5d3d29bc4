"""A number that a homography misses by a little is taken from the photo's own lines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simsearch.features.orb import Geometry
from simsearch.features.reading.types import Cut, Line, Reading
from simsearch.recognition.printed.aligned import beside, read_along
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


def far_view() -> Alignment:
    """The points that agree lie in the upper left corner alone."""
    xy = np.array([[0, 0], [60, 0], [60, 60], [0, 60]] * 10, np.float32)
    return Alignment(Geometry(xy, xy, 40, np.eye(3)), (SIZE, SIZE), (SIZE, SIZE), SIZE)


class Unused:
    """A reader that nothing is cut out for: every line of the catalog lies far from the points."""

    def recognise(self, crops: object) -> list[tuple[str, float]]:
        raise AssertionError(crops)


@pytest.mark.parametrize(
    ("line", "against"),
    [
        (("150mg", 310, 305, 22), True),
        (("300 mg", 310, 305, 22), False),  # the same number
        (("150mg", 310, 335, 22), False),  # beside its place
        (("150mg", 310, 305, 30), False),  # of another height
    ],
)
@pytest.mark.parametrize("steady", [25, 60])
def test_far_from_the_points_a_line_at_the_very_place_contradicts(
    line: tuple[str, float, float, float], against: bool, steady: int
) -> None:
    def with_cuts(own: Line) -> Line:
        return replace(own, cuts=(Cut(own.text, 0.99), Cut(own.text, 0.99)))

    plain = reading(("APROVEL", 300, 250, 40), ("300", 310, 300, 20))
    catalog = replace(plain, lines=tuple(map(with_cuts, plain.lines)))
    pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
    found = read_along(pixels, catalog, far_view(), Unused(), 4, steady, reading(line), with_cuts)  # type: ignore[arg-type]
    assert [(p.judgement.photo, p.judgement.catalog) for p in found] == (
        [("150mg", "300")] if against and steady <= 40 else []
    )
