"""What two sizes say of each other."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.features.pills.sizes import agreement, logarithms, stated


def test_near_sizes_speak_for_one_medicine_and_far_ones_against() -> None:
    one = logarithms(np.array([[8.0, 8.0]]))
    others = logarithms(np.array([[8.1, 8.0], [8.8, 8.8], [9.6, 9.6], [13.0, 13.0], [0.0, 0.0]]))
    [[same, near, further, far, unknown]] = agreement(one, others)
    assert same > 3
    assert same > near > further
    assert further < 0
    assert far == pytest.approx(np.log(0.3), abs=0.1), "three photos in ten say nothing of the size"
    assert unknown == 0
    assert agreement(logarithms(np.zeros((1, 2))), others).tolist() == [[0.0] * 5]


@pytest.mark.parametrize(
    ("text", "side"),
    [("8", 8), ("8.5 mm", 8.5), ("19,1 x 7 mm", 19.1), ("7mm*19mm", 19), ("", 0), ("large", 0), ("250", 0),
     ("1 2 3 4", 0), ("30 ml", 0), ("30's", 0), ("3 cm", 0)],
)  # fmt: skip
def test_the_longest_side_of_a_table(text: str, side: float) -> None:
    assert stated(text) == side
