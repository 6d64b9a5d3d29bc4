"""Conditions of `--where`."""

from __future__ import annotations

import pytest

from simsearch.catalog.selection import ProductFacts
from simsearch.core.errors import UsageError
from simsearch.recognition import product_filter as filters

PRODUCT = ProductFacts(1, "A-1", "Examplin Forte", "500 mg", "Tablet", "", {"Colour": "white", "pieces": 20})


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("form=tablet", True), ("form = TABLET ", True), ("form=tab", False), ("form!=capsule", True),
        ("form!=tablet", False), ("name~forte", True), ("name~fortes", False), ("colour=WHITE", True),
        ("pieces=20", True), ("manufacturer=", True), ("manufacturer!=", False), ("sku=a-1", True),
        ("name~examplin f", True), ("strength~=5", False),
    ],
)  # fmt: skip
def test_a_condition(text: str, holds: bool) -> None:
    [condition] = filters.parse([text])
    assert condition.holds(PRODUCT) is holds


@pytest.mark.parametrize("text", ["form", "=tablet", "", "form>3", "~x", "name~", "name~  "])
def test_a_condition_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(UsageError, match="--where"):
        filters.parse([text])
