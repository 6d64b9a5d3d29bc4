"""Faces of one package, told by their words alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsearch.catalog.images import ImageFacts
from simsearch.core.types import PrintAlone, PrintComparison, PrintedFact
from simsearch.indexes.text_terms import text_of
from simsearch.indexes.text_weights import TextWeights
from simsearch.recognition.print_alone import ALONE_FEATURES, NAMED, Said, alone, said, telling, together_said
from simsearch.recognition.printed import PRINT_FEATURES
from simsearch.testing.readers import reading

COMMON = {"tablets", "film", "coated", "each", "contains", "pharma", "limited", "made"}
FACTS = ImageFacts(
    1, "a.jpg", "/a.jpg", "front", "0" * 64, "A1", "Quiviran Forte 40 mg tablets", "40 mg", "tablet", "Xantheon Pharma",
    {"ingredient": "Omeprazole"},
)  # fmt: skip
NOTHING = PrintComparison()


def weight(word: str) -> float:
    return 1.2 if word in COMMON else 7.0


def of(text: str) -> Said:
    return said(reading(text), None, weight)


CARTON = of("QUIVIRAN\nOmeprazole 40 mg\nXantheon Pharma\n30 film coated tablets")
STRIP = of("QUIVIRAN 40 mg\nOmeprazole tablets\nXantheon")
OTHER = of("BEXALEX\nCeftriaxone 500 mg\nArvenia Pharma\n10 film coated tablets")


def column(found: PrintAlone, name: str) -> float:
    return float(found.features[ALONE_FEATURES.index(name)])


def test_two_faces_of_one_package_say_the_same_rare_words() -> None:
    one, other = alone(STRIP, CARTON, NOTHING), alone(STRIP, OTHER, NOTHING)
    for name in ("of_photo", "of_catalog", "title"):
        assert column(one, name) > 0.3 > column(other, name)
    assert one.named
    assert not other.named
    assert {"quiviran", "omeprazole", "xantheon"} <= {*one.words}
    assert {*other.words} == {"tablets"}


def test_common_words_say_little() -> None:
    found = alone(of("film coated tablets\nmade limited"), of("film coated tablets\nmade limited"), NOTHING)
    assert column(found, "of_photo") < 0.15
    assert not found.named


def test_little_text_says_little_however_alike() -> None:
    short, long = alone(of("QUIVIRAN"), of("QUIVIRAN"), NOTHING), alone(CARTON, CARTON, NOTHING)
    assert column(short, "of_photo") < 0.5 < column(long, "of_photo")


def test_a_misread_letter_of_the_name_is_forgiven() -> None:
    found = alone(of("QUIVIRAM 40 mg\nOmeprazole\nXantheon"), CARTON, NOTHING)
    assert found.named
    assert column(found, "title") >= NAMED


@pytest.mark.parametrize("sibling", ["QUIVIRAN FORTE 40 mg", "QUIVIRAN H 40 mg", "QUIVIRAN JUNIOR 40 mg"])
def test_a_word_beside_the_name_that_one_side_alone_has_names_a_sibling(sibling: str) -> None:
    for photo, catalog in ((of(f"{sibling}\nOmeprazole"), CARTON), (CARTON, of(f"{sibling}\nOmeprazole"))):
        found = alone(photo, catalog, NOTHING)
        assert column(found, "beside") > 0
        assert not found.named


def test_a_word_that_only_sounds_like_small_print_still_names_a_sibling() -> None:
    carton = of("QUIVIRAN\nOmeprazole 40 mg\nstore below 25 C")
    assert not alone(of("QUIVIRAN FORTE\nOmeprazole 40 mg"), carton, NOTHING).named


def test_an_ingredient_in_common_is_no_name() -> None:
    found = alone(of("BEXALEX 40 mg\nOmeprazole\nXantheon"), CARTON, NOTHING)
    assert column(found, "title") >= NAMED
    assert not found.named


def test_only_a_word_of_few_products_tells_anything() -> None:
    products = [text_of([f"tablets ip name{i:03}x"]) for i in range(120)]
    terms = [text.terms for text in products] + [text_of(["QUIVIRAN"]).terms]
    weights = TextWeights.of(terms, len(terms))

    def tells(text: str, by: TextWeights = weights) -> bool:
        return telling(said(reading(text), None, by.word), by)

    assert tells("QUIVIRAN\ntablets")
    assert not tells("tablets ip\n500 mg")
    assert not tells("qwzxy tablets"), "a word that no product says is misread, or of another drug"
    assert not tells("")
    few = TextWeights.of(terms[:50], 50)
    assert tells("tablets ip", few), "among few products no word is known to be common"


def test_the_row_of_a_product_is_a_face_of_it() -> None:
    row = said(None, FACTS, weight)
    found = alone(of("QUIVIRAN FORTE\n40 mg\nOmeprazole tablets"), row, NOTHING)
    assert found.named
    assert {"quiviran", "forte", "omeprazole"} <= {*found.words}
    assert not alone(STRIP, row, NOTHING).named  # no Forte
    assert not alone(OTHER, row, NOTHING).named


def test_all_faces_of_a_product_are_taken_together() -> None:
    front, back = of("QUIVIRAN\n40 mg"), of("Omeprazole\nXantheon Pharma")
    both = together_said([front, back])
    assert together_said([front]) is front
    assert {*both.rarity} == {*front.rarity} | {*back.rarity}
    assert column(alone(STRIP, both, NOTHING), "of_photo") > column(alone(STRIP, front, NOTHING), "of_photo")


def test_amounts_and_codes_come_from_the_comparison_of_print() -> None:
    features = tuple(float(i) for i in range(len(PRINT_FEATURES)))
    printed = PrintComparison((PrintedFact("strength", "40 mg", "40 mg"),), features=features)
    found = alone(STRIP, CARTON, printed)
    for name in ("quantities", "differing", "code"):
        assert column(found, name) == features[PRINT_FEATURES.index(name)]
    assert column(alone(STRIP, CARTON, replace(printed, features=())), "code") == 0


def test_where_nothing_is_rare_nothing_is_said() -> None:
    """Without a generation every word weighs 1: print then finds no face by itself."""
    none = said(reading("QUIVIRAN\n40 mg"), None, lambda _: 1.0)
    found = alone(none, none, NOTHING)
    assert found.features[:3] == (0.0, 0.0, 0.0)
    assert not found.named
    empty = said(reading(""), None, weight)
    assert alone(empty, CARTON, NOTHING).features[:3] == (0.0, 0.0, 0.0)
