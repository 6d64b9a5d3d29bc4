"""What two readings of imprints say of each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.features.pills.imprint_likeness import LEAST, MOST, Imprints, agreement
from simsearch.features.pills.imprint_network_plan import CHARACTERS
from tests.features.pills.drawn import read


def says(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(agreement(Imprints.of(one[None]), Imprints.of(other[None]))[0, 0])


def test_nothing_read_says_nothing() -> None:
    assert says(read(""), read("")) == 0


def test_more_characters_that_agree_say_more() -> None:
    assert 1 < says(read("5"), read("5")) < says(read("54"), read("54")) < says(read("TEVA"), read("TEVA"))
    assert says(read("TEVA 5728"), read("TEVA 5728")) == pytest.approx(MOST)


def test_a_rare_character_says_more_than_a_frequent_one() -> None:
    assert says(read("Q"), read("Q")) > says(read("0"), read("0"))


def test_another_imprint_speaks_against() -> None:
    assert LEAST <= says(read("M 321"), read("WPI 88")) < -1
    assert says(read("93 72"), read("93 72")) > says(read("93 72"), read("93 73")) + 3


def test_what_light_washes_out_costs_little() -> None:
    whole, part = read("93 7242"), read("93 72")
    assert says(part, whole) > says(part, read("54 61"))
    assert -4 < says(read(""), whole) < 0


def test_what_is_not_surely_read_says_less() -> None:
    assert says(read("R 12", sure=120, share=130), read("R 12")) < says(read("R 12"), read("R 12"))


def test_a_second_guess_counts_a_little() -> None:
    one = read("8", share=150)  # F may be meant
    other = CHARACTERS[(CHARACTERS.index("8") + 7) % 36]
    assert says(one, read(other)) > says(one, read("K"))


def test_it_is_symmetric_and_computed_for_many_at_once() -> None:
    read_on = np.stack([read(text) for text in ("", "A", "TEVA 833", "93 7242", "IP 190")])
    some = Imprints.of(read_on)
    table = agreement(some, some)
    assert table.shape == (5, 5)
    assert np.allclose(table, table.T, atol=1e-4)
    assert agreement(some, some[:0]).shape == (5, 0)
    assert [says(read_on[2], other) for other in read_on] == pytest.approx(table[2].tolist(), abs=1e-4)
