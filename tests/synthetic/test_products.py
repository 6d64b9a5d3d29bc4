"""The invented products: unique, repeatable, some in families."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from simsearch.synthetic import SyntheticProduct, barcode, make_products, render, surfaces
from simsearch.synthetic.style import style_of


def families(products: list[SyntheticProduct]) -> list[list[SyntheticProduct]]:
    members = defaultdict(list)
    for product in products:
        members[product.family].append(product)
    return [family for family in members.values() if len(family) > 1]


def test_ten_thousand_products_are_unique() -> None:
    products = make_products(10_000, 3)
    assert len({product.sku for product in products}) == 10_000
    assert len({product.ean for product in products}) == 10_000
    assert len({(product.name, product.strength, product.form) for product in products}) == 10_000
    assert {product.package for product in products} == {"box", "bottle", "blister", "pills"}


def test_a_short_list_begins_a_long_one() -> None:
    assert make_products(40, 9) == make_products(90, 9)[:40]
    assert make_products(40, 9) != make_products(40, 10)


@pytest.mark.parametrize("share", [0.0, 0.35, 0.8])
def test_the_share_in_families_is_the_one_asked_for(share: float) -> None:
    found = sum(len(family) for family in families(make_products(2000, 1, family_share=share)))
    assert found / 2000 == pytest.approx(share, abs=0.03)


def test_a_family_shares_its_look_but_not_its_words() -> None:
    for family in families(make_products(400, 2)):
        first = family[0]
        for other in family[1:]:
            assert (other.manufacturer, other.package, other.form, other.style) == (
                first.manufacturer,
                first.package,
                first.form,
                first.style,
            )
            assert (other.name, other.strength) != (first.name, first.strength)
            one, two = style_of(first), style_of(other)
            assert (one.layout, one.dims, one.main, one.brand) == (two.layout, two.dims, two.main, two.brand)


def test_family_members_look_alike_but_not_the_same() -> None:
    checked = set()
    for family in families(make_products(120, 2)):
        first, second = (render(product, surfaces(product)[0], 192) for product in family[:2])
        assert first.shape == second.shape
        difference = float(np.abs(first.astype(int) - second).mean())
        assert 0 < difference < 40
        checked.add(family[0].package)
    assert "box" in checked


@pytest.mark.parametrize(("digits", "check"), [("400638133393", "1"), ("978014300723", "4"), ("200000000000", "8")])
def test_check_digit(digits: str, check: str) -> None:
    assert barcode.check_digit(digits) == check


def test_every_product_has_a_valid_ean() -> None:
    for product in make_products(50, 4):
        assert barcode.check_digit(product.ean[:12]) == product.ean[12]


def test_bars_of_a_known_code() -> None:
    bars = "".join(map(str, barcode.modules("4006381333931")))
    left = "0001101" + "0100111" + "0101111" + "0111101" + "0001001" + "0110011"
    right = "1000010" * 3 + "1110100" + "1000010" + "1100110"
    assert bars == f"101{left}01010{right}101"
