"""Amounts and forms of a whole photo against those of a catalog photo: without geometry.

Nothing says which line of one side belongs to which of the other. So a contradiction asks that each side names one
value alone, with confidence, and that the name of the product is on the photo.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from simsearch.core.forms import differ
from simsearch.core.quantities import Comparison, Pack, Quantity, Strength, compare, compare_packs, parse
from simsearch.core.types import PrintedFact
from simsearch.features.reading.content import Content, content, lasting
from simsearch.features.reading.types import Reading
from simsearch.recognition.printed import digits
from simsearch.recognition.printed.aligned import Near, corners
from simsearch.recognition.printed.facts import Said

SURE = 0.97
"""Confidence of a line that is believed at once. Small print that was misread came with 0.93 to 0.96 (docs/reading.md).
A less confident one has to say the same under both of its cuts: `is_sure`."""
_BEST, _LEAST = 0.9, 0.6
"""Confidences of such a line: of the best of its three readings, and of each."""
_VOLUME = re.compile(r"\W*\d{1,4}(?:[.,]\d{1,3})?\s?(?:m[lL]|ML|[lL]|[gG])\W*")


@dataclass
class Facts:
    """What is found of amounts, while it is gathered."""

    agree: list[PrintedFact] = field(default_factory=list)
    against: list[PrintedFact] = field(default_factory=list)
    doubts: list[PrintedFact] = field(default_factory=list)
    """Amounts that differ, of which a side is not sure."""


def is_sure(said: Said, kind: str, near: Near = lambda line: line) -> bool:
    """Whether a line is believed: read with confidence, or alike under both of its cuts, which `near` gives it."""
    if said.line.confidence >= SURE:
        return True
    line = near(said.line)
    confidences = [line.confidence, *(cut.confidence for cut in line.cuts)]
    return (
        bool(line.cuts)
        and max(confidences) >= _BEST
        and min(confidences) >= _LEAST
        and all(_says_the_same(content(cut.text), said.content, kind) for cut in line.cuts)
        and all(digits.numbers(lasting(cut.text)) == digits.numbers(lasting(line.text)) for cut in line.cuts)
    )


def _says_the_same(a: Content, b: Content, kind: str) -> bool:
    if kind == "strength":
        return bool(a.value and b.value) and compare_strengths(a.value, b.value) is Comparison.EQUAL
    if kind == "volume":
        return bool(a.volumes) and set(a.volumes) == set(b.volumes)
    return bool(a.pack and b.pack and a.pack.count == b.pack.count)


def compare_strengths(ours: Strength | None, theirs: Strength | None) -> Comparison:
    """Two strengths; digits that may have been cut off, or misread units, make no difference."""
    if ours is None or theirs is None:
        return Comparison.UNKNOWN
    found = compare(ours, theirs)
    if found is Comparison.DIFFERENT and digits.compare(ours.text, theirs.text) is not Comparison.DIFFERENT:
        return Comparison.UNKNOWN
    return found


def say_one(lines: Sequence[Said], kind: str) -> bool:
    """Whether all lines say one and the same."""
    first = lines[0].content
    if kind == "strength":
        return all(compare_strengths(first.value, s.content.value) is Comparison.EQUAL for s in lines[1:])
    if kind == "volume":
        return all(set(s.content.volumes) == set(first.volumes) for s in lines[1:])
    return all(s.content.pack and first.pack and s.content.pack.count == first.pack.count for s in lines)


def against_print(photo: Sequence[Said], catalog: Sequence[Said], near: Near) -> Facts:
    """What the amounts of two photos say of each other."""
    said_ = Facts()
    for kind in ("strength", "pack", "volume"):
        ours, theirs = ([s for s in side if _holds(s, kind)] for side in (photo, catalog))
        pairs = [(a, b, _compared(a, b, kind)) for a in ours for b in theirs]
        equal = next(((a, b) for a, b, found in pairs if found is Comparison.EQUAL), None)
        if equal:
            said_.agree.append(_printed(kind, *equal))
        elif pairs and all(_apart(a, b, kind) for a, b, _ in pairs) and say_one(ours, kind) and say_one(theirs, kind):
            comparable = [pair for pair in pairs if _comparable(*pair[:2], kind)]
            standing = next((pair for pair in comparable if _stands(*pair, kind, near)), None)
            for pair in [standing] if standing else comparable[:1]:
                (said_.against if standing else said_.doubts).append(_printed(kind, *pair[:2]))
    _compare_forms(photo, catalog, said_)
    return said_


def _compare_forms(photo: Sequence[Said], catalog: Sequence[Said], found: Facts) -> None:
    """Adds to `found` a form that one side names where the other names other ones alone, wherever they stand."""
    named = [[s for s in side if s.content.forms] for side in (photo, catalog)]
    if not (named[0] and named[1]):
        return
    ours, theirs = (frozenset().union(*(s.content.forms for s in side)) for side in named)
    if differ(ours, theirs):
        first, second = (max(side, key=lambda s: s.line.confidence) for side in named)
        sure = min(first.line.confidence, second.line.confidence) >= SURE
        (found.against if sure else found.doubts).append(_printed("form", first, second))


def _apart(a: Said, b: Said, kind: str) -> bool:
    """Whether two lines say different amounts, though one of them may have been cut."""
    if kind != "strength":
        return _compared(a, b, kind) is Comparison.DIFFERENT
    ours, theirs = a.content.value, b.content.value
    return ours is not None and theirs is not None and compare(ours, theirs) is Comparison.DIFFERENT


def _comparable(a: Said, b: Said, kind: str) -> bool:
    """Whether two lines speak of one thing: strengths of one ingredient, and volumes that stand alone."""
    return _of_one(a, b) if kind == "strength" else kind != "volume" or (is_volume(a) and is_volume(b))


def is_volume(said: Said) -> bool:
    """Whether a line is a volume alone. Beside other words it may be that of a dose."""
    return bool(_VOLUME.fullmatch(said.line.text))


def _stands(a: Said, b: Said, found: Comparison, kind: str, near: Near) -> bool:
    """Whether both lines are believed; by all their readings where one number may be the other, misread or cut."""
    as_digits = digits.compare(lasting(a.line.text), lasting(b.line.text))
    cut = found is not Comparison.DIFFERENT or as_digits is not Comparison.DIFFERENT
    misread = digits.look_alike(lasting(a.line.text), lasting(b.line.text))
    if not misread and (kind == "pack" or not cut):
        return is_sure(b, kind) and is_sure(a, kind, near)
    return is_certain(b, kind) and is_certain(a, kind, near)


def is_certain(said: Said, kind: str, near: Near = lambda line: line) -> bool:
    """Whether all readings of a line say the same, and surely: the line, and its cuts, which `near` gives it."""
    line = near(said.line)
    return (
        line.confidence >= SURE
        and bool(line.cuts)
        and all(cut.confidence >= _BEST and _says_the_same(content(cut.text), said.content, kind) for cut in line.cuts)
    )


def differing(photo: Reading, catalog: Reading, ours: Sequence[Said], theirs: Sequence[Said]) -> frozenset[str]:
    """Which of strength and pack the two photos say, and say differently, whether or not they are sure.

    Where one side has a strength and the other has none but lines that are a number alone, that number stands for it.
    """
    strengths = [[s.content.value for s in side if s.content.value] for side in (ours, theirs)]
    packs = [[s.content.pack for s in side if s.content.pack] for side in (ours, theirs)]
    apart = bool(packs[0] and packs[1]) and all(
        _either_way(a, b) is Comparison.DIFFERENT for a in packs[0] for b in packs[1]
    )
    found = {"pack": apart, "strength": _strengths_differ(photo, catalog, *strengths)}
    return frozenset(kind for kind, differs in found.items() if differs)


def _strengths_differ(photo: Reading, catalog: Reading, a: Sequence[Strength], b: Sequence[Strength]) -> bool:
    if a and b:
        return all(compare(x, y) is Comparison.DIFFERENT for x in a for y in b)
    bare = [_bare(photo), _bare(catalog)]
    sides = [{n for value in side for n in digits.numbers(value.text)} or bare[i] for i, side in enumerate((a, b))]
    return bool(sides[0] and sides[1]) and not sides[0] & sides[1]


def _bare(reading: Reading) -> set[str]:
    return {n for line in reading.lines if digits.is_number(line.text) for n in digits.numbers(line.text)}


def _of_one(a: Said, b: Said) -> bool:
    """Whether two strengths may be of one ingredient: neither line names one, or both the same."""
    ours, theirs = (
        frozenset(n for r in parse(s.line.text, bare=False).readings for p in r.parts for n in p.names) for s in (a, b)
    )
    return bool(ours & theirs) or not (ours or theirs)


def _holds(s: Said, kind: str) -> bool:
    return bool({"strength": s.content.strength, "pack": s.content.pack, "volume": s.content.volumes}[kind])


def _compared(a: Said, b: Said, kind: str) -> Comparison:
    if kind == "strength":
        return compare_strengths(a.content.value, b.content.value)
    if kind == "pack":
        assert a.content.pack
        assert b.content.pack
        return _either_way(a.content.pack, b.content.pack)
    return compare_volumes(a.content.volumes, b.content.volumes)


def compare_volumes(ours: Sequence[Quantity], theirs: Sequence[Quantity]) -> Comparison:
    """What two packages hold, in millilitres or grams."""
    return Comparison.EQUAL if set(ours) == set(theirs) else Comparison.DIFFERENT


def _either_way(a: Pack, b: Pack) -> Comparison:
    """A strip beside its carton, whichever side shows which, is no difference."""
    found = compare_packs(a, b)
    if found is not Comparison.DIFFERENT or compare_packs(b, a) is not Comparison.DIFFERENT:
        return found if found is not Comparison.DIFFERENT else Comparison.UNKNOWN
    return found


def _printed(kind: str, a: Said, b: Said) -> PrintedFact:
    return PrintedFact(
        kind,
        a.content.strength if kind == "strength" else a.line.text,
        b.content.strength if kind == "strength" else b.line.text,
        photo_place=corners(a.line.quad.astype(np.float64)),
        catalog_place=corners(b.line.quad.astype(np.float64)),
        confidence=min(a.line.confidence, b.line.confidence),
    )
