"""What counts as read on a photo."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.features.reading import Line, Reading
from simsearch.filing.seeing import _says_something

QUAD = np.array([[0.1, 0.1], [0.6, 0.1], [0.6, 0.2], [0.1, 0.2]], np.float32)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], False),
        (["B.No. MCB 48", "MFD. OCT.25 EXP. SEP.27", "M.R.P. Rs. 200.00"], False),
        (["B.NGMCB 48", "MFD.OCT.25 EXP.SEP.27", "M.R.P/10 TABS.Rs.200.00"], False),
        (["Mecobal 1.5", "MFD.OCT.25 EXP.SEP.27"], True),
        (["48", "mg"], False),
    ],
)
def test_a_lot_and_a_date_say_nothing_of_the_product(lines: list[str], says: bool) -> None:
    assert _says_something(Reading(tuple(Line(text, 0.99, QUAD) for text in lines), 800, 600)) is says


def test_a_photo_that_was_not_read_says_nothing() -> None:
    assert not _says_something(None)
