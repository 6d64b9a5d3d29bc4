"""How well a product fits a photo of loose pills, by its photos, and by the imprint and size that its table states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.core.types import Candidate
from simsearch.features.pills.imprint_likeness import LEAST, MOST
from simsearch.features.pills.looks import LOOK
from simsearch.recognition.pill_fit import STATED, WHOLE, by_table, fit
from tests.features.pills.drawn import read

NOTHING = np.zeros(1, LOOK)


def seen_as(*texts: str, size: float = 0.0) -> NDArray[Any]:
    """Pills of which these imprints are read, each of one size in millimetres."""
    found = np.zeros(len(texts), LOOK)
    found["imprint"] = [read(text) for text in texts]
    found["size"] = size
    return found


def test_the_better_side_counts() -> None:
    sides = [(Candidate(1, {"pills": -9.0}), 0.4), (Candidate(2, {"pills": -3.0}), 0.2), (Candidate(3, {}), 0.9)]
    assert fit(sides, NOTHING, {}) == pytest.approx(-3 + WHOLE * 0.2)
    assert fit(sides[2:], NOTHING, {}) is None


def test_the_imprint_of_the_table_counts_beside_them() -> None:
    sides, seen = [(Candidate(1, {"pills": -3.0}), 0.5)], seen_as("TEVA 833")
    right, wrong = (fit(sides, seen, {"Imprint": text}) for text in ("TEVA;833", "WPI;3969"))
    assert right is not None
    assert wrong is not None
    assert right == pytest.approx(-3 + WHOLE * 0.5 + STATED * MOST)
    assert wrong < -3 + WHOLE * 0.5 < right


@pytest.mark.parametrize("seen", ["833", "TEVA", "833 TEVA", "TEVA 833"])
def test_a_side_may_show_one_part_or_all_in_any_order(seen: str) -> None:
    assert by_table(seen_as(seen), {"imprint": "TEVA;833"}) > 5


def test_a_blank_side_says_nothing() -> None:
    assert by_table(NOTHING, {"imprint": "TEVA;833"}) == 0
    assert by_table(seen_as("TEVA"), {}) == 0
    assert by_table(seen_as("TEVA"), {"imprint": " ; "}) == 0


def test_another_imprint_speaks_against() -> None:
    assert LEAST <= by_table(seen_as("M 321"), {"標註一": "WPI 88"}) < -1


def test_of_several_pills_the_one_that_agrees_best_counts() -> None:
    both = seen_as("M 321", "TEVA")
    assert by_table(both, {"imprint": "TEVA"}) == by_table(both[1:], {"imprint": "TEVA"})


def test_the_size_of_the_table_counts_where_a_ruler_was_read() -> None:
    table = {"size_mm": "8.0"}
    assert by_table(seen_as("", size=8.1), table) > 1
    assert by_table(seen_as("", size=12.0), table) < -0.5
    assert by_table(seen_as(""), table) == 0
    assert by_table(seen_as("", size=8.1), {"size_mm": "large"}) == 0
