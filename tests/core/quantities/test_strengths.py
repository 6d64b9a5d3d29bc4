"""The strength in a longer text, in its own words."""

from __future__ import annotations

import pytest

from simsearch.core.quantities import doses, parse, without_amounts


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Examplin 0.5 g", "0.5 g"), ("500MG", "500MG"), ("1,000 IU", "1,000 IU"), ("2,5 mg", "2,5 mg"),
        ("5 mg/ml", "5 mg/ml"), ("250 µg", "250 µg"), ("10 mg + 20 mg", "10 mg + 20 mg"), ("Vitamin B12", ""),
        ("30 tablets", ""), ("5%", "5%"), ("24 tablets, 5 months", ""), ("", ""), ("FLU-D CAPSULES 50MG", "50MG"),
        ("Augmentin 0.5 g / 125 mg", "0.5 g / 125 mg"), ("Cream 1% 20 g", "1%"), ("妥得降膜衣錠40毫克", "40毫克"),
        ("Hydrochlorothiazide 25 MG / Triamterene 37.5 MG Oral Capsule", "25 MG / Triamterene 37.5 MG"),
        ("24 HR Propranolol 80 MG Extended Release", "80 MG"), ("GluviaMet F.C. Tablets 50/500mg", "50/500mg"),
        ("Dafiro HCT 5/160/12.5mg Film-Coated Tablets", "5/160/12.5mg"), ("Calpol 250", ""), ("Dolo-650", ""),
        ("CRESAR 80 AM (telmisartan + amlodipine) 80 mg + 5 mg", "80 mg + 5 mg"), ("Betnovate cream 20 g", ""),
        ("Amylases 60000 UNT / Lipase 12000 UNT Oral", "60000 UNT / Lipase 12000 UNT"),
        ("Voltaren Emulgel 1% 100 g", "1%"),
        ("Lignocaine HCl 2% 20ml (Vials) Injection", "2%"), ("PENTASA Sachet, Prolonged Release Granules, 2g", "2g"),
        ("Dipidolor 7.5 mg/ml 2 ml", "7.5 mg/ml"), ("Vitamin D3 1000 IU", "1000 IU"), ("THYROID-S TABLETS 100UG",
         "100UG"),
        ("Nasonex 50 micrograms/dose, 140 doses", "50 micrograms/dose"), ("Heparin 5.000 I.E./0,2 ml",
         "5.000 I.E./0,2 ml"),
        # what a reader of print meets
        ("Store below 30°C", ""), ("Rs.200.00 PER 10 TABS", ""), ("Mfg. Lic. No. 4869/SR-34", ""),
        ("each 5 ml contains", ""),
        ("B.No.MCB48", ""), ("1800-123-4567", ""), ("ISO 9001", ""), ("after 15 months", ""),
        ("20 x 2 ml ampoules", ""),
    ],
)  # fmt: skip
def test_the_doses_of_a_text(text: str, found: str) -> None:
    assert doses(text) == found


@pytest.mark.parametrize(
    ("text", "form", "found"),
    [
        ("Betnovate 20 g", "cream", ""),
        ("Amoxil 1 g", "tablet", "1 g"),
        ("Cefotaxime 1 g", "powder for injection", "1 g"),
    ],
)
def test_grams_of_a_cream_are_what_its_tube_holds(text: str, form: str, found: str) -> None:
    assert doses(text, form) == found


def test_what_the_package_holds_is_content() -> None:
    [reading] = parse("100 mcg/dose, 200 doses").readings
    [held] = reading.content
    assert (len(reading.parts), held.dimension, int(held.low)) == (1, "dose", 200)


def test_words_between_amounts_stay() -> None:
    assert without_amounts("Hydrochlorothiazide 25 MG / Triamterene 37.5 MG").split() == [
        "Hydrochlorothiazide",
        "/",
        "Triamterene",
    ]
