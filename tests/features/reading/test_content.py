"""What a line of print speaks of."""

from __future__ import annotations

import pytest

from simsearch.core.quantities import Comparison, compare, parse
from simsearch.features.reading.content import content, lasting, varies


@pytest.mark.parametrize(
    "text",
    [
        "Store below 30°C", "Store below 30 °C", "Rs.200.00 PER 10 TABS", "Mfg. Lic. No. 4869/SR-34",
        "each 5 ml contains", "B.No.MCB48", "1800-123-4567", "ISO 9001", "after 15 months", "M.R.P. Rs. 45.00",
        "EXP 05/2026", "MFD. MAR 2024",
        "Batch No. 30 tablets", "Reg. No. 012345", "Tel: 021 111 222 333", "Take 2 tablets daily", "Use within 28 days",
        "Plot No. 12, Sector 15", "8964000233108", "05/2027", "Price: 120 PKR",
    ],
)  # fmt: skip
def test_what_varies_or_advises_is_neither_strength_nor_pack(text: str) -> None:
    said = content(text)
    assert not said.strength
    assert said.pack is None
    assert not said.volumes


@pytest.mark.parametrize(
    ("text", "strength", "pieces"),
    [
        ("HEMIPAN 500 mg", "500 mg", None), ("120 mg/5 ml", "120 mg/5 ml", None), ("24 Tablets", "", 24),
        ("3 x 10 Tablets", "", 30), ("3X10's", "", 30), ("30 tabs", "", 30), ("N30", "", 30), ("10'S", "", 10),
        ("10x10T", "", 100), ("2 x 14 Filmtabletten", "", 28), ("20 x 2 ml ampoules", "", 20),
        ("Calpol 650 tablets", "", None), ("Vitamin B12 tablets", "", None), ("Fex 180", "", None),
        ("Each film coated tablet contains: Paracetamol 500 mg", "500 mg", None), ("pack of 20 tablets", "", 20),
    ],
)  # fmt: skip
def test_amounts_and_counts(text: str, strength: str, pieces: int | None) -> None:
    said = content(text)
    assert said.strength == strength
    assert (said.pack.count if said.pack else None) == pieces
    assert said.decides or text == "Vitamin B12"


def test_grams_of_a_cream_are_what_the_tube_holds() -> None:
    assert content("20 g").strength == "20 g"
    assert not content("20 g", "cream").strength
    assert content("20 g", "cream").volumes


@pytest.mark.parametrize(
    "text", ["Lotion 60 ml", "Expectorant", "Each tablet", "Regular strength", "Lotus", "Mayfair 5"]
)
def test_words_that_only_begin_like_a_lot_or_a_date(text: str) -> None:
    assert not varies(text)


@pytest.mark.parametrize(
    ("text", "kept", "strength"),
    [
        ("HEMILEX 100 MG EXP 11/27", "HEMILEX 100 MG", "100 MG"),
        ("500 mg EXP", "500 mg", "500 mg"),
        ("20 mg Store below 30°C", "20 mg", "20 mg"),
        ("EXP 11/27 100 mg", "EXP 11/27 100 mg", ""),  # what follows a date may be anything
        ("Mfg. Lic. No. 500 mg", "Mfg. Lic. No. 500 mg", ""),
        ("Take 500 mg daily, keep away", "Take 500 mg daily, keep away", ""),
        ("Hemilex 100 EXP 11/27", "Hemilex 100 EXP 11/27", ""),  # without a unit it may be a lot
        ("Hemilex 100 mg", "Hemilex 100 mg", "100 mg"),
    ],
)
def test_a_strength_before_a_date_lasts(text: str, kept: str, strength: str) -> None:
    assert (lasting(text), content(text).strength) == (kept, strength)


@pytest.mark.parametrize(
    ("text", "strength"),
    [("15mg5ml", "15 mg/5 ml"), ("15 mg5 ml", "15 mg/5 ml"), ("4mg2m Pabrinor", "4 mg/2 ml"), ("05 mg", "0.5 mg")],
)
def test_a_slash_or_a_point_that_the_reader_lost(text: str, strength: str) -> None:
    value = content(text).value
    assert value is not None
    assert compare(value, parse(strength)) is Comparison.EQUAL


@pytest.mark.parametrize("text", ["0 mg", "00 mg", "0.0 mg"])
def test_an_amount_of_nothing_was_cut_off(text: str) -> None:
    assert content(text).strength == ""
    assert content(text).value is None
