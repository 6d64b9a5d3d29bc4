"""Parts of a photo: pixels, print and places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simsearch.core.types import Image, Outcome, PrintComparison, PrintedFact
from simsearch.features.code_records import ReadCode, pack_codes
from simsearch.recognition.packages.parts import moved, part, place, read_there
from tests.recognition.packages.scene import SIZE, answer, image, line, read, reading
from tests.recognition.packages.test_shapes import box

LEFT, RIGHT = box(20, 40, 120, 140), box(130, 40, 380, 140)


def test_a_place_stays_on_the_photo() -> None:
    at = place(LEFT, SIZE, 0.1)
    assert (at.left, at.top, at.right, at.bottom) == (10, 30, 130, 150)
    at = place(LEFT, SIZE, 10)
    assert (at.left, at.top, at.right, at.bottom) == (0, 0, *SIZE)


def test_corners_come_back_from_a_part() -> None:
    at, corners = place(LEFT, SIZE, 0.1), ((0.1, 0.3), (0.2, 0.3), (0.2, 0.5), (0.1, 0.5))
    back = at.on_photo(at.part_of(corners))
    assert np.allclose(back, corners, atol=1e-6)


def test_a_part_holds_its_own_print_and_not_its_neighbours() -> None:
    ours, theirs, far = (
        line("Examplin", 30, 50, 90, 70),
        line("Otherine", 132, 50, 200, 70),
        line("far", 0, 190, 9, 199),
    )
    at = place(LEFT, SIZE, 0.3)
    picture, found = part(image(), read(reading(ours, theirs, far)), LEFT, [RIGHT], at)
    assert found.summary is not None
    [only] = found.summary.lines
    assert only.text == "Examplin"
    assert np.allclose(at.on_photo(only.place), ours.quad, atol=1e-5)
    assert (picture.width, picture.height) == at.own_size
    assert picture.sha256 != "photo"


def test_neighbours_are_painted_over_with_the_ground() -> None:
    pixels = np.full((SIZE[1], SIZE[0], 3), 200, np.uint8)
    pixels[40:140, 20:120], pixels[40:140, 130:380] = 50, 0
    picture, _ = part(Image(pixels, "", *SIZE), read(reading()), LEFT, [RIGHT], place(LEFT, SIZE, 0.3))
    assert set(np.unique(picture.sharp)) == {50, 200}
    assert pixels.min() == 0  # the photo itself is left alone


def test_codes_go_with_the_package_that_holds_them() -> None:
    def code(text: str, left: float) -> ReadCode:
        return ReadCode(text, "]E0", ((left, 0.4), (left + 0.05, 0.4), (left + 0.05, 0.5), (left, 0.5)), True)

    whole = read(reading())
    packed = pack_codes([code("4006381333931", 0.1), code("5901234123457", 0.7)])
    whole = replace(whole, description=replace(whole.description, descriptors={"codes": packed}))
    found = read_there(whole, LEFT, [RIGHT], place(LEFT, SIZE, 0.0))
    assert found.summary is not None
    assert found.summary.codes == ("04006381333931",)


def test_an_answer_is_carried_with_all_of_its_places() -> None:
    at, corners = place(LEFT, SIZE, 0.0), ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    fact = PrintedFact("strength", "1 mg", "1 mg", photo_place=corners)
    said = answer(Outcome.MATCH, "a", 0.99)
    told = PrintComparison((fact,), (replace(fact, photo_place=None),), doubts=(fact,))
    printed = replace(said.hits[0].verification, printed=told)
    hit = replace(said.hits[0], verification=printed)
    there = moved(replace(said, hits=(hit,), considered=(hit,), against=hit), at.on_photo)
    for one in (there.hits[0], there.considered[0], there.against):
        assert one is not None
        assert one.verification.printed is not None
        for carried in (*one.verification.printed.agreements, *one.verification.printed.doubts):
            assert carried.photo_place is not None
            assert carried.photo_place[2] == pytest.approx((0.3, 0.7))
        assert len(one.verification.printed.doubts) == 1
        assert one.verification.printed.contradictions[0].photo_place is None
