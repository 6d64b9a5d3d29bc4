"""Codes of rows and of photos lead to images."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

from simsearch.catalog import Catalog
from simsearch.catalog.images import NewImage
from simsearch.core.code_agreement import keys
from simsearch.core.codes import read_codes
from simsearch.core.config import CatalogSettings
from simsearch.core.stamps import Stamp
from simsearch.core.types import SourceRow

COLA, TEA = "036000291452", "4006381333931"


def led(catalog: Catalog, code: str, symbology: str = "]E0") -> list[int]:
    return catalog.codes.images(keys(read_codes([(code, symbology)], date(2026, 11, 29))))


def row(sku: str, number: int, **attributes: str) -> SourceRow:
    path = f"/data/{sku}-{number}.jpg"
    return SourceRow(sku, path, path, path, attributes=attributes)


def add(catalog: Catalog, *rows: SourceRow) -> None:
    facts = [NewImage(r, "/data", Stamp(1, 1), "0" * 64, 1, 1, descriptors={}) for r in rows]
    catalog.images.apply(add=facts)


def test_the_code_of_a_row_leads_to_the_first_photos_of_the_product(catalog: Catalog) -> None:
    add(catalog, *(row("cola", n, upc=COLA) for n in range(4)), row("tea", 0, ean=TEA), row("none", 0))
    assert led(catalog, COLA) == [1, 2]
    assert led(catalog, f"0{COLA}") == [1, 2]
    assert led(catalog, TEA) == [5]
    assert led(catalog, "96385074", "]E4") == []


def test_a_row_that_says_another_code_takes_the_old_one_away(catalog: Catalog) -> None:
    add(catalog, row("cola", 0, upc=COLA))
    catalog.images.update_products([row("cola", 0, upc="", ean=TEA)])
    assert (led(catalog, COLA), led(catalog, TEA)) == ([], [1])


def test_the_code_on_a_photo_leads_to_that_photo(catalog: Catalog) -> None:
    add(catalog, *(row("cola", n) for n in range(3)))
    seen = keys(read_codes([(COLA, "]E0")], date(2026, 11, 29)))
    catalog.readings.add({3: {"codes-0123456789abcdef": b"x"}}, {3: seen})
    assert led(catalog, COLA) == [3]
    catalog.readings.add({3: {"codes-0123456789abcdef": b"y"}}, {3: ()})
    assert led(catalog, COLA) == []


def test_a_retired_image_is_not_found(catalog: Catalog) -> None:
    add(catalog, row("cola", 0, upc=COLA), row("cola", 1, upc=COLA))
    catalog.images.apply(retire=[1])
    assert led(catalog, COLA) == [2]


def test_the_codes_of_an_older_catalog_are_known_once_it_is_opened(tmp_path: Path) -> None:
    schema = Path(__file__).parent / "schemas" / "0004.sql"
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as connection:
        connection.executescript(schema.read_text())
        connection.execute("UPDATE products SET attributes = ? WHERE id = 1", (f'{{"upc": "{COLA}"}}',))
        connection.commit()
    catalog = Catalog(tmp_path / "catalog.db", CatalogSettings())
    found = led(catalog, COLA)
    assert found
    assert {facts.attributes.get("upc") for facts in catalog.images.facts(found).values()} == {COLA}
    catalog.close()


def test_keys_of_any_number_can_be_asked(catalog: Catalog) -> None:
    assert catalog.codes.images([f"own:{n}" for n in range(5000)]) == []
