"""Products that are easily taken for one another, and how the catalog says that they differ.

Names that look or sound alike are a known cause of medication errors (ISMP, "List of Confused Drug Names"); the same
drug in another strength is the most frequent kind. What is compared is only what the catalog says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from simsearch.catalog.images import ImageFacts
from simsearch.core.types import LookAlike, Verification

_UNITS = {
    "kg": ("mg", 1e6), "g": ("mg", 1e3), "gm": ("mg", 1e3), "公克": ("mg", 1e3), "mg": ("mg", 1.0), "毫克": ("mg", 1.0),
    "mcg": ("mg", 1e-3), "ug": ("mg", 1e-3), "µg": ("mg", 1e-3), "μg": ("mg", 1e-3), "微克": ("mg", 1e-3),
    "ng": ("mg", 1e-6), "l": ("ml", 1e3), "ml": ("ml", 1.0), "毫升": ("ml", 1.0), "iu": ("iu", 1.0), "u": ("iu", 1.0),
    "meq": ("meq", 1.0), "mmol": ("mmol", 1.0), "%": ("%", 1.0), "％": ("%", 1.0),
}  # fmt: skip
_UNIT = "|".join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))
_DOSE = re.compile(rf"(?<![a-z0-9.,])(\d+(?:,\d{{3}})*(?:[.,]\d+)?)\s*({_UNIT})(?![a-z])", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}|[一-鿿]+")
SIMILAR_NAMES = 0.75
"""Ratio of matching letters (Ratcliff and Obershelp) from which two names are easily confused."""
LOOKS_ALIKE = 0.5
"""Probability of being the same product from which a wrong one looks alike."""
SAME_MAKERS_LOOK = 0.1
"""The same where the maker is the same: a house style is half of a likeness."""
MOST = 3
"""Warnings of an answer: more are not read."""
_NOT_STATED = "not stated"


def doses(text: str) -> tuple[str, ...]:
    """Amounts in `text`, in a common unit, ascending: "0.5 g" and "500 MG" are both "500 mg"."""
    found = set()
    for number, unit in _DOSE.findall(text):
        base, factor = _UNITS[unit.lower()]
        value = float(re.sub(r",(\d{3})(?!\d)", r"\1", number).replace(",", "."))
        found.add((base, round(value * factor, 9)))
    return tuple(f"{value:.10g} {base}" for base, value in sorted(found))


def base_name(facts: ImageFacts) -> tuple[str, ...]:
    """Words of the name without amounts, forms and numbers, in lower case."""
    words = _WORD.findall(_DOSE.sub(" ", facts.name).casefold())
    form = set(_WORD.findall(facts.form.casefold()))
    kept = tuple(word for word in words if word not in form)
    return kept or tuple(words)


def strength(facts: ImageFacts) -> str:
    """In words, from the strength or else the name; "" where neither says."""
    return " + ".join(doses(facts.strength) or doses(facts.name)) or facts.strength.strip()


def kind(named: ImageFacts, other: ImageFacts, looks: Verification) -> str:
    """Why `other` is easily taken for `named`; "" where it is not. `looks`: what was made of it and the photo."""
    names = base_name(named), base_name(other)
    if names[0] and names[0] == names[1]:
        ours, theirs = strength(named), strength(other)
        if ours and theirs and ours != theirs:
            return "strength"
        forms = named.form.strip().casefold(), other.form.strip().casefold()
        return "form" if all(forms) and forms[0] != forms[1] else "name"
    if _similar(*names):
        return "name"
    maker = named.manufacturer.strip().casefold()
    if maker and maker == other.manufacturer.strip().casefold() and looks.probability >= SAME_MAKERS_LOOK:
        return "maker"
    return "appearance" if looks.probability >= LOOKS_ALIKE else ""


def _similar(a: Sequence[str], b: Sequence[str]) -> bool:
    if not a or not b:
        return False
    if a[0] == b[0] and len(a[0]) >= 4:  # a brand and its sisters: "Panadol", "Panadol Extra"
        return True
    left, right = " ".join(a), " ".join(b)
    return min(len(left), len(right)) >= 4 and SequenceMatcher(None, left, right).ratio() >= SIMILAR_NAMES


def differences(named: ImageFacts, other: ImageFacts) -> tuple[tuple[str, str, str], ...]:
    """(field, of `named`, of `other`) where the catalog says different things, strength first."""
    pairs = [("strength", strength(named), strength(other)), ("form", named.form, other.form)]
    if base_name(named) != base_name(other):
        pairs.append(("name", named.name, other.name))
    pairs.append(("manufacturer", named.manufacturer, other.manufacturer))
    keys = sorted({*named.attributes, *other.attributes})
    pairs += [(key, str(named.attributes.get(key, "")), str(other.attributes.get(key, ""))) for key in keys]
    return tuple(
        (field, a.strip() or _NOT_STATED, b.strip() or _NOT_STATED)
        for field, a, b in pairs
        if a.strip().casefold() != b.strip().casefold()
    )


_SAYS = {
    "strength": "has the same name in another strength",
    "form": "has the same name in another form",
    "name": "has a similar name",
    "maker": "is of the same maker and looks alike",
    "appearance": "looks alike",
}


def look_alikes(
    named: ImageFacts, others: Sequence[tuple[ImageFacts, Verification]], most: int = MOST
) -> tuple[LookAlike, ...]:
    """Those of `others` (best first) that are easily taken for `named`, with a warning each."""
    found = []
    for facts, looks in others:
        why = kind(named, facts, looks)
        if why:
            apart = differences(named, facts)
            found.append(LookAlike(facts.sku, facts.title, why, apart, _warning(facts, why, apart)))
    return tuple(found[:most])


def _warning(facts: ImageFacts, why: str, apart: Sequence[tuple[str, str, str]]) -> str:
    who, says = f"{facts.sku} {facts.title}".strip(), _SAYS[why]
    if why == "name" and all(field != "name" for field, _, _ in apart):
        says = "has the same name"
    if not apart:
        return f"{who} {says}; the catalog's data do not tell the two apart"
    first = [d for d in apart if d[0] == why] + [d for d in apart if d[0] != why]
    told = "; ".join(f"{field} {theirs}, not {ours}" for field, ours, theirs in first[:3])
    return f"{who} {says}: {told}"


def strength_difference(a: ImageFacts, b: ImageFacts) -> str:
    """In words, the strengths that the catalog states for two SKUs; "" if it does not state two different ones."""
    if a.sku == b.sku:
        return ""
    left, right = doses(a.title), doses(b.title)
    if not left or not right or left == right:
        return ""
    return f"the catalog says {' + '.join(left)} and {' + '.join(right)}"
