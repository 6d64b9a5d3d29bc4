"""Characters read off maps that were made by hand, their rows, and what is kept of them."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.features.pills.imprint import KEPT_MARKS, Mark, evidence, kept, marks, rows, wording
from simsearch.features.pills.imprint_network_plan import CELL, CHARACTERS, HEIGHT

NONE = len(CHARACTERS)


def maps(*characters: tuple[str, int, int], height: float = 16, angle: float = 0.0) -> NDArray[np.float32]:
    """Maps (40, 32, 32) in which each character lies in the cell of a row and a column."""
    found = np.zeros((NONE + 4, 32, 32), np.float32)
    found[NONE] = 8
    for text, y, x in characters:
        found[:, y, x] = 0
        found[CHARACTERS.index(text), y, x] = 8
        found[NONE + 1 :, y - 1 : y + 2, x - 1 : x + 2] = np.array(
            [np.log(height / HEIGHT), np.cos(angle), np.sin(angle)]
        )[:, None, None]
    return found


def words(found: NDArray[np.float32]) -> list[str]:
    return ["".join(mark.text for mark in row) for row in rows(marks(found))]


def test_a_character_has_its_place_height_and_turn() -> None:
    [mark] = marks(maps(("R", 10, 20), height=24, angle=0.3))
    assert mark.text == "R"
    assert (mark.x, mark.y) == pytest.approx((CELL * 20.5, CELL * 10.5), abs=0.5)
    assert mark.height == pytest.approx(24, rel=0.01)
    assert mark.angle == pytest.approx(0.3, abs=0.01)
    assert mark.sure > 0.95
    assert mark.shares.sum() == pytest.approx(1, abs=1e-3)


def test_nothing_is_read_on_a_blank_face() -> None:
    assert marks(maps()) == []
    assert wording(kept(rows([]))) == ""


def test_rows_are_read_from_left_to_right_and_from_top_to_bottom() -> None:
    assert words(maps(("5", 20, 18), ("E", 8, 14), ("2", 20, 14), ("R", 8, 18))) == ["ER", "25"]


def test_a_row_may_run_along_a_rim() -> None:
    found = maps()
    for text, way in zip("MYLAN", np.linspace(-0.9, 0.9, 5), strict=True):
        y, x = round(16 - 11 * np.cos(way)), round(16 + 11 * np.sin(way))
        found = np.where(maps((text, y, x), angle=way)[NONE] < 8, maps((text, y, x), angle=way), found)
        found[NONE + 1 :, y - 1 : y + 2, x - 1 : x + 2] = np.array([0, np.cos(way), np.sin(way)])[:, None, None]
    assert words(found) == ["MYLAN"]


def test_a_row_may_stand_across_a_capsule() -> None:
    assert words(maps(("7", 20, 10), ("6", 15, 10), ("5", 10, 10), angle=-pi / 2)) == ["765"]


def test_two_equal_characters_beside_each_other_are_two() -> None:
    assert words(maps(("1", 16, 14), ("1", 16, 17))) == ["11"]


def test_one_character_is_not_read_twice() -> None:
    found = maps(("8", 16, 14))
    found[:, 18, 14] = found[:, 16, 14]
    found[NONE + 1 :, 17:20, 13:16] = found[NONE + 1 :, 16, 14][:, None, None]
    found[NONE, 18, 14] += 2
    found[NONE + 1, 15:20, 13:16] = np.log(40 / HEIGHT)
    assert words(found) == ["8"]


def test_far_apart_are_two_rows() -> None:
    assert words(maps(("5", 16, 5), ("4", 16, 26), height=12)) == ["5", "4"]


def test_what_is_kept_says_the_same() -> None:
    lines = rows(marks(maps(("E", 8, 14), ("R", 8, 18), ("2", 20, 14))))
    assert wording(kept(lines)) == "ER 2"
    assert evidence(lines) == pytest.approx(3, abs=0.1)


def test_what_may_be_several_characters_is_a_question_mark() -> None:
    found = maps(("E", 8, 14), ("R", 8, 18), ("2", 20, 14))
    for text in "BPD":
        found[CHARACTERS.index(text), 8, 18] = 8
    for text in "37":
        found[CHARACTERS.index(text), 20, 14] = 8
    assert wording(kept(rows(marks(found)))) == "E?"


def test_a_long_imprint_is_cut_off() -> None:
    shares = np.eye(36, dtype=np.float32)[0]
    line = [Mark(5.0 * i, 10, 5, 0, 0.9, shares) for i in range(20)]
    assert len(wording(kept([line]))) == KEPT_MARKS
