"""What two readings of one place say of each other."""

from __future__ import annotations

import pytest

from simsearch.features.reading.content import lasting
from simsearch.features.reading.types import Cut
from simsearch.recognition.printed.lines import Relation, judge

AGREES, CONTRADICTS, NOTHING = Relation.AGREES, Relation.CONTRADICTS, Relation.NOTHING


def twice(text: str, confidence: float = 0.95) -> tuple[Cut, Cut]:
    return Cut(text, confidence), Cut(text, confidence)


@pytest.mark.parametrize(
    ("photo", "catalog", "relation", "kind"),
    [
        ("24 Tablets", "48 Tablets", CONTRADICTS, "pack"),
        ("75 mg", "150 mg", CONTRADICTS, "strength"),
        ("125 mg/5 ml", "250 mg/5 ml", CONTRADICTS, "strength"),
        ("48", "24", CONTRADICTS, "line"),
        ("Dolo-650", "Dolo-500", CONTRADICTS, "line"),
        ("60 ml", "100 ml", CONTRADICTS, "volume"),
        ("500 mg", "500 mg", AGREES, "strength"),
        ("1.5 mg", "1500 mcg", AGREES, "strength"),
        ("1,5 mg", "1.5 mg", AGREES, "strength"),
        ("3 x 10 Tablets", "30 Tablets", AGREES, "pack"),
        ("15 9", "15 g", NOTHING, None),
        ("15g", "159", AGREES, None),  # g was taken for 9
        ("5OO mg", "500 mg", AGREES, "strength"),
        ("l0 mg", "10 mg", AGREES, "strength"),
        ("30", "300 mg", NOTHING, None),  # cut off
        ("00 mg", "100 mg", NOTHING, None),
        ("500 µg", "500 mg", NOTHING, None),  # one of the units was misread
        ("10 Tablets", "10 x 10 Tablets", NOTHING, None),
        ("0.5 mg", "5 mg", NOTHING, None),
        ("8 mg/4 ml", "4 mg/2 ml", CONTRADICTS, "strength"),  # another ampoule of one concentration
        ("1 vial", "1 pre-filled syringe", CONTRADICTS, "pack"),
        ("1 vip", "1 pre-filled syringe", NOTHING, None),
        ("HEMILEX 100 mg EXP 11/27", "HEMILEX 100 mg EXP 05/28", AGREES, "strength"),
        ("HEMILEX 100 mg EXP 11/27", "HEMILEX 200 mg EXP 11/27", CONTRADICTS, "strength"),
        ("15mg5ml", "30 mg/5 ml", CONTRADICTS, "strength"),
        ("Rs. 45.00", "Rs. 48.00", NOTHING, None),
        ("B.No. 4812", "B.No. 5533", NOTHING, None),
        ("EXP 05/2026", "EXP 09/2027", NOTHING, None),
        ("Capsules", "Tablets", CONTRADICTS, "form"),
        ("Ointment", "Cream", CONTRADICTS, "form"),
        ("Filmtabletten", "film-coated tablets", AGREES, "form"),
        ("Eye drops", "suspension", NOTHING, None),
        ("Each tatiet contains", "Each tablet contains:", AGREES, None),
        ("METRO", "PANTO", CONTRADICTS, "name"),
        ("Pantoloc", "Amlodac", CONTRADICTS, "name"),
        ("Topiramate", "Ethambutol", CONTRADICTS, "name"),
        ("IXIME", "CEFIXIME", NOTHING, None),  # cut off
        ("Release table", "prolonged release tablets", NOTHING, None),
        ("Betnesol", "Betnesol-N", NOTHING, None),
        ("Eskofazol SR", "Eskofazol H", CONTRADICTS, "name"),
        ("Eskofazol SR", "Eskofazol 5R", NOTHING, None),
        ("plus Vitamin B12", "plus Vitamin B", NOTHING, None),
        ("Gelocal DO", "Gelocal D®", NOTHING, None),
        ("ESK0FAZOL", "ESKOFAZOL", AGREES, "line"),
        ("Eskofazol tablets", "Eskofazol H", NOTHING, None),
        ("Amoxicilin", "arnoxicillin", AGREES, None),
    ],
)
def test_one_place(photo: str, catalog: str, relation: Relation, kind: str | None) -> None:
    found = judge(twice(photo), twice(catalog))
    assert found.relation is relation
    assert kind is None or found.kind == kind
    assert judge(twice(catalog), twice(photo)).relation is relation
    if relation is not NOTHING:
        assert (found.photo, found.catalog) == (lasting(photo), lasting(catalog))


def test_a_contradiction_asks_for_two_sure_readings_on_each_side() -> None:
    sure = twice("48 Tablets", 0.95)
    assert judge((Cut("24 Tablets", 0.85), Cut("24 Tablets", 0.55)), sure).relation is CONTRADICTS
    assert judge((Cut("24 Tablets", 0.79), Cut("24 Tablets", 0.79)), sure).relation is NOTHING
    assert judge((Cut("24 Tablets", 0.95), Cut("24 Tablets", 0.45)), sure).relation is NOTHING
    assert judge((Cut("24 Tablets", 0.95), Cut("21 Tablets", 0.95)), sure).relation is NOTHING
    assert judge((Cut("24 Tablets", 0.95),), sure).relation is NOTHING
    assert judge(sure, (Cut("24 Tablets", 0.95),)).relation is NOTHING
    assert judge((Cut("24 Tablets", 0.95), Cut("48 Tablets", 0.95)), sure).relation is AGREES


def test_what_cannot_be_read_contradicts_nothing() -> None:
    assert judge(twice("", 0.0), twice("48 Tablets")).relation is Relation.UNREAD
    assert judge(twice("~", 0.3), twice("48 Tablets")).relation is Relation.UNREAD
    assert judge(twice("24 Tablets", 0.55), twice("48 Tablets")).relation is NOTHING
