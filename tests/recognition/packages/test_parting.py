"""Parting a photo, with an engine that answers by the first word of a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from simsearch.core.errors import ImageError
from simsearch.core.product_numbers import Gtin
from simsearch.core.types import Box, Decision, Image, Outcome, Pixels, Surface, within
from simsearch.features.reading import Line, Reading
from simsearch.recognition.contenders import Verified
from simsearch.recognition.packages import Look, Parting, answered
from simsearch.recognition.packages.parting import LOOKS
from tests.recognition.packages.scene import (
    SIZE,
    FakeAsker,
    answer,
    geometry,
    image,
    line,
    read,
    reading,
    verified,
)

MATCH, UNKNOWN = Outcome.MATCH, Outcome.UNKNOWN
ANSWERS = {"Examplin": answer(MATCH, "a", 0.999), "Otherine": answer(MATCH, "b", 0.998)}
EXAMPLIN = [line("Examplin", 20, 20, 120, 50), line("500 mg tablets", 20, 60, 120, 80)]
OTHERINE = [line("Otherine", 250, 20, 350, 50), line("250 mg capsules", 250, 60, 350, 80)]
OVER_EXAMPLIN = {1: geometry(20, 20, 130, 100)}


def whole(lines: Sequence[Line], said: Decision, found: Sequence[Verified] = ()) -> Look:
    return Look(image(), read(reading(*lines)), found, said)


def parted(look: Look, asker: FakeAsker) -> tuple[list[str | None], Parting]:
    parting = Parting(look, asker)
    return [part.sku for part in parting.parts()], parting


def test_one_package_is_not_looked_at_again() -> None:
    asker = FakeAsker(ANSWERS, OVER_EXAMPLIN)
    found, parting = parted(whole(EXAMPLIN, ANSWERS["Examplin"], [verified("a", 1, 20)]), asker)
    assert (found, parting.looks.count, asker.asked, asker.seen_beside) == (["a"], 0, [], [])


def test_what_lies_outside_of_an_outline_is_asked_by_itself() -> None:
    asker = FakeAsker(ANSWERS, OVER_EXAMPLIN)
    look = whole([*EXAMPLIN, *OTHERINE], ANSWERS["Examplin"], [verified("a", 1, 20)])
    found, _ = parted(look, asker)
    assert found == ["a", "b"]
    assert asker.asked == ["Otherine 250 mg capsules", "Examplin 500 mg tablets"]
    assert asker.near == 0  # both are matched


def test_where_nothing_verified_blocks_of_print_are_asked() -> None:
    asker = FakeAsker(ANSWERS)
    found, _ = parted(whole([*OTHERINE, *EXAMPLIN], answer(UNKNOWN, "a", 0.5)), asker)
    assert found == ["a", "b"]


def test_two_candidates_at_two_places_are_two_packages() -> None:
    asker = FakeAsker(ANSWERS, {**OVER_EXAMPLIN, 2: geometry(250, 20, 350, 100)})
    candidates = [verified("a", 1, 20), verified("b", 2, 18)]
    found, _ = parted(whole([*EXAMPLIN, *OTHERINE], answer(Outcome.AMBIGUOUS, "a", 0.99), candidates), asker)
    assert found == ["a", "b"]


def test_a_part_that_is_not_matched_is_read_from_near() -> None:
    asker = FakeAsker({**ANSWERS, "Otherine": answer(UNKNOWN, "b", 0.9)}, OVER_EXAMPLIN)
    found, _ = parted(whole([*EXAMPLIN, *OTHERINE], ANSWERS["Examplin"], [verified("a", 1, 20)]), asker)
    assert (found, asker.near) == (["a", "b"], 1)


def test_from_near_a_package_is_read_at_the_pixels_of_the_original() -> None:
    large = np.full((2 * SIZE[1], 2 * SIZE[0], 3), 128, np.uint8)
    photo = replace(
        image(), width=2 * SIZE[0], height=2 * SIZE[1], nearer=lambda boxes: [within(large, b) for b in boxes]
    )
    asker = FakeAsker({**ANSWERS, "Otherine": answer(UNKNOWN, "b", 0.9)}, OVER_EXAMPLIN)
    look = whole([*EXAMPLIN, *OTHERINE], ANSWERS["Examplin"], [verified("a", 1, 20)])
    found, _ = parted(replace(look, photo=photo), asker)
    assert found == ["a", "b"]
    [(wide, high)] = asker.seen_near
    assert 2 * 100 < wide < 2 * 200
    assert 2 * 60 < high < 2 * 160


def test_where_the_original_cannot_be_decoded_the_photo_is_read_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    def scarce(_: Sequence[Box]) -> list[Pixels]:
        raise ImageError("too_large", "photo.jpg: does not fit into memory")

    asker = FakeAsker({**ANSWERS, "Otherine": answer(UNKNOWN, "b", 0.9)}, OVER_EXAMPLIN)
    look = whole([*EXAMPLIN, *OTHERINE], ANSWERS["Examplin"], [verified("a", 1, 20)])
    found, _ = parted(replace(look, photo=replace(image(), nearer=scarce)), asker)
    assert (found, asker.near) == (["a", "b"], 1)
    assert "does not fit into memory; its packages are not read from near" in caplog.text


def test_a_third_package_is_read_in_the_rest_of_the_photo() -> None:
    third = answer(MATCH, "c", 0.997)
    print_of_it = Reading(
        (Line("Thirdol", 0.99, np.array([[0.4, 0.6], [0.6, 0.6], [0.6, 0.9], [0.4, 0.9]])),), 222, 111
    )
    asker = FakeAsker({**ANSWERS, "Thirdol": third}, OVER_EXAMPLIN, beside=print_of_it)
    look = whole([*EXAMPLIN, *OTHERINE], ANSWERS["Examplin"], [verified("a", 1, 20)])
    found, parting = parted(look, asker)
    assert sorted(map(str, found)) == ["a", "b", "c"]
    assert len(asker.seen_beside) == 4
    decided = answered(look.answer, parting.parts(), parting.size)
    assert len(decided.packages) == 3


def test_beside_one_package_that_was_not_matched_a_second_one_is_looked_for() -> None:
    small = Reading((Line("Otherine", 0.99, np.array([[0.4, 0.6], [0.6, 0.6], [0.6, 0.9], [0.4, 0.9]])),), 222, 111)
    doubtful, seen = answer(Outcome.AMBIGUOUS, "a", 0.9), [verified("a", 1, 20)]
    answers = {"Examplin": doubtful, "Otherine": ANSWERS["Otherine"]}
    asker = FakeAsker(answers, OVER_EXAMPLIN, beside=small)
    found, _ = parted(whole(EXAMPLIN, doubtful, seen), asker)
    assert sorted(map(str, found)) == ["a", "b"]
    nothing = FakeAsker(answers, OVER_EXAMPLIN)
    assert parted(whole(EXAMPLIN, doubtful, seen), nothing)[0] == ["a"]
    assert (len(nothing.seen_beside), nothing.asked) == (4, [])
    filled = FakeAsker(answers, {1: geometry(5, 5, 395, 195)}, beside=small)
    assert parted(whole(EXAMPLIN, doubtful, seen), filled)[0] == ["a"]
    assert filled.seen_beside == []


def test_a_code_that_only_a_cut_out_shows_is_asked_with() -> None:
    code = Gtin.parse("4006381333931")
    asker = FakeAsker(ANSWERS, OVER_EXAMPLIN, code=code)
    look = whole([*EXAMPLIN, *OTHERINE], ANSWERS["Examplin"], [verified("a", 1, 20)])
    parts = Parting(look, asker).parts()
    decided = answered(replace(look.answer, read=look.read.summary), parts, SIZE)
    assert asker.asked_for_codes == 2
    assert decided.read is not None
    assert decided.read.codes == (str(code),)
    assert [p.answer.read.codes for p in decided.packages if p.answer.read] == [(str(code),)] * 2


def test_one_package_is_asked_for_no_further_code() -> None:
    asker = FakeAsker(ANSWERS, OVER_EXAMPLIN, code=Gtin.parse("4006381333931"))
    parted(whole(EXAMPLIN, ANSWERS["Examplin"], [verified("a", 1, 20)]), asker)
    assert asker.asked_for_codes == 0


def test_a_part_that_is_probably_a_product_is_a_package_however_little_is_printed_on_it() -> None:
    asker = FakeAsker({**ANSWERS, "Other": answer(UNKNOWN, "b", 0.9)}, OVER_EXAMPLIN)
    look = whole([*EXAMPLIN, line("Other", 250, 20, 350, 50)], ANSWERS["Examplin"], [verified("a", 1, 20)])
    assert parted(look, asker)[0] == ["a", "b"]


def test_a_scribble_beside_a_package_is_none() -> None:
    asker = FakeAsker(ANSWERS, OVER_EXAMPLIN)
    look = whole([*EXAMPLIN, line("scribbles", 250, 20, 350, 50)], ANSWERS["Examplin"], [verified("a", 1, 20)])
    found, parting = parted(look, asker)
    assert (found, parting.looks.count, asker.near, asker.seen_beside) == (["a"], 1, 0, [])
    decided = answered(look.answer, parting.parts(), parting.size)
    assert (decided.reason, len(decided.packages)) == (look.answer.reason, 1)
    assert decided.packages[0].outline is not None


def test_there_is_an_end_to_looking() -> None:
    lines = [
        line(f"Something {n}", 10 + 95 * (n % 4), 5 + 40 * (n // 4), 30 + 95 * (n % 4), 10 + 40 * (n // 4))
        for n in range(20)
    ]
    _, parting = parted(whole(lines, answer(UNKNOWN, "a", 0.1)), FakeAsker({}))
    assert parting.looks.count <= 2 * LOOKS


def test_a_loose_pill_beside_a_package_is_one_too() -> None:
    pixels = np.full((SIZE[1], SIZE[0], 3), 235, np.uint8)
    pixels[20:100, 20:130] = (40, 90, 160)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    pixels[(x - 300) ** 2 + (y - 110) ** 2 < 22**2] = (170, 60, 50)
    look = Look(Image(pixels, "photo", *SIZE), read(reading(*EXAMPLIN)), [verified("a", 1, 20)], ANSWERS["Examplin"])
    found, _ = parted(look, FakeAsker(ANSWERS, OVER_EXAMPLIN, Surface.PILLS))
    assert found == ["a", "nothing"]
    found, _ = parted(look, FakeAsker(ANSWERS, OVER_EXAMPLIN, Surface.OTHER))
    assert found == ["a"]


def test_the_answer_is_that_to_the_surest_package() -> None:
    asker = FakeAsker({**ANSWERS, "Examplin": answer(UNKNOWN, "a", 0.9)}, OVER_EXAMPLIN)
    look = whole([*EXAMPLIN, *OTHERINE], answer(UNKNOWN, "a", 0.9), [verified("a", 1, 20)])
    parting = Parting(look, asker)
    decided = answered(look.answer, parting.parts(), parting.size)
    assert (decided.outcome, decided.sku) == (MATCH, "b")
    assert decided.reason == "2 packages in the photo; number 2, the surest of them: because of b"
    assert [package.answer.outcome for package in decided.packages] == [UNKNOWN, MATCH]
    assert all(package.answer.packages == () for package in decided.packages)
    read_there = decided.packages[1].answer.read
    assert read_there is not None
    assert [one.text for one in read_there.lines] == ["Otherine", "250 mg capsules"]
    assert np.allclose(read_there.lines[0].place, OTHERINE[0].quad, atol=1e-5)
