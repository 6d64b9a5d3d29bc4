"""Counts of pieces as packages write them."""

from __future__ import annotations

import pytest

from simsearch.core.quantities import Comparison, Pack, compare_packs, pack, pack_count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("3 x 10 Tablets", 30), ("3X10's", 30), ("30 tabs", 30), ("N30", 30), ("№ 30", 30), ("10'S", 10),
        ("10x10T", 100),
        ("2 x 14 Filmtabletten", 28), ("50 + 10 free", 60), ("20 x 2 ml ampoules", 20),
        ("10 strips of 10 tablets", 100),
        ("100 mcg/dose, 200 doses", 200), ("6 x 4 capsules", 24), ("۳۰ عدد", 30), ("20 St.", 20), ("N 20", 20),
        ("30 錠", 30),
        ("2 × 15 comprimés", 30), ("30 film-coated tablets", 30), ("5 x 10 x 2 ml", 50), ("10 × 10 Tablets",
         100), ("90 капсул", 90),
        ("500 mg 30 tablets", 30), ("2 blisters of 14", 28), ("№10", 10), ("1 sachet", 1), ("10 capsules", 10),
        ("10 Tabs. x 10", 100), ("10's x 3", 30), ("30 Filmtbl.", 30), ("1,000 tablets", 1000), ("Pack of 28", 28),
        ("box of 30", 30), ("PACK SIZE: 30", 30), ("10 amp. x 2 ml", 10), ("56 (4 x 14) tablets", 56),
        ("Blister 10", 10),
        # no counts
        ("1 bottle of 100 ml", None), ("bottle 100 ml", None),
        ("Store below 30°C", None), ("Rs.200.00 PER 10 TABS", None), ("Mfg. Lic. No. 4869/SR-34", None),
        ("15 mL", None), ("Box of 3 blisters of 1l 1im-cated tablets", None),
        ("each 5 ml contains", None), ("B.No.MCB48", None), ("1800-123-4567", None), ("ISO 9001", None),
        ("500 mg", None),
        ("after 15 months", None), ("Vitamin B12 tablets", None), ("10 x 10 cm", None), ("Lic. № 4869", None),
        ("", None),
        ("Dolo-650 tablets", None), ("0 tablets", None),
    ],
)  # fmt: skip
def test_pieces_of_a_package(text: str, count: int | None) -> None:
    assert pack_count(text) == count


def test_what_a_piece_holds() -> None:
    found = pack("20 x 2 ml ampoules")
    assert found
    assert found.each
    assert (found.layers, found.each.dimension, int(found.each.low)) == ((20,), "ml", 2)


@pytest.mark.parametrize(
    ("shown", "whole", "found"),
    [
        ("10 tablets", "10 x 10 Tablets", Comparison.UNKNOWN), ("100 tablets", "10 x 10 Tablets", Comparison.EQUAL),
        ("24 tablets", "48 tablets", Comparison.DIFFERENT), ("15 tablets", "10 x 10 Tablets", Comparison.DIFFERENT),
        ("30 tabs", "3 x 10 tablets", Comparison.EQUAL),
        ("1 vial", "1 pre-filled syringe", Comparison.DIFFERENT), ("5 ampoules", "5 vials", Comparison.EQUAL),
        ("1 pen", "1 prefilled syringe", Comparison.EQUAL), ("10", "10 vials", Comparison.EQUAL),
    ],
)  # fmt: skip
def test_a_strip_is_a_part_of_its_carton(shown: str, whole: str, found: Comparison) -> None:
    a, b = pack(shown) or Pack((int(shown),)), pack(whole)
    assert b
    assert compare_packs(a, b) is found
