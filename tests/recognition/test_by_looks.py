"""Products by a description of their pills."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simsearch.catalog import Catalog
from simsearch.catalog.images import NewImage
from simsearch.core.config import CatalogSettings
from simsearch.core.errors import UsageError
from simsearch.core.stamps import Stamp
from simsearch.core.types import SourceRow
from simsearch.features.base import NoSettings, pack
from simsearch.features.pills import PillLooks
from simsearch.recognition.by_looks import Looks, parse, search
from tests.features.pills.drawn import BLUE, look, photo, read

PILLS = PillLooks(NoSettings())
TABLES = {
    "a": {"color": "WHITE", "shape": "ROUND", "imprint": "L;9", "size_mm": "8.0"},
    "b": {"color": "WHITE", "shape": "ROUND", "imprint": "L;90", "外觀尺寸": "12 x 6 mm"},
    "c": {"color": "BLUE/WHITE", "shape": "CAPSULE", "imprint": "L;9"},
    "d": {"color": "白", "shape": "圓形", "imprint": "YSP FEC"},
    "e": {},
}


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    made = Catalog(f"sqlite:///{tmp_path / 'catalog.db'}", CatalogSettings())
    blue: Any = PILLS.describe([photo(look("round", 1.0, BLUE))])[0]
    blue["imprint"], blue["size"] = read("TV 1O5"), (9.04, 8.9)
    made.images.apply(
        add=[
            NewImage(
                SourceRow(sku, f"/{sku}", sku, sku, name=f"Drug {sku}", attributes=table), "/", Stamp(1, 1), "0" * 64,
                1, 1, descriptors={PILLS.fingerprint: pack(blue if sku == "e" else blue[:0])},
            )
            for sku, table in TABLES.items()
        ]
    )  # fmt: skip
    yield made
    made.close()


def test_words_are_told_apart() -> None:
    assert parse("white round scored L 9") == Looks(("white",), "round", True, ("L", "9"))
    assert parse("Blue/white capsule, TEVA") == Looks(("blue", "white"), "capsule", False, ("TEVA",))
    assert parse("白 圓形") == Looks(("white",), "round")
    assert parse("grey oblong") == Looks(("gray",), "oval")
    assert parse("white 9 mm L9") == Looks(("white",), imprint=("L9",), size=9.0)
    assert parse("19,1 x 7mm") == Looks(size=19.1)
    assert parse("5 mg") == Looks(imprint=("5", "MG"))
    for text in ("", " , ", "x " * 41):
        with pytest.raises(UsageError, match="--looks"):
            parse(text)


def test_the_table_decides(catalog: Catalog) -> None:
    first, second, *_ = search(catalog, PILLS, parse("white round L 9"), 5)
    assert (first.sku, first.score) == ("a", 1.0)
    assert first.fits == ("colour white (table)", "shape round (table)", "imprint L 9 (table)")
    assert second.sku == "b"
    assert [hit.sku for hit in search(catalog, PILLS, parse("blue white capsule"), 1)] == ["c"]


@pytest.mark.parametrize(
    ("text", "sku", "fit"),
    [
        ("white round 8.3 mm", "a", "size 8.3 mm (table)"), ("white 12 mm", "b", "size 12 mm (table)"),
        ("blue 9 mm", "e", "size 9 mm (photo)"),
    ],
)  # fmt: skip
def test_a_size_is_compared(catalog: Catalog, text: str, sku: str, fit: str) -> None:
    first, *_ = search(catalog, PILLS, parse(text), 5)
    assert first.sku == sku
    assert fit in first.fits


def test_a_register_in_chinese_is_understood(catalog: Catalog) -> None:
    [hit] = search(catalog, PILLS, parse("white round FEC"), 1)
    assert (hit.sku, hit.score) == ("d", 1.0)


def test_where_the_table_says_nothing_the_photo_does(catalog: Catalog) -> None:
    [hit] = search(catalog, PILLS, parse("blue round"), 1)
    assert hit.sku == "e"
    assert hit.fits == ("colour blue (photo)", "shape round (photo)")
    assert "e" not in {hit.sku for hit in search(catalog, None, parse("blue round"), 9)}


def test_what_is_read_on_a_photo_counts_where_the_table_names_no_imprint(catalog: Catalog) -> None:
    [hit] = search(catalog, PILLS, parse("blue TV 105"), 1)
    assert hit.sku == "e"
    assert hit.fits == ("colour blue (photo)", "imprint TV 105 (photo)")
    assert all(hit.score == 0 or hit.sku != "e" for hit in search(catalog, PILLS, parse("WPI"), 9))
