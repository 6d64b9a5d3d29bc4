"""The SKU: one spelling, and what spreadsheets and programs make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsearch.ingest.skus import MAX_SKU, damage, tidy
from simsearch.ingest.sources import read_source
from tests.ingest.reading import put, read, refused

DAMAGED = {
    "shortened": ["4.01234E+12", "4,01234E+12", "1.23457E+11", "1E+12", "4e+20", "1e-05", "4.01234E12", "-4.0E+12"],
    "error value": ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#NV", "#BEZUG!",
                    "#WERT!", "####", "Err:502", "#¡REF!", "#ССЫЛКА!"],
    "empty cell": ["nan", "NaN", "NAN", "NULL", "null", "None", "N/A", "n/a", "NA", "<NA>", "NaT", "undefined"],
    "a date": ["1-Mar", "01-Mar", "Mar-01", "1-Mar-24", "01. Mrz", "1. Mrz", "1-Dez", "2024-03-01 00:00:00",
               "2024-03-01T00:00:00.000"],
}  # fmt: skip
SOUND = [
    "12E3", "1E5", "5E-3", "0060", "4012345678901", "12.5", "1.0", "#4711", "#1", "#New", "Na", "nano", "Nancy", "0",
    "-", "A-1", "3-1", "2024-03-01", "01.03.2024", "MARCH1", "MAR-1234", "DEC 50", "May", "E+12", "100%", "a:b", "药盒",
    "😀", "<b>", "1/2", "x" * MAX_SKU,
]  # fmt: skip


@pytest.mark.parametrize(("kind", "sku"), [(kind, sku) for kind, skus in DAMAGED.items() for sku in skus])
def test_damaged_skus_are_named_in_tables_and_folders(tmp_path: Path, kind: str, sku: str) -> None:
    [message] = refused(read(tmp_path, f'sku,image\n"{sku}",a.jpg\n'))
    assert message.startswith("bad_row line 2: 'sku' is ")
    assert kind in message
    if "/" not in sku:
        put(tmp_path / "shop", f"{sku}/a.jpg")
        source = read_source(tmp_path / "shop")
        assert source.rows == []
        assert f"a.jpg: its SKU is {sku!r}: " in source.refusals[0].message


@pytest.mark.parametrize("sku", SOUND)
def test_sound_skus_stay_as_they_are(tmp_path: Path, sku: str) -> None:
    assert damage(sku) == ""
    assert tidy(sku) == sku
    assert [row.sku for row in read(tmp_path, f'sku,image\n"{sku}",a.jpg\n').rows] == [sku]


def test_a_sku_fits_into_an_index_of_every_database() -> None:
    assert damage("x" * (MAX_SKU + 1)) == f"is longer than {MAX_SKU} characters"
    assert len(("药" * MAX_SKU).encode()) < 2_700
