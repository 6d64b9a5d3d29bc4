"""How well a product fits a photo of loose pills, by its photos and by the imprint that its table states."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.core.types import Candidate
from simsearch.features.pills.imprint import KEPT_MARKS, MARK
from simsearch.features.pills.imprint_likeness import LEAST, MOST
from simsearch.recognition.pill_fit import STATED, WHOLE, by_table, fit
from tests.features.pills.drawn import read

NOTHING = np.zeros((1, KEPT_MARKS), MARK)


def test_the_better_side_counts() -> None:
    sides = [(Candidate(1, {"pills": -9.0}), 0.4), (Candidate(2, {"pills": -3.0}), 0.2), (Candidate(3, {}), 0.9)]
    assert fit(sides, NOTHING, {}) == pytest.approx(-3 + WHOLE * 0.2)
    assert fit(sides[2:], NOTHING, {}) is None


def test_the_imprint_of_the_table_counts_beside_them() -> None:
    sides, seen = [(Candidate(1, {"pills": -3.0}), 0.5)], read("TEVA 833")[None]
    right, wrong = (fit(sides, seen, {"Imprint": text}) for text in ("TEVA;833", "WPI;3969"))
    assert right is not None
    assert wrong is not None
    assert right == pytest.approx(-3 + WHOLE * 0.5 + STATED * MOST)
    assert wrong < -3 + WHOLE * 0.5 < right


@pytest.mark.parametrize("seen", ["833", "TEVA", "833 TEVA", "TEVA 833"])
def test_a_side_may_show_one_part_or_all_in_any_order(seen: str) -> None:
    assert by_table(read(seen)[None], {"imprint": "TEVA;833"}) > 5


def test_a_blank_side_says_nothing() -> None:
    assert by_table(NOTHING, {"imprint": "TEVA;833"}) == 0
    assert by_table(read("TEVA")[None], {}) == 0
    assert by_table(read("TEVA")[None], {"imprint": " ; "}) == 0


def test_another_imprint_speaks_against() -> None:
    assert LEAST <= by_table(read("M 321")[None], {"標註一": "WPI 88"}) < -1


def test_of_several_pills_the_one_that_agrees_best_counts() -> None:
    both = np.stack([read("M 321"), read("TEVA")])
    assert by_table(both, {"imprint": "TEVA"}) == by_table(both[1:], {"imprint": "TEVA"})
