"""What the catalog's own data says against two SKUs being one product: another strength."""

from __future__ import annotations

import re

from simsearch.catalog.store import ImageFacts

_UNITS = {
    "g": 1000.0, "gm": 1000.0, "公克": 1000.0, "mg": 1.0, "毫克": 1.0, "mcg": 0.001, "ug": 0.001, "µg": 0.001,
    "μg": 0.001, "微克": 0.001,
}  # fmt: skip
_OTHERS = ("ml", "毫升", "iu", "國際單位", "u", "meq", "%", "％")
_UNIT = "|".join(map(re.escape, sorted([*_UNITS, *_OTHERS], key=len, reverse=True)))
_DOSE = re.compile(rf"(\d+(?:,\d{{3}})*(?:[.,]\d+)?)\s*({_UNIT})(?![a-z])", re.IGNORECASE)


def doses(text: str) -> frozenset[tuple[float, str]]:
    """Amounts with their units, masses in milligrams: "0.5 g" and "500 MG" are one."""
    found = set()
    for number, unit in _DOSE.findall(text):
        value = re.sub(r",(\d{3})(?!\d)", r"\1", number).replace(",", ".")
        unit = unit.lower()
        mass = _UNITS.get(unit)
        found.add((round(float(value) * (mass or 1.0), 9), "mg" if mass else unit))
    return frozenset(found)


def differs(a: ImageFacts, b: ImageFacts) -> str:
    """How the catalog says that two SKUs are of different strength, in words; "" where it does not."""
    if a.sku == b.sku:
        return ""
    left, right = doses(a.title), doses(b.title)
    if not left or not right or left == right:
        return ""
    return f"the catalog says {_words(left)} and {_words(right)}"


def _words(found: frozenset[tuple[float, str]]) -> str:
    return " + ".join(f"{value:g} {unit}" for value, unit in sorted(found))
