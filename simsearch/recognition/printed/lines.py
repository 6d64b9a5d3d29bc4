"""Two readings of one place: do they say the same, something else, or nothing of each other?

Each side was cut out twice, with a narrow and a wide margin. A contradiction asks that each side reads the same both
times and is sure of it at least once. docs/reading.md has the figures behind the thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from simsearch.core.forms import differ
from simsearch.core.quantities import Comparison
from simsearch.core.quantities import compare as compare_strengths
from simsearch.features.reading.content import Content, content
from simsearch.features.reading.text import normalised
from simsearch.features.reading.types import Cut
from simsearch.recognition.printed import digits
from simsearch.recognition.printed.spelling import likeness

SURE, LEAST = 0.8, 0.5
"""Of the digits of a side: its best confidence, and what none of its readings may fall below."""
SURE_OF_FORM = 0.9
_WELL_READ = 0.6


class Relation(StrEnum):
    """What two readings of one place say of each other."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    UNREAD = "unread"
    """The photo shows the place, and nothing can be read there."""
    NOTHING = "nothing"


@dataclass(frozen=True)
class Judgement:
    """What the photo says where the catalog's photo has a line."""

    relation: Relation
    kind: str = "line"
    """As in `core.types.PrintedFact`."""
    photo: str = ""
    catalog: str = ""
    likeness: float = 0.0
    """Of the two texts, 0 to 1."""


def judge(photo: Sequence[Cut], catalog: Sequence[Cut]) -> Judgement:
    """Compare one place; at least one reading a side. With one alone a side can agree, and contradict nothing."""
    pairs = sorted(product(photo, catalog), key=lambda pair: -pair[0].confidence * pair[1].confidence)
    best = max(pairs, key=lambda pair: likeness(normalised(pair[0].text), normalised(pair[1].text)))
    alike = likeness(normalised(best[0].text), normalised(best[1].text))
    if max(cut.confidence for cut in photo) < _WELL_READ or not any(map(str.isalnum, best[0].text)):
        unread = max(cut.confidence for cut in photo) < LEAST or not any(map(str.isalnum, pairs[0][0].text))
        return Judgement(Relation.UNREAD if unread else Relation.NOTHING, likeness=alike)
    says = content(best[1].text)
    if any(content(cut.text).varies for cut in (*photo, *catalog)):
        return Judgement(Relation.NOTHING, "line", best[0].text, best[1].text, alike)
    ours, theirs = pairs[0][0].text, pairs[0][1].text
    kind = _kind(content(ours), content(theirs))
    numbers = _numbers(photo, catalog)
    if numbers is Comparison.EQUAL:
        return Judgement(Relation.AGREES, kind, best[0].text, best[1].text, alike)
    if numbers is Comparison.DIFFERENT and len(photo) > 1 and len(catalog) > 1 and _sure(photo) and _sure(catalog):
        return Judgement(Relation.CONTRADICTS, kind, ours, theirs, alike)
    found = _forms(photo, catalog)
    if found and (found[0] is Relation.CONTRADICTS or not _has_numbers(photo, catalog)):
        return Judgement(found[0], "form", found[1], found[2], alike)
    if alike >= 0.8 and not _has_numbers(photo, catalog):
        told = "form" if says.forms else "line"
        return Judgement(Relation.AGREES, told, best[0].text, best[1].text, alike)
    return Judgement(Relation.NOTHING, kind, best[0].text, best[1].text, alike)


def _sure(side: Sequence[Cut]) -> bool:
    """Whether a side is sure of its digits: all its readings have them, one is confident and none is poor."""
    steady = all(digits.compare(side[0].text, other.text) is Comparison.EQUAL for other in side[1:])
    return steady and max(c.confidence for c in side) > SURE and min(c.confidence for c in side) >= LEAST


def _has_numbers(photo: Sequence[Cut], catalog: Sequence[Cut]) -> bool:
    return any(digits.numbers(cut.text) for cut in (*photo, *catalog))


def _numbers(photo: Sequence[Cut], catalog: Sequence[Cut]) -> Comparison:
    """Of all pairs of readings: EQUAL where one pair is, DIFFERENT where all are."""
    found = {_amounts(a.text, b.text) for a, b in product(photo, catalog)}
    for each in (Comparison.EQUAL, Comparison.UNKNOWN):
        if each in found:
            return each
    return Comparison.DIFFERENT


def _amounts(a: str, b: str) -> Comparison:
    """As quantities where both are (1.5 mg and 1500 mcg), as digits otherwise."""
    ours, theirs = content(a), content(b)
    as_digits = digits.compare(a, b)
    if ours.value and theirs.value:
        as_strengths = compare_strengths(ours.value, theirs.value)
        if as_strengths is Comparison.EQUAL:
            return as_strengths
        # One digit after another the same and two units: one of them was misread.
        return Comparison.UNKNOWN if as_strengths is Comparison.UNKNOWN or as_digits is Comparison.EQUAL else as_digits
    if ours.pack and theirs.pack and ours.pack.count == theirs.pack.count:
        return Comparison.EQUAL
    return as_digits


def _kind(ours: Content, theirs: Content) -> str:
    if ours.strength or theirs.strength:
        return "strength"
    if ours.pack or theirs.pack:
        return "pack"
    if ours.volumes or theirs.volumes:
        return "volume"
    return "line"


def _forms(photo: Sequence[Cut], catalog: Sequence[Cut]) -> tuple[Relation, str, str] | None:
    """Whether the forms that the sides name agree or contradict; None where one names none with confidence."""
    named = [
        (a, b)
        for a, b in product(photo, catalog)
        if content(a.text).forms and content(b.text).forms and min(a.confidence, b.confidence) > SURE_OF_FORM
    ]
    if not named:
        return None
    apart = [(a, b) for a, b in named if differ(content(a.text).forms, content(b.text).forms)]
    if len(apart) == len(named):
        return Relation.CONTRADICTS, apart[0][0].text, apart[0][1].text
    both = [(a, b) for a, b in named if content(a.text).forms & content(b.text).forms]
    return (Relation.AGREES, both[0][0].text, both[0][1].text) if both and not apart else None
