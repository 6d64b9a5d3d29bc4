"""The rest of a photo beside its packages, in parts."""

from __future__ import annotations

import numpy as np

from simsearch.core.types import Image
from simsearch.features.reading import Line, Reading
from simsearch.recognition.packages.parts import Place
from simsearch.recognition.packages.shapes import rectangle
from simsearch.recognition.packages.tiles import lines_on_photo, rest_of, tiles, with_lines
from tests.recognition.packages.scene import SIZE, line, reading

LEFT = np.array([[0, 0], [200, 0], [200, 200], [0, 200]], np.float32)
QUARTER = Place(0, 0, 222, 111, SIZE)


def test_four_overlapping_parts_cover_the_photo() -> None:
    places = tiles(SIZE, [])
    assert [(p.left, p.top, p.right, p.bottom) for p in places] == [
        (0, 0, 222, 111),
        (178, 0, 400, 111),
        (0, 89, 222, 200),
        (178, 89, 400, 200),
    ]


def test_parts_that_packages_fill_are_left_out() -> None:
    assert {place.left for place in tiles(SIZE, [LEFT])} == {178}
    assert tiles(SIZE, [rectangle(SIZE)]) == []


def test_packages_are_painted_over() -> None:
    pixels = np.full((SIZE[1], SIZE[0], 3), 200, np.uint8)
    pixels[20:60, 20:100] = 10
    package = np.array([[20, 20], [100, 20], [100, 60], [20, 60]], np.float32)
    rest = rest_of(Image(pixels, "photo", *SIZE), QUARTER, [package], None)
    assert rest.sharp.shape == (111, 222, 3)
    assert (rest.sharp == 200).all()
    assert (pixels[20:60, 20:100] == 10).all()  # in a copy
    near = np.kron(QUARTER.of(pixels), np.ones((2, 2, 1), np.uint8))
    assert (rest_of(Image(pixels, "photo", *SIZE), QUARTER, [package], near).sharp == 200).all()


def in_quarter(text: str, left: float, top: float, right: float, bottom: float) -> Line:
    quad = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    return Line(text, 0.9, np.asarray(quad / np.array(QUARTER.own_size), np.float32))


def test_lines_that_an_inner_edge_cuts_off_do_not_count() -> None:
    whole, cut = in_quarter("whole", 0, 10, 60, 30), in_quarter("cut o", 150, 10, 221, 30)
    found = lines_on_photo(Reading((whole, cut), *QUARTER.own_size), QUARTER)
    assert [each.text for each in found] == ["whole"]  # the photo's own edge is none of them
    assert np.allclose(found[0].on(*SIZE), whole.on(*QUARTER.own_size), atol=1e-3)


def test_lines_at_one_place_count_once() -> None:
    known, same = line("Examplin", 20, 20, 120, 50), line("xamplin 500", 25, 22, 130, 52)
    short, more = line("250", 255, 20, 290, 50), line("Otherine 250", 250, 20, 390, 50)
    found = with_lines(reading(known), [same, short, more])
    assert [each.text for each in found.lines] == ["Examplin", "Otherine 250"]
