"""Print of two photos, and of two images as the catalog keeps them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts, NewImage
from simsearch.core.codes import Codes, read_codes
from simsearch.core.config import CatalogSettings
from simsearch.core.stamps import Stamp
from simsearch.core.types import Image, PrintComparison, SourceRow
from simsearch.features.base import pack
from simsearch.features.codes import CodeMethod, CodeSettings
from simsearch.features.orb import Geometry
from simsearch.features.reading import Cut, Line, ReaderSettings, Reading, ReadPrint, encode
from simsearch.recognition.print_pairs import PairPrint, PrintSide
from simsearch.recognition.printed import PrintVerifier
from simsearch.testing.readers import FakeReader

WIDTH, HEIGHT = 300, 400
NONE = Codes()


def reading(*texts: str, sure: float = 0.98, cuts: bool = True, right: float = 0.9) -> Reading:
    found = []
    for i, text in enumerate(texts):
        top, bottom = 0.05 + 0.1 * i, 0.1 + 0.1 * i
        quad = np.array([[0.1, top], [right, top], [right, bottom], [0.1, bottom]], np.float32)
        found.append(Line(text, 0.95, quad, (Cut(text, sure), Cut(text, sure)) if cuts else ()))
    return Reading(tuple(found), WIDTH, HEIGHT)


def geometry() -> Geometry:
    edge = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]] * 5, np.float32)
    return Geometry(edge, edge, 20, np.eye(3))


def prints(reader: FakeReader | None = None) -> PairPrint:
    read = ReadPrint(ReaderSettings(), reader or FakeReader([]))
    return PairPrint({"reading": read, "codes": CodeMethod(CodeSettings())}, PrintVerifier(None), keypoint_side=512)


def compared(a: Reading | None, b: Reading | None, codes: Codes = NONE) -> PrintComparison | None:
    return prints().compare(PrintSide(a, codes), PrintSide(b, codes), geometry())


def kinds(found: PrintComparison | None) -> tuple[list[str], list[str]]:
    assert found is not None
    return [f.kind for f in found.agreements], [f.kind for f in found.contradictions]


def test_stored_lines_at_one_place_are_compared() -> None:
    found = compared(reading("HEMIPAN", "500 mg", "24 Tablets"), reading("HEMIPAN", "500 mg", "48 Tablets"))
    agree, against = kinds(found)
    assert (sorted(agree), against) == (["line", "strength"], ["pack"])
    assert found is not None
    [fact] = found.contradictions
    assert (fact.photo, fact.catalog, round(fact.confidence, 2)) == ("24 Tablets", "48 Tablets", 0.98)
    assert fact.photo_place == fact.catalog_place is not None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda: reading("24 Tablets", sure=0.7), "an unsure line"),
        (lambda: reading("24 Tablets", cuts=False), "a line that was read once"),
        (lambda: reading("24 Tablets", right=0.4), "a line of another length"),
    ],
)
def test_a_place_contradicts_only_where_both_are_sure(change: Callable[[], Reading], why: str) -> None:
    found = prints()
    alignment = found._alignment(change(), reading("48 Tablets"), geometry())
    assert alignment is not None
    from simsearch.recognition.print_pairs import _aligned

    assert _aligned(change(), reading("48 Tablets"), alignment, 25)[1] == [], why


def test_what_was_not_read_is_not_compared() -> None:
    assert compared(None, reading("500 mg")) is None
    assert compared(reading(), reading("500 mg")) is None
    codes = read_codes([("036000291452", "]E0")], date(2026, 11, 29))
    assert kinds(compared(None, None, codes)) == (["code"], [])


def test_photos_are_read_as_far_as_the_readers_are_installed() -> None:
    pixels = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    photo = Image(pixels, "0" * 64, WIDTH, HEIGHT)
    found = prints(FakeReader([(pixels, "HEMIPAN")]))
    side = found.look(photo)
    assert side.reading is not None
    assert (side.reading.text, side.pixels is pixels) == ("HEMIPAN", True)
    found.codes.missing = found.reading.missing = "not here"  # type: ignore[attr-defined]
    assert found.look(photo).reading is None


def test_the_catalogs_readings_are_taken_and_damaged_ones_are_not(tmp_path: Path) -> None:
    found = prints()
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.db'}", CatalogSettings())
    try:
        row = [SourceRow(name, f"/{name}", name, name, name=name) for name in "abc"]
        catalog.images.apply(add=[NewImage(r, "/", Stamp(1, 1), r.sku * 64, 1, 1, descriptors={}) for r in row])
        stored = pack(encode(reading("HEMIPAN")))
        catalog.readings.add({i: {found.reading.fingerprint: data} for i, data in ((1, stored), (2, stored[:-1]))})
        facts: dict[int, ImageFacts] = catalog.images.facts([1, 2, 3])
        sides = found.stored(catalog, facts)
        assert found.unread(catalog, np.array([1, 2, 3])) == 1
    finally:
        catalog.close()
    assert [side.reading.text if side.reading else None for side in sides.values()] == ["HEMIPAN", None, None]
