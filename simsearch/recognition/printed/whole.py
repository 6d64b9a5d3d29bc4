"""Quantities of a whole photo against those of a catalog photo and its table: without geometry.

Nothing says which line of one side belongs to which of the other. So a contradiction asks that each side names one
value alone, with confidence, and that the name of the product is on the photo.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from simsearch.catalog.images import ImageFacts
from simsearch.core.quantities import Comparison, Pack, Quantity, Strength, compare, compare_packs, doses, pack, parse
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
"""A line that is a volume alone. Beside other words it may be that of a dose."""


@dataclass
class Facts:
    """What is found of amounts, while it is gathered."""

    agree: list[PrintedFact] = field(default_factory=list)
    against: list[PrintedFact] = field(default_factory=list)
    doubts: list[PrintedFact] = field(default_factory=list)
    """Amounts that differ, of which a side is not sure."""


@dataclass(frozen=True)
class Stated:
    """What a table says of a product."""

    strength: str
    pack: str
    form: str


def stated(facts: ImageFacts) -> Stated:
    """Strength, pack and form by the columns of a product, or by its name."""
    strength = facts.strength.strip() if any(map(str.isnumeric, facts.strength)) else doses(facts.name, facts.form)
    attributes = {key.casefold(): str(value) for key, value in facts.attributes.items()}
    columns = ("pack", "pack_size", "pack size", "packsize", "package", "packaging", "count", "quantity")
    listed = [attributes[key] for key in columns if attributes.get(key, "").strip()]
    packs = [text for text in listed if _pack(text) or content(text, facts.form).volumes]
    packs += [facts.name] if content(facts.name).pack else []
    return Stated(strength, packs[0] if packs else "", facts.form)


def is_sure(said: Said, kind: str) -> bool:
    """Whether a line is believed: read with confidence, or alike under both of its cuts."""
    line = said.line
    if line.confidence >= SURE:
        return True
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
        return bool(a.value and b.value) and _strengths(a.value, b.value) is Comparison.EQUAL
    if kind == "volume":
        return bool(a.volumes) and set(a.volumes) == set(b.volumes)
    return bool(a.pack and b.pack and a.pack.count == b.pack.count)


def _sure_photo(said: Said, kind: str, near: Near) -> bool:
    return is_sure(said, kind) or is_sure(replace(said, line=near(said.line)), kind)


def _believed(photo: Said, kind: str, near: Near, catalog: str) -> bool:
    """Whether a line of the photo is believed against `catalog`: where their digits look alike, by all its readings."""
    text = photo.content.strength if kind == "strength" else photo.line.text
    if digits.look_alike(text, catalog):
        return _is_certain(replace(photo, line=near(photo.line)), kind)
    return _sure_photo(photo, kind, near)


def against_table(photo: Sequence[Said], table: Stated, near: Near) -> Facts:
    """What the amounts of a photo and those of the table say of each other."""
    found = Facts()
    strengths = [s for s in photo if s.content.strength]
    if table.strength and strengths:
        value = parse(table.strength, table.form)
        results = [
            (s, _strengths(s.content.value, value), compare(s.content.value, value) is Comparison.DIFFERENT)
            for s in strengths
            if s.content.value
        ]
        _sort(results, found, "strength", table.strength, near)
    packs = [s for s in photo if s.content.pack]
    listed = _pack(table.pack)
    if listed and packs:
        counts = [(s, compare_packs(s.content.pack, listed)) for s in packs if s.content.pack]
        _sort([(s, each, each is Comparison.DIFFERENT) for s, each in counts], found, "pack", table.pack, near)
    held = content(table.pack, table.form).volumes
    volumes = [s for s in photo if s.content.volumes and _VOLUME.fullmatch(s.line.text)]
    if held and volumes and not listed:
        amounts = [(s, _volumes(s.content.volumes, held)) for s in volumes]
        _sort([(s, each, each is Comparison.DIFFERENT) for s, each in amounts], found, "volume", table.pack, near)
    return found


def _pack(text: str) -> Pack | None:
    if text.strip().isdigit():
        return Pack((int(text),)) if int(text) else None
    return pack(text)


def _strengths(ours: Strength | None, theirs: Strength | None) -> Comparison:
    """Two strengths; digits that may have been cut off, or misread units, make no difference."""
    if ours is None or theirs is None:
        return Comparison.UNKNOWN
    found = compare(ours, theirs)
    if found is Comparison.DIFFERENT and digits.compare(ours.text, theirs.text) is not Comparison.DIFFERENT:
        return Comparison.UNKNOWN
    return found


def _sort(results: Sequence[tuple[Said, Comparison, bool]], found: Facts, kind: str, catalog: str, near: Near) -> None:
    """Adds to `found`. `results`: lines with what each says of `catalog`, and whether it names another amount."""
    equal = [s for s, said_, _ in results if said_ is Comparison.EQUAL]
    if equal:
        found.agree.append(_fact(kind, equal[0], catalog))
    elif all(apart for *_, apart in results) and _one([s for s, *_ in results], kind):
        apart = all(said_ is Comparison.DIFFERENT for _, said_, _ in results)
        sure = next((s for s, *_ in results if _believed(s, kind, near, catalog)), None) if apart else None
        (found.against if sure else found.doubts).append(_fact(kind, sure or results[0][0], catalog))


def _one(lines: Sequence[Said], kind: str) -> bool:
    """Whether all lines say one and the same."""
    first = lines[0].content
    if kind == "strength":
        return all(_strengths(first.value, s.content.value) is Comparison.EQUAL for s in lines[1:])
    if kind == "volume":
        return all(set(s.content.volumes) == set(first.volumes) for s in lines[1:])
    return all(s.content.pack and first.pack and s.content.pack.count == first.pack.count for s in lines)


def _fact(kind: str, photo: Said, catalog: str) -> PrintedFact:
    text = photo.content.strength if kind == "strength" else photo.line.text
    return PrintedFact(
        kind,
        text,
        catalog,
        from_table=True,
        photo_place=corners(photo.line.quad.astype(np.float64)),
        confidence=photo.line.confidence,
    )


def against_print(photo: Sequence[Said], catalog: Sequence[Said], near: Near) -> Facts:
    """What the amounts of two photos say of each other."""
    said_ = Facts()
    for kind in ("strength", "pack", "volume"):
        ours, theirs = ([s for s in side if _holds(s, kind)] for side in (photo, catalog))
        pairs = [(a, b, _compared(a, b, kind)) for a in ours for b in theirs]
        equal = next(((a, b) for a, b, found in pairs if found is Comparison.EQUAL), None)
        if equal:
            said_.agree.append(_printed(kind, *equal))
        elif pairs and all(_apart(a, b, kind) for a, b, _ in pairs) and _one(ours, kind) and _one(theirs, kind):
            standing = next(((a, b) for a, b, found in pairs if _stands(a, b, kind, found, near)), None)
            (said_.against if standing else said_.doubts).append(_printed(kind, *(standing or pairs[0][:2])))
    return said_


def _apart(a: Said, b: Said, kind: str) -> bool:
    """Whether two lines say different amounts, though one of them may have been cut."""
    if kind != "strength":
        return _compared(a, b, kind) is Comparison.DIFFERENT
    ours, theirs = a.content.value, b.content.value
    return ours is not None and theirs is not None and compare(ours, theirs) is Comparison.DIFFERENT


def _stands(a: Said, b: Said, kind: str, found: Comparison, near: Near) -> bool:
    """Whether both lines are believed; by all their readings where one number may be the other, misread or cut."""
    if kind == "strength" and not _of_one(a, b):
        return False
    if kind == "volume" and not (_VOLUME.fullmatch(a.line.text) and _VOLUME.fullmatch(b.line.text)):
        return False
    as_digits = digits.compare(lasting(a.line.text), lasting(b.line.text))
    cut = found is not Comparison.DIFFERENT or as_digits is not Comparison.DIFFERENT
    misread = digits.look_alike(lasting(a.line.text), lasting(b.line.text))
    if not misread and (kind == "pack" or not cut):
        return is_sure(b, kind) and _sure_photo(a, kind, near)
    return _is_certain(b, kind) and _is_certain(replace(a, line=near(a.line)), kind)


def _is_certain(said: Said, kind: str) -> bool:
    line = said.line
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
        return _strengths(a.content.value, b.content.value)
    if kind == "pack":
        assert a.content.pack
        assert b.content.pack
        return _either_way(a.content.pack, b.content.pack)
    return _volumes(a.content.volumes, b.content.volumes)


def _volumes(ours: Sequence[Quantity], theirs: Sequence[Quantity]) -> Comparison:
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
