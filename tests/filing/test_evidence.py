"""What print says of a photo and a row, or of two photos, is read from the columns that are named so."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from simsearch.catalog.images import ImageFacts
from simsearch.core.codes import Codes
from simsearch.core.product_numbers import Gtin
from simsearch.core.types import Description, PrintComparison, Verification
from simsearch.features.reading import Line, Reading
from simsearch.filing.evidence import PAIR_FEATURES
from simsearch.filing.looker import Looker
from simsearch.recognition.print_pairs import PrintSide
from simsearch.recognition.printed import PRINT_FEATURES, PrintVerifier

QUAD = np.array([[0.1, 0.1], [0.6, 0.1], [0.6, 0.2], [0.1, 0.2]], np.float32)
SIDE = PrintSide(Reading((Line("Hemipan", 0.99, QUAD),), 800, 600), Codes())


class Scorer:
    """A pair scorer that sees nothing."""

    def quick_pairs(self, first: Any, second: Any) -> Any:
        return np.zeros((1, 7))

    def verdicts(self, rows: Any, inliers: Any) -> list[Verification]:
        return [Verification(0.5, 0.0, 0.0, 0, 0.5)]


class Says:
    """Compares print by a hand-made result."""

    def __init__(self, **columns: float) -> None:
        self.found = PrintComparison(features=tuple(columns.get(name, 0.0) for name in PRINT_FEATURES))

    def compare(self, *_: Any) -> PrintComparison:
        return self.found


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"code": -1.0}, {"code": -1.0, "likeness": 0.0}),
        ({"code": 1.0, "laid_out": 0.0}, {"code": 1.0}),
        ({"laid_out": 2.0}, {"code": 0.0}),
        ({"text_likeness": 0.7, "name": 0.9}, {"likeness": 0.7, "code": 0.0}),
    ],
)
def test_a_pair_is_told_by_the_columns_of_print(columns: dict[str, float], expected: dict[str, float]) -> None:
    looker = Looker(cast(Any, Scorer()), cast(Any, Says(**columns)), PrintVerifier(None))
    features, _ = looker.pair((Description({}), Description({})), (SIDE, SIDE))
    found = dict(zip(PAIR_FEATURES, features, strict=True))
    assert {name: found[name] for name in expected} == expected


def test_the_name_of_a_row_is_what_is_printed_of_it_and_no_code() -> None:
    facts = ImageFacts(1, "a.jpg", "", "", "front", "sku", "Hemipan", "", "", "", {"gtin": "4006381333931"})
    looker = Looker(cast(Any, Scorer()), None, PrintVerifier(None))
    assert looker.row(SIDE, facts).name > 0.9
    gtin = Gtin.parse("4006381333931")
    assert gtin is not None
    coded = PrintSide(SIDE.reading, Codes(gtins=frozenset({gtin})))
    seen = looker.row(coded, facts)
    assert seen.name > 0.9
    assert "code" in seen.agree
