"""Doubts about rows alone."""

from __future__ import annotations

from datetime import date
from typing import Any

from simsearch.catalog.doubts import DoubtKind, FilingAction
from simsearch.catalog.selection import ProductFacts
from simsearch.core.types import Refusal
from simsearch.filing.rows import row_doubts

TODAY = date(2026, 11, 30)
RIGHT, WRONG = "4006381333931", "4006381333932"


def row(sku: str, name: str, strength: str = "", **attributes: Any) -> ProductFacts:
    return ProductFacts(1, sku, name, strength, "", "", attributes)


def test_a_number_with_a_wrong_check_digit_is_doubted() -> None:
    [one] = row_doubts([row("A", "Ibu", gtin=WRONG), row("B", "Para", gtin=RIGHT)], [], TODAY)
    assert (one.kind, one.sku, one.field, one.action) == (DoubtKind.ROWS_DIFFER, "A", "code", FilingAction.TABLE)
    assert WRONG in one.reason


def test_two_names_with_one_code_are_doubted_and_two_spellings_are_not() -> None:
    rows = [row("A", "Ibu", "400 mg", gtin=RIGHT), row("B", "IBU ", "0.4 g", gtin=RIGHT)]
    assert row_doubts(rows, [], TODAY) == []
    [one] = row_doubts([*rows, row("C", "Ibu", "600 mg", gtin=RIGHT)], [], TODAY)
    assert (one.sku, one.against_sku) == ("A", "C")
    [one] = row_doubts([rows[0], row("D", "Hemipan", "400 mg", gtin=RIGHT)], [], TODAY)
    assert one.reason == f"A (Ibu 400 mg) and D (Hemipan 400 mg) have one code, 0{RIGHT}"


def test_a_shops_own_number_may_be_given_twice() -> None:
    own = "2012345678903"
    assert row_doubts([row("A", "Ibu", gtin=own), row("B", "Para", gtin=own)], [], TODAY) == []


def test_refused_rows_of_one_sku_are_one_doubt() -> None:
    text = "SKU A-1 has two strengths, '5 mg' (line 2) and '10 mg' (line 3); one SKU is one product: correct the SKU"
    refusals = [Refusal(f"t.csv line {n}", "contradiction", f"t.csv line {n}: {text}") for n in (2, 3)]
    [one] = row_doubts([], [*refusals, Refusal("x", "bad_row", "SKU B has two names")], TODAY)
    assert (one.sku, one.field) == ("A-1", "strength")
    assert one.reason == refusals[0].message


def test_a_doubt_has_the_same_key_whatever_the_order_of_rows() -> None:
    rows = [row("A", "Ibu", gtin=RIGHT), row("B", "Para", gtin=RIGHT), row("C", "X", gtin=WRONG)]
    keys = {doubt.key for doubt in row_doubts(rows, [], TODAY)}
    assert {doubt.key for doubt in row_doubts(rows[::-1], [], TODAY)} == keys
    assert len(keys) == 2
