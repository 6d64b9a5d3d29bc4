"""Products that are easily taken for one another, and how the catalog says that they differ.

Names that look or sound alike are a known cause of medication errors (ISMP, "List of Confused Drug Names"); the same
drug in another strength is the most frequent kind. Only the catalog's data are compared, and told in its words, but for
a product that print or a code rules out: there the warning says what was read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

from simsearch.catalog.images import ImageFacts
from simsearch.core.print_wording import by_kind, says_otherwise
from simsearch.core.quantities import Comparison, compare, doses, parse, repeats, without_amounts, without_packs
from simsearch.core.types import LookAlike, Verification

_WORD = re.compile(r"[a-z]{1,2}\d+|\d+(?:[.,]\d+)*|[^\W\d_]+")
_FORM_WORD = re.compile(r"[^\W\d_]+")
SIMILAR_NAMES = 0.75
"""Ratio of matching letters (Ratcliff and Obershelp) from which two names are easily confused."""
LOOKS_ALIKE = 0.5
"""Probability of being the same product from which a wrong one looks alike."""
LIKE_POINTS = 20.0
"""Support from which it does whatever the probability made of the print: the design is the same."""
SAME_MAKERS_LOOK = 0.1
"""The same where the maker is the same: a house style is half of a likeness."""
_KEPT = 8192
"""Texts whose reading is kept: the search for duplicates asks for those of one product many times."""
_parsed = lru_cache(_KEPT)(parse)
MOST = 3
"""Warnings of an answer: more are not read."""
_NOT_STATED = "not stated"


# -- strengths -------------------------------------------------------------------------------------------------------


def strength(facts: ImageFacts) -> str:
    """In the catalog's own words: the field `strength`, or else the amounts in the name; "" where neither says."""
    return _strength(facts.name, facts.strength, facts.form)


@lru_cache(_KEPT)
def _strength(name: str, field: str, form: str) -> str:
    field = field.strip()
    if any(letter.isnumeric() for letter in field):
        return field
    return doses(name, form) or (field if any(map(str.isalnum, field)) else "")


def to_check(facts: ImageFacts) -> str:
    """What the package has to say: the strength, or the name where only a number in it may be one; "" for neither."""
    return strength(facts) or (facts.name.strip() if _numbers(facts) else "")


def strength_difference(a: ImageFacts, b: ImageFacts) -> str:
    """In words, the strengths that the catalog states for two SKUs; "" where it does not state two, or they are equal.

    Strengths that cannot be compared (`400 IU/ml` and `4 mg/2 ml`) are not equal.
    """
    if a.sku == b.sku or compare_strengths(a, b) in (None, Comparison.EQUAL):
        return ""
    if not (strength(a) and strength(b)) and base_name(a) != base_name(b):
        return ""  # a number of the name counts only beside the same name
    return f"the catalog says {to_check(a)} and {to_check(b)}"


def compare_strengths(a: ImageFacts, b: ImageFacts) -> Comparison | None:
    """Compare the strengths of two products; None where the catalog does not state both.

    A number of the name (`Dolo-650`) stands for a strength where nothing else states one.
    """
    ours, theirs = (strength(facts) or _numbers(facts) for facts in (a, b))
    return compare(_parsed(ours, a.form), _parsed(theirs, b.form)) if ours and theirs else None


def _numbers(facts: ImageFacts) -> str:
    """Numbers that stand alone in the name of a product without a strength; "" for others."""
    if strength(facts):
        return ""
    return " + ".join(word for word in _words(facts) if word[0].isdigit())


# -- names -----------------------------------------------------------------------------------------------------------


def base_name(facts: ImageFacts) -> tuple[str, ...]:
    """Words of the name in lower case, without its strength, counts of pieces and the words of the form.

    A number that is no strength belongs to the name: `vitamin b12`, and 250 of `Calpol 250` with 120 mg/5 ml.
    """
    words, amount = _words(facts), strength(facts)
    if amount:
        value = parse(amount, facts.form)
        named = tuple(word for word in words if not (word[0].isdigit() and repeats(word, value)))
    else:
        named = tuple(word for word in words if not word[0].isdigit())
    form = set(_FORM_WORD.findall(facts.form.casefold()))
    kept = tuple(word for word in named if not {word, word + "s", word.removesuffix("s")} & form)
    return kept or named


def _words(facts: ImageFacts) -> list[str]:
    """Words and numbers of the name, in lower case."""
    return list(_name_words(facts.name, bool(strength(facts))))


@lru_cache(_KEPT)
def _name_words(name: str, packs: bool) -> tuple[str, ...]:
    """`packs`: whether numbers of pieces may go; else "Calpol 250 tablets" would lose its only number."""
    name = without_amounts(name)
    return tuple(_WORD.findall(_folded(without_packs(name) if packs else name)))


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _same(a: str, b: str) -> bool:
    """Whether two texts differ in nothing that a reader sees as another text: case, spaces, Unicode forms."""
    return _folded(a) == _folded(b)


def _similar(a: Sequence[str], b: Sequence[str]) -> bool:
    if not a or not b:
        return False
    if a[0] == b[0] and len(a[0]) >= 4:  # a brand and its sisters: "Panadol", "Panadol Extra"
        return True
    left, right = " ".join(a), " ".join(b)
    return min(len(left), len(right)) >= 4 and SequenceMatcher(None, left, right).ratio() >= SIMILAR_NAMES


# -- look-alikes -----------------------------------------------------------------------------------------------------


def kind(named: ImageFacts, other: ImageFacts, looks: Verification) -> str:
    """Why `other` is easily taken for `named`; "" where it is not.

    `looks`: what verification made of `other` and the photo. Strengths that cannot be compared (`250 mg/5 ml` and
    `250 mg`) count as two.
    """
    names = base_name(named), base_name(other)
    if names[0] and names[0] == names[1]:
        if compare_strengths(named, other) in (Comparison.DIFFERENT, Comparison.UNKNOWN):
            return "strength"
        return "form" if named.form.strip() and other.form.strip() and not _same(named.form, other.form) else "name"
    if _similar(*names):
        return "name"
    maker = named.manufacturer.strip()
    if maker and _same(maker, other.manufacturer) and looks.probability >= SAME_MAKERS_LOOK:
        return "maker"
    return "appearance" if looks.probability >= LOOKS_ALIKE else ""


def alike(looks: Verification) -> bool:
    """Whether a product looks like the photo, whatever print says of it: by probability, points, or an equal name."""
    named = looks.printed is not None and any(fact.kind == "name" for fact in looks.printed.agreements)
    return looks.probability >= LOOKS_ALIKE or looks.support >= LIKE_POINTS or named


def differences(named: ImageFacts, other: ImageFacts) -> tuple[tuple[str, str, str], ...]:
    """(field, of `named`, of `other`) where the catalog says different things, in its words, strength first.

    One strength that is written in two ways is no difference.
    """
    pairs = []
    if compare_strengths(named, other) is not Comparison.EQUAL:
        pairs.append(("strength", strength(named), strength(other)))
    pairs.append(("form", named.form, other.form))
    # The same name in two strengths needs no second line about the digits in the name.
    if base_name(named) != base_name(other) or not any(ours != theirs for _, ours, theirs in pairs[:-1]):
        pairs.append(("name", named.name, other.name))
    pairs.append(("manufacturer", named.manufacturer, other.manufacturer))
    keys = sorted({*named.attributes, *other.attributes})
    pairs += [(key, str(named.attributes.get(key, "")), str(other.attributes.get(key, ""))) for key in keys]
    return tuple(
        (field, ours.strip() or _NOT_STATED, theirs.strip() or _NOT_STATED)
        for field, ours, theirs in pairs
        if not _same(ours, theirs)
    )


def look_alikes(
    named: ImageFacts, others: Sequence[tuple[ImageFacts, Verification]], most: int = MOST
) -> tuple[LookAlike, ...]:
    """Those of `others` (best first) that are easily taken for `named`, with a warning each."""
    found = []
    for facts, looks in others:
        why = kind(named, facts, looks)
        if looks.contradicted:
            if why or alike(looks):
                found.append(look_alike_by_print(facts, looks))
        elif why:
            apart = differences(named, facts)
            found.append(LookAlike(facts.sku, facts.title, why, apart, _warning(named, facts, why, apart)))
    return tuple(found[:most])


_BY_PRINT = {"volume": "pack", "line": "print"}


def look_alike_by_print(facts: ImageFacts, looks: Verification) -> LookAlike:
    """A product that looks like the photo, and that print or a code rules out; `looks` holds a contradiction."""
    assert looks.printed is not None
    against = by_kind(looks.printed.contradictions)
    why = _BY_PRINT.get(against[0].kind, against[0].kind)
    apart = tuple((fact.kind, fact.photo, fact.catalog) for fact in against)
    return LookAlike(facts.sku, facts.title, why, apart, says_otherwise(looks.printed, in_the_catalog(facts)))


def in_the_catalog(facts: ImageFacts) -> str:
    """A product as a sentence about print names it."""
    name = facts.name.strip()
    return f"the catalog's {name} ({facts.sku})" if name else f"the catalog's {facts.sku}"


_SAYS = {
    "strength": "has the same name in another strength",
    "form": "has the same name in another form",
    "name": "has a similar name",
    "maker": "is of the same maker and looks alike",
    "appearance": "looks alike",
}


def _warning(named: ImageFacts, other: ImageFacts, why: str, apart: Sequence[tuple[str, str, str]]) -> str:
    who = f"{other.sku} {other.title}".strip()
    says = _says(named, other, why)
    if not apart:
        ours, theirs = strength(named), strength(other)
        if not _same(ours, theirs):
            return f"{who} {says}; {ours} and {theirs} are one strength, and the catalog's data do not differ otherwise"
        return f"{who} {says}; the catalog's data do not tell the two apart"
    first = [d for d in apart if d[0] == why] + [d for d in apart if d[0] != why]
    told = "; ".join(f"{field} {theirs}, not {ours}" for field, ours, theirs in first[:3])
    return f"{who} {says}: {told}"


def _says(named: ImageFacts, other: ImageFacts, why: str) -> str:
    if why == "name" and _same(named.name, other.name):
        return "has the same name"
    if why != "strength":
        return _SAYS[why]
    if not strength(named) and not strength(other):
        return "has the same name with another number"
    certain = compare_strengths(named, other) is Comparison.DIFFERENT
    return _SAYS[why] if certain else "has the same name and perhaps another strength"
