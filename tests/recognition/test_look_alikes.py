"""Products that are easily taken for one another, and the words about them."""

from __future__ import annotations

from typing import Any

import pytest

from simsearch.catalog.images import ImageFacts
from simsearch.core.types import Verification
from simsearch.recognition import look_alikes as lookalikes


def looks(p: float, inliers: int = 20) -> Verification:
    return Verification(p, 0.8, p, inliers, 0.9, (0.0, 0.8, 3.0, 0.9), support=inliers)


def facts(
    sku: str, name: str = "", strength: str = "", form: str = "", manufacturer: str = "", **more: Any
) -> ImageFacts:
    return ImageFacts(
        sum(map(ord, sku)), f"{sku}.jpg", f"/{sku}.jpg", "front", sku, sku, name, strength, form, manufacturer, more
    )


@pytest.mark.parametrize(
    ("other", "p", "kind"),
    [
        (facts("b", "Examplin", "20 mg", "tablet", "Maker"), 0.0, "strength"),
        (facts("b", "Examplin 20 mg", "", "tablet", "Maker"), 0.0, "strength"),
        (facts("b", "Examplin", "0.01 g", "capsule", "Maker"), 0.0, "form"),
        (facts("b", "Examplin", "10 mg", "tablet", "Else"), 0.0, "name"),
        (facts("b", "Examplon", "10 mg", "tablet", "Else"), 0.0, "name"),
        (facts("b", "Examplin Forte", "10 mg", "tablet", "Else"), 0.0, "name"),
        (facts("b", "Zabinex", "10 mg", "tablet", "MAKER"), 0.2, "maker"),
        (facts("b", "Zabinex", "10 mg", "tablet", "Maker"), 0.01, ""),
        (facts("b", "Zabinex", "10 mg", "tablet", "Else"), 0.6, "appearance"),
        (facts("b", "Zabinex", "10 mg", "tablet", "Else"), 0.2, ""),
        (facts("b"), 0.2, ""),
    ],
)
def test_why_a_product_is_easily_taken_for_another(other: ImageFacts, p: float, kind: str) -> None:
    named = facts("a", "Examplin", "10 mg", "tablet", "Maker")
    assert lookalikes.kind(named, other, looks(p)) == kind


def test_products_without_names_are_not_alike_by_name() -> None:
    assert lookalikes.kind(facts("a"), facts("b"), looks(0.0)) == ""


def test_how_they_differ_in_the_catalogs_data() -> None:
    a = facts("a", "Examplin", "10 mg", "tablet", "Maker", licence="X1", colour="white")
    b = facts("b", "Examplin", "20 mg", "tablet", "", licence="X2", colour="white")
    assert lookalikes.differences(a, b) == (
        ("strength", "10 mg", "20 mg"), ("manufacturer", "Maker", "not stated"), ("licence", "X1", "X2")
    )  # fmt: skip
    [alike] = lookalikes.look_alikes(a, [(b, looks(0.1))])
    assert alike.warning.endswith("strength 20 mg, not 10 mg; manufacturer not stated, not Maker; licence X2, not X1")


def test_what_the_catalog_cannot_tell_apart_is_said() -> None:
    a, b = facts("a", "Examplin", "10 mg"), facts("b", "Examplin", "10 MG")
    [alike] = lookalikes.look_alikes(a, [(b, looks(0.1))])
    assert (alike.differences, "do not tell the two apart" in alike.warning) == ((), True)


# -- strengths in the catalog's own words ----------------------------------------------------------------------------

OWN_WORDS = (
    "875/125 mg", "1.000 mg", "10.000 IU", "1 000 mg", "15 mg/5 ml", "100 mcg", "100 I.E./ml", "1'000 mg", "0,5 %",
    "1,00,000 IU", "100 mcg/dose, 200 doses", "500 mg (as trihydrate)", "۵۰۰ mg", "forte", "650",
)  # fmt: skip


@pytest.mark.parametrize("text", OWN_WORDS)
def test_a_strength_is_told_in_the_catalogs_own_words(text: str) -> None:
    product = facts("a", "Examplin", f" {text} ")
    assert (lookalikes.strength(product), lookalikes.to_check(product)) == (text, text)


@pytest.mark.parametrize(
    ("product", "words"),
    [
        (facts("a", "Examplin 875/125 mg tablets"), "875/125 mg"),
        (facts("a", "Examplin 10 mg", "-"), "10 mg"),
        (facts("a", "Betnovate cream 20 g", form="cream"), ""),
        (facts("a", "Betnovate 0.1 % cream 20 g"), "0.1 %"),
        (facts("a", "Dolo-650"), "Dolo-650"),
        (facts("a", "Vitamin B12"), ""),
        (facts("a", "Examplin", "n/a"), "n/a"),
        (facts("a", "Examplin"), ""),
    ],
)
def test_what_the_package_has_to_say(product: ImageFacts, words: str) -> None:
    assert lookalikes.to_check(product) == words


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        ("875/125 mg", "500/125 mg", "has the same name in another strength: strength 500/125 mg, not 875/125 mg"),
        ("1 000 mg", "2 000 mg", "has the same name in another strength: strength 2 000 mg, not 1 000 mg"),
        ("1.000 mg", "500 mg", "has the same name in another strength: strength 500 mg, not 1.000 mg"),
        ("250 mg/5 ml", "250 mg", "has the same name and perhaps another strength: strength 250 mg, not 250 mg/5 ml"),
        ("1.000 mg", "1,000 mg", "has the same name and perhaps another strength: strength 1,000 mg, not 1.000 mg"),
        ("forte", "mite", "has the same name and perhaps another strength: strength mite, not forte"),
        (
            "0.5 g",
            "500 mg",
            "has the same name; 0.5 g and 500 mg are one strength, and the catalog's data do not differ",
        ),
        ("5 mg", "5  MG", "has the same name; the catalog's data do not tell the two apart"),
        ("10 mg", "", "has the same name: strength not stated, not 10 mg"),
    ],
)
def test_a_warning_never_hides_what_the_catalog_says(ours: str, theirs: str, says: str) -> None:
    [alike] = lookalikes.look_alikes(facts("a", "Examplin", ours), [(facts("b", "Examplin", theirs), looks(0.1))])
    assert says in alike.warning


@pytest.mark.parametrize(
    ("ours", "theirs", "kind", "says"),
    [
        ("Dolo-650", "Dolo-500", "strength", "has the same name with another number: name Dolo-500, not Dolo-650"),
        ("Vitamin B12", "Vitamin B6", "name", "has a similar name: name Vitamin B6, not Vitamin B12"),
        ("Vitamin C 500 mg", "Vitamin E 400 mg", "name", "has a similar name"),
        ("Betnesol", "Betnesol-N", "name", "has a similar name: name Betnesol-N, not Betnesol"),
        ("Betnovate cream 20 g", "Betnovate cream 30 g", "name", "has a similar name: name Betnovate cream 30 g, not"),
        ("Amlo 25 MG / Triamterene 50 MG", "Amlo 10 MG / Valsartan 160 MG", "name", "has a similar name"),
        ("Augmentin 875/125 mg", "Augmentin 500/125 mg", "strength", "strength 500/125 mg, not 875/125 mg"),
        ("Ezamed 20mg 30 tablets", "Ezamed 40mg 60 tablets", "strength", "strength 40mg, not 20mg"),
    ],
)
def test_numbers_of_a_name(ours: str, theirs: str, kind: str, says: str) -> None:
    [alike] = lookalikes.look_alikes(facts("a", ours), [(facts("b", theirs), looks(0.1))])
    assert (alike.kind, says in alike.warning) == (kind, True), alike.warning


def test_a_number_of_the_name_that_repeats_the_strength_is_no_part_of_it() -> None:
    assert lookalikes.base_name(facts("a", "Dolo-650 (paracetamol) tablets IP", "650 mg", "tablet")) == (
        "dolo", "paracetamol", "ip"
    )  # fmt: skip
    assert lookalikes.base_name(facts("a", "Calpol 250", "120 mg/5 ml")) == ("calpol", "250")
    assert lookalikes.base_name(facts("a", "Vitamin B12", "500 mcg")) == ("vitamin", "b12")
    a, b = facts("a", "Dolo-650", "650 mg"), facts("b", "Dolo-500", "500 mg")
    assert lookalikes.kind(a, b, looks(0.0)) == "strength"


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        ("875/125 mg", "500/125 mg", "the catalog says 875/125 mg and 500/125 mg"),
        ("1 000 mg", "2 000 mg", "the catalog says 1 000 mg and 2 000 mg"),
        ("400 IU/ml", "4 mg/2 ml", "the catalog says 400 IU/ml and 4 mg/2 ml"),
        ("0.5 g", "500 mg", ""), ("1.000 mg", "1 g", ""), ("5 mg", "", ""), ("", "", ""),
    ],
)  # fmt: skip
def test_two_strengths_by_the_catalogs_data(a: str, b: str, found: str) -> None:
    assert lookalikes.strength_difference(facts("a", "Examplin", a), facts("b", "Examplin", b)) == found
    assert lookalikes.strength_difference(facts("a", "Examplin", a), facts("a", "Examplin", b)) == ""


def test_numbers_of_different_names_are_no_two_strengths() -> None:
    assert lookalikes.strength_difference(facts("a", "Dolo-650"), facts("b", "Calpol 500")) == ""
    said = lookalikes.strength_difference(facts("a", "Dolo-650"), facts("b", "Dolo-500"))
    assert said == "the catalog says Dolo-650 and Dolo-500"
