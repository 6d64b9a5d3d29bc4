"""A photo against an image of the catalog, by what is printed on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from simsearch.catalog.images import ImageFacts
from simsearch.core.codes import read_codes
from simsearch.core.types import Pixels, PrintComparison
from simsearch.features.orb import Geometry
from simsearch.features.reading import Cut, Line, Reading
from simsearch.recognition.printed import (
    PRINT_FEATURES,
    CatalogSide,
    PhotoSide,
    PrintSettings,
    PrintVerifier,
    photo_print,
)

TODAY = date(2026, 11, 29)
WIDTH, HEIGHT = 300, 400
BAND = 40


class Bands:
    """A picture of bands, and a reader that knows what stands on the band in the middle of a crop."""

    fingerprint = "bands"

    def __init__(self, *texts: str, confidence: float = 0.95) -> None:
        self.texts, self.confidence, self.asked = texts, confidence, 0
        self.pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        for i in range(len(texts)):
            band = self.pixels[i * BAND : (i + 1) * BAND]
            band[:] = 20 + 20 * i

    def read(self, pixels: Pixels) -> Reading:
        raise AssertionError("nothing is detected")

    def recognise(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        self.asked += len(crops)
        bands = [(int(crop[crop.shape[0] // 2, crop.shape[1] // 2, 0]) - 20) / 20 for crop in crops]
        return [(self.texts[round(band)], self.confidence) for band in bands]


def lines(*texts: str, cuts: bool = True, confidence: float = 0.95) -> Reading:
    """A reading with one line a band."""
    found = []
    for i, text in enumerate(texts):
        top, bottom = (i * BAND + 8) / HEIGHT, ((i + 1) * BAND - 8) / HEIGHT
        quad = np.array([[0.1, top], [0.9, top], [0.9, bottom], [0.1, bottom]], np.float32)
        same = (Cut(text, confidence), Cut(text, confidence)) if cuts else ()
        found.append(Line(text, confidence, quad, same))
    return Reading(tuple(found), WIDTH, HEIGHT)


def geometry(inliers: int = 20) -> Geometry:
    """The photo lies just as the catalog's does."""
    xy = np.random.default_rng(1).uniform([0, 0], [WIDTH, HEIGHT], (inliers - 4, 2)).astype(np.float32)
    corners = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], np.float32)
    xy = np.concatenate([corners, xy])
    return Geometry(xy, xy, inliers, np.eye(3))


def facts(**columns: str) -> ImageFacts:
    attributes = {key: columns.pop(key) for key in list(columns) if key in ("pack", "gtin")}
    usual = {"name": "Hemipan", "strength": "", "form": "", "manufacturer": ""} | columns
    return ImageFacts(1, "", "", "front", "", "sku", **usual, attributes=attributes)


def along(photo: Bands, *catalog: str, settings: PrintSettings | None = None, inliers: int = 20) -> PrintComparison:
    """Aligned reading alone."""
    verifier = PrintVerifier(photo, settings=settings, today=TODAY)
    return verifier.compare(PhotoSide(pixels=photo.pixels), CatalogSide(lines(*catalog)), geometry(inliers))


def feature(found: PrintComparison, name: str) -> float:
    return dict(zip(PRINT_FEATURES, found.features, strict=True))[name]


def test_a_pack_of_another_size_is_contradicted_at_its_place() -> None:
    found = along(Bands("HEMIPAN", "500 mg", "24 Tablets"), "HEMIPAN", "500 mg", "48 Tablets")
    (fact,) = found.contradictions
    assert (fact.kind, fact.photo, fact.catalog, fact.from_table) == ("pack", "24 Tablets", "48 Tablets", False)
    assert fact.photo_place is not None
    assert fact.catalog_place is not None
    assert np.allclose(fact.photo_place, fact.catalog_place, atol=0.02)
    assert [fact.kind for fact in found.agreements] == ["strength", "line"]


def test_equal_packages_agree() -> None:
    found = along(Bands("HEMIPAN", "500 mg", "24 Tablets"), "HEMIPAN", "500 mg", "24 Tablets")
    assert not found.contradictions
    assert {fact.kind for fact in found.agreements} == {"strength", "pack", "line"}
    assert feature(found, "aligned_agreeing") == pytest.approx(np.log1p(3))
    assert feature(found, "quantities") == pytest.approx(np.log1p(2))
    assert feature(found, "aligned_likeness") > 0.3


def test_after_a_contradiction_nothing_more_is_read() -> None:
    photo = Bands("24 Tablets", "500 mg", "HEMIPAN")
    along(photo, "48 Tablets", "250 mg", "HEMIPAN")
    assert photo.asked == 2
    photo = Bands(*["500 mg"] * 9)
    along(photo, *["500 mg"] * 9, settings=PrintSettings(lines=3))
    assert photo.asked == 3  # what agrees at once needs no second cut


def test_without_geometry_or_outside_of_it_nothing_is_read_along() -> None:
    photo = Bands("24 Tablets")
    assert not along(photo, "48 Tablets", inliers=9).contradictions
    verifier = PrintVerifier(photo)
    for shape in (None, replace(geometry(), homography=None)):
        found = verifier.compare(PhotoSide(pixels=photo.pixels), CatalogSide(lines("48 Tablets")), shape)
        assert not found.contradictions
    low = geometry()
    far = replace(low, other_xy=(low.other_xy * 0.3 + [0, 280]).astype(np.float32))
    found = verifier.compare(PhotoSide(pixels=photo.pixels), CatalogSide(lines("48 Tablets")), far)
    assert not found.contradictions
    assert photo.asked == 0


def test_a_place_where_nothing_can_be_read_is_told_apart_from_one_out_of_view() -> None:
    assert feature(along(Bands("", confidence=0.1), "48 Tablets"), "unread") == pytest.approx(np.log1p(1))
    assert feature(along(Bands("48 Tablets"), "48 Tablets"), "unread") == 0


def compared(photo: Sequence[str], catalog: Sequence[str], confidence: float = 0.99, **columns: str) -> PrintComparison:
    """Whole readings, without geometry."""
    other = CatalogSide(
        lines(*catalog, confidence=0.99) if catalog else None, facts=facts(**columns) if columns else None
    )
    return PrintVerifier(None, today=TODAY).compare(PhotoSide(lines(*photo, confidence=confidence)), other, None)


def kinds(found: PrintComparison) -> list[str]:
    return [fact.kind for fact in found.contradictions]


def test_whole_photos_contradict_in_the_one_thing_that_they_both_say() -> None:
    assert kinds(compared(["HEMIPAN", "500 mg"], ["HEMIPAN", "250 mg"])) == ["strength"]
    assert kinds(compared(["HEMIPAN", "24 tablets"], ["HEMIPAN", "48 tablets"])) == ["pack"]
    assert kinds(compared(["HEMIPAN", "500 mg"], ["HEMIPAN", "250 mg"], confidence=0.8)) == []
    assert kinds(compared(["HEMIPAN", "500 mg", "250 mg"], ["HEMIPAN", "125 mg"])) == []
    assert kinds(compared(["HEMIPAN", "500 mg"], ["HEMIPAN"])) == []
    assert kinds(compared(["Paracetamol 500 mg", "HEMIPAN"], ["Caffeine 65 mg", "HEMIPAN"])) == []


def test_the_table_contradicts_too() -> None:
    assert kinds(compared(["HEMIPAN", "500 mg"], [], strength="250 mg")) == ["strength"]
    assert kinds(compared(["HEMIPAN", "500 mg"], [], name="Hemipan 250 mg")) == ["strength"]
    assert kinds(compared(["HEMIPAN", "24 tablets"], [], pack="48")) == ["pack"]
    assert kinds(compared(["HEMIPAN", "24 tablets"], [], name="Hemipan 48 tablets")) == []  # may be a strength
    assert kinds(compared(["HEMIPAN", "500 mg"], [], strength="500 mg")) == []
    assert kinds(compared(["HEMIPAN", "1500 mcg"], [], strength="1.5")) == []
    assert kinds(compared(["Somebody", "500 mg"], [], strength="250 mg")) == []  # not this product's name


def test_r36_a_strip_is_a_part_of_its_carton() -> None:
    assert kinds(compared(["HEMIPAN", "10 tablets"], ["HEMIPAN", "10 x 10 Tablets"])) == []
    assert kinds(compared(["HEMIPAN", "10 tablets"], [], pack="10 x 10 Tablets")) == []
    assert kinds(compared(["HEMIPAN", "48 tablets"], [], pack="24 tablets")) == ["pack"]


def test_r38_combinations_and_salts() -> None:
    iron = "Elemental iron 100 mg + folic acid 1.5 mg + zinc 22.5 mg"
    assert kinds(compared(["HEMIPAN", "Folic acid 1.5 mg"], [], strength=iron)) == []
    assert (
        kinds(compared(["HEMIPAN", "zinc 22.5 mg + folic acid 1.5 mg + elemental iron 100 mg"], [], strength=iron))
        == []
    )
    besylate = ["HEMIPAN", "amlodipine besylate eq. to amlodipine 5 mg", "6.9 mg"]
    assert kinds(compared(besylate, [], strength="5 mg")) == []
    assert kinds(compared(besylate, [], strength="6.9 mg")) == []


def test_r39_doses_are_not_pieces() -> None:
    assert (
        kinds(compared(["HEMIPAN", "100 mcg/dose", "200 doses"], [], strength="100 mcg/dose", pack="200 doses")) == []
    )
    assert kinds(compared(["HEMIPAN", "400 micrograms/dose"], [], strength="100 mcg/dose")) == ["strength"]


def test_codes() -> None:
    ours, case, other = (
        read_codes([(text, "")], TODAY) for text in ("00857326005543", "10857326005540", "4006381333931")
    )
    verifier = PrintVerifier(None, today=TODAY)
    equal = verifier.compare(PhotoSide(codes=ours), CatalogSide(codes=ours), None)
    assert [fact.kind for fact in equal.agreements] == ["code"]
    assert feature(equal, "code") == 1
    of_case = verifier.compare(PhotoSide(codes=case), CatalogSide(codes=ours), None)
    assert not of_case.contradictions
    assert feature(of_case, "code") == 0.5
    apart = verifier.compare(PhotoSide(codes=other), CatalogSide(codes=ours), None)
    assert [fact.kind for fact in apart.contradictions] == ["code"]
    listed = verifier.compare(PhotoSide(codes=ours), CatalogSide(facts=facts(gtin="857326005543")), None)
    assert feature(listed, "code") == 1
    assert listed.agreements[0].from_table


def test_r09_no_code_decides_alone_against_picture_and_print() -> None:
    ours, theirs = (read_codes([(text, "")], TODAY) for text in ("00857326005543", "4006381333931"))
    photo = Bands("HEMIPAN", "500 mg", "24 Tablets")
    verifier = PrintVerifier(photo, today=TODAY)
    side = PhotoSide(codes=ours, pixels=photo.pixels)
    agreeing = CatalogSide(lines("HEMIPAN", "500 mg", "24 Tablets"), theirs)
    found = verifier.compare(side, agreeing, geometry(30))
    assert not found.contradictions
    assert "differ" in found.contested
    assert feature(found, "code") == 0
    # The pack is not visible, and it has a code of its own.
    found = verifier.compare(side, CatalogSide(lines("HEMIPAN", "500 mg"), theirs), geometry(30))
    assert kinds(found) == ["code"]
    assert not found.contested
    # Without a look at the pictures, print alone is not enough to doubt an equal code.
    other = CatalogSide(lines("HEMIPAN", "250 mg", confidence=0.99), ours, facts(name="Hemipan"))
    found = verifier.compare(PhotoSide(lines("HEMIPAN", "500 mg", confidence=0.99), ours), other, None)
    assert not found.contested
    assert kinds(found) == ["strength"]


def test_names_by_whole_words() -> None:
    assert feature(compared(["HEMIPAN", "500 mg"], [], name="Hemipan"), "name") == 1
    assert feature(compared(["Dolophine"], [], name="Dolo"), "name") == 0
    assert feature(compared(["CO AMOXICLAV"], [], name="Co-Amoxiclav 625"), "name") == 1
    assert feature(compared(["COAMOXICLAV"], [], name="Co-Amoxiclav 625"), "name") == 1
    assert 0 < feature(compared(["PANADOL"], [], name="Panadol Extra"), "name") < 1


def test_r22_a_name_with_a_word_more() -> None:
    photo = Bands("BETNESOL N", "eye drops")
    verifier = PrintVerifier(photo, today=TODAY)
    side = PhotoSide(lines("BETNESOL N", "eye drops", confidence=0.99), pixels=photo.pixels)
    for name, contradicted in (("Betnesol", ["name"]), ("Betnesol-N", []), ("Bet", [])):
        other = CatalogSide(lines("BETNESOL", "eye drops", confidence=0.99), facts=facts(name=name))
        found = verifier.compare(side, other, geometry())
        assert kinds(found) == contradicted
        assert feature(found, "lacking") > 0
    # Without the table, a line that reads the same with a wider margin is whole.
    assert kinds(verifier.compare(side, CatalogSide(lines("BETNESOL", "eye drops", confidence=0.99)), geometry())) == [
        "name"
    ]
    once = CatalogSide(lines("BETNESOL", "eye drops", cuts=False, confidence=0.99))
    assert not kinds(verifier.compare(side, once, geometry()))


def test_a_number_alone_is_outvoted_by_the_strength_that_it_repeats() -> None:
    """A blister repeats the strength without its unit, small, on every tablet."""
    found = along(Bands("HEMIPAN 300 mg", "200"), "HEMIPAN 300 mg", "300")
    assert kinds(found) == ["line"]
    photo = Bands("HEMIPAN", "200", confidence=0.9)
    side = PhotoSide(lines("HEMIPAN", "300 mg", confidence=0.99), pixels=photo.pixels)
    other = CatalogSide(lines("HEMIPAN", "300", confidence=0.99), facts=facts(strength="300 mg"))
    assert kinds(PrintVerifier(photo, today=TODAY).compare(side, other, geometry())) == []


def test_a_doubt_and_what_differs() -> None:
    sure = along(Bands("HEMIPAN", "500 mg"), "HEMIPAN", "500 mg")
    assert (sure.doubts, feature(sure, "differing")) == ((), 0.0)
    unread = along(Bands("HEMIPAN", "mg"), "HEMIPAN", "500 mg")
    assert [(fact.kind, fact.photo, fact.catalog) for fact in unread.doubts] == [("strength", "mg", "500 mg")]
    assert feature(unread, "differing") == 0.0
    guessed = along(Bands("HEMIPAN", "250 mg", confidence=0.75), "HEMIPAN", "500 mg")
    assert not guessed.contradictions
    assert [fact.photo for fact in guessed.doubts] == ["250 mg"]
    assert feature(guessed, "differing") == pytest.approx(np.log(2))
    apart = compared(["HEMIPAN", "250 mg"], [], confidence=0.8, strength="500 mg")
    assert [(fact.kind, fact.from_table) for fact in apart.doubts] == [("strength", True)]


def test_silence_says_nothing() -> None:
    found = PrintVerifier(None).compare(PhotoSide(), CatalogSide(), None)
    assert found == PrintComparison(features=(0.0,) * len(PRINT_FEATURES))


def test_what_an_answer_tells_of_a_photo() -> None:
    told = photo_print(
        lines("HEMIPAN 500 mg", "0.5 g", "3 x 10 tablets", "Store below 30°C", "100 ml"),
        read_codes([("00857326005543", "")], TODAY),
    )
    assert told.strengths == ("500 mg",)
    assert told.packs == ("3 x 10 tablets", "100 ml")
    assert told.forms == ("tablets",)
    assert told.codes == ("00857326005543",)
    assert len(told.lines) == 5


def test_one_short_line_in_common_says_little() -> None:
    short, long = ("Tablets IP",), ("HEMIPAN", "Hemipanolol hydrochloride", "Manufactured by Arvenia Pharma")
    found = []
    for texts in (short, long):
        photo, catalog = PhotoSide(lines(*texts, cuts=False)), CatalogSide(lines(*texts))
        compared = PrintVerifier(None, today=TODAY).compare(photo, catalog, None)
        assert compared.likeness == pytest.approx(1.0)
        found.append(compared.features[PRINT_FEATURES.index("text_likeness")])
    assert found[0] < 0.5 < 0.7 < found[1] < 1
