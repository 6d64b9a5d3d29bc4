"""How well a product fits a photo of loose pills, by its photos, and by the imprint and size that its table states."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.core.types import Candidate
from simsearch.features.base import NoSettings
from simsearch.features.pills import PillLooks
from simsearch.features.pills.imprint_likeness import LEAST, MOST
from simsearch.features.pills.looks import LOOK
from simsearch.recognition.pill_fit import STATED, WHOLE, SeenPills
from simsearch.synthetic.pills import PillLook
from tests.features.pills.drawn import CAPLET, TABLET, photo, read

NOTHING = SeenPills(np.zeros(1, LOOK))


def seen_as(*texts: str, size: float = 0.0) -> SeenPills:
    """Pills of which these imprints are read, each of one size in millimetres."""
    found = np.zeros(len(texts), LOOK)
    found["imprint"] = [read(text) for text in texts]
    found["size"] = size
    return SeenPills(found)


def test_the_better_side_counts() -> None:
    sides = [(Candidate(1, {"pills": -9.0}), 0.4), (Candidate(2, {"pills": -3.0}), 0.2), (Candidate(3, {}), 0.9)]
    assert NOTHING.fit(sides, {}) == pytest.approx(-3 + WHOLE * 0.2)
    assert NOTHING.fit(sides[2:], {}) is None


def test_the_imprint_of_the_table_counts_beside_them() -> None:
    sides, seen = [(Candidate(1, {"pills": -3.0}), 0.5)], seen_as("TEVA 833")
    right, wrong = (seen.fit(sides, {"Imprint": text}) for text in ("TEVA;833", "WPI;3969"))
    assert right is not None
    assert wrong is not None
    assert right == pytest.approx(-3 + WHOLE * 0.5 + STATED * MOST)
    assert wrong < -3 + WHOLE * 0.5 < right


@pytest.mark.parametrize("seen", ["833", "TEVA", "833 TEVA", "TEVA 833"])
def test_a_side_may_show_one_part_or_all_in_any_order(seen: str) -> None:
    assert seen_as(seen).by_table({"imprint": "TEVA;833"}) > 5


def test_a_blank_side_says_nothing() -> None:
    assert NOTHING.by_table({"imprint": "TEVA;833"}) == 0
    assert seen_as("TEVA").by_table({}) == 0
    assert seen_as("TEVA").by_table({"imprint": " ; "}) == 0


def test_another_imprint_speaks_against() -> None:
    assert LEAST <= seen_as("M 321").by_table({"標註一": "WPI 88"}) < -1


def test_of_several_pills_the_one_that_agrees_best_counts() -> None:
    both = seen_as("M 321", "TEVA")
    assert both.by_table({"imprint": "TEVA"}) == seen_as("TEVA").by_table({"imprint": "TEVA"})


def test_the_size_of_the_table_counts_where_a_ruler_was_read() -> None:
    table = {"size_mm": "8.0"}
    assert seen_as("", size=8.1).by_table(table) > 1
    assert seen_as("", size=12.0).by_table(table) < -0.5
    assert seen_as("").by_table(table) == 0
    assert seen_as("", size=8.1).by_table({"size_mm": "large"}) == 0


@pytest.mark.parametrize(
    ("shown", "table", "nats"),
    [
        (TABLET, {"color": "ORANGE", "shape": "ROUND"}, 1.4 + 0.7), (TABLET, {"顏色": "橘", "形狀": "圓形"}, 1.4 + 0.7),
        (TABLET, {"color": "ORANGE;WHITE"}, 0.0), (TABLET, {"color": "WHITE"}, -1.9), (TABLET, {"shape": "OVAL"}, -2.5),
        (CAPLET, {"shape": "OVAL"}, 0.7), (CAPLET, {"shape": "CAPSULE"}, 0.7), (TABLET, {"name": "Para"}, 0.0),
    ],
)  # fmt: skip
def test_colour_and_shape_of_the_table_count(shown: PillLook, table: dict[str, str], nats: float) -> None:
    [looks] = PillLooks(NoSettings()).describe([photo(shown)])
    assert SeenPills(looks).by_table(table) == pytest.approx(nats)
