"""Quantities of a whole photo against those of a catalog photo and its table: without geometry.

Nothing says which line of one side belongs to which of the other. So a contradiction asks that each side names one
value alone, with confidence, and that the name of the product is on the photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simsearch.catalog.images import ImageFacts
from simsearch.core.forms import differ, forms
from simsearch.core.quantities import Comparison, Pack, Strength, compare, compare_packs, doses, pack, parse
from simsearch.core.types import PrintedFact
from simsearch.features.reading.content import content
from simsearch.recognition.printed import digits
from simsearch.recognition.printed.aligned import corners
from simsearch.recognition.printed.facts import Said

SURE = 0.97
"""Confidence of each side. Small print that was misread came with 0.93 to 0.96 (docs/reading.md)."""


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
    packs = [text for text in listed if _pack(text)] or [facts.name for _ in (0,) if content(facts.name).pack]
    return Stated(strength, packs[0] if packs else "", facts.form)


def against_table(photo: Sequence[Said], table: Stated) -> tuple[list[PrintedFact], list[PrintedFact]]:
    """Agreements and contradictions of what a photo says with the table."""
    agree: list[PrintedFact] = []
    against: list[PrintedFact] = []
    strengths = [s for s in photo if s.content.strength]
    if table.strength and strengths:
        value = parse(table.strength, table.form)
        results = [(s, _strengths(s.content.value, value)) for s in strengths if s.content.value]
        _sort(results, agree, against, "strength", table.strength)
    packs = [s for s in photo if s.content.pack]
    listed = _pack(table.pack)
    if listed and packs:
        counts = [(s, compare_packs(s.content.pack, listed)) for s in packs if s.content.pack]
        _sort(counts, agree, against, "pack", table.pack)
    return agree, against


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


def _sort(
    results: Sequence[tuple[Said, Comparison]],
    agree: list[PrintedFact],
    against: list[PrintedFact],
    kind: str,
    catalog: str,
) -> None:
    equal = [s for s, found in results if found is Comparison.EQUAL]
    if equal:
        agree.append(_fact(kind, equal[0], catalog))
    elif all(found is Comparison.DIFFERENT for _, found in results):
        sure = [s for s, _ in results if s.line.confidence >= SURE]
        if sure and _one([s for s, _ in results], kind):
            against.append(_fact(kind, sure[0], catalog))


def _one(lines: Sequence[Said], kind: str) -> bool:
    """Whether all lines say one and the same."""
    first = lines[0].content
    if kind == "strength":
        return all(_strengths(first.value, s.content.value) is Comparison.EQUAL for s in lines[1:])
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


def against_print(photo: Sequence[Said], catalog: Sequence[Said]) -> tuple[list[PrintedFact], list[PrintedFact]]:
    """Agreements and contradictions of what two photos say."""
    agree: list[PrintedFact] = []
    against: list[PrintedFact] = []
    for kind in ("strength", "pack", "volume"):
        ours, theirs = ([s for s in side if _holds(s, kind)] for side in (photo, catalog))
        pairs = [(a, b, _compared(a, b, kind)) for a in ours for b in theirs]
        equal = next(((a, b) for a, b, found in pairs if found is Comparison.EQUAL), None)
        if equal:
            agree.append(_printed(kind, *equal))
        elif pairs and all(found is Comparison.DIFFERENT for _, _, found in pairs) and kind != "volume":
            sure = [(a, b) for a, b, _ in pairs if min(a.line.confidence, b.line.confidence) >= SURE]
            one = _one(ours, kind) and _one(theirs, kind)
            if sure and one and (kind == "pack" or _of_one(*sure[0])):
                against.append(_printed(kind, *sure[0]))
    return agree, against


def _forms(side: Sequence[Said]) -> frozenset[str]:
    return frozenset(form for s in side for form in s.content.forms)


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
    return Comparison.EQUAL if set(a.content.volumes) == set(b.content.volumes) else Comparison.DIFFERENT


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


def form_contradiction(photo: Sequence[Said], table: Stated) -> bool:
    """Whether the photo names forms, and none that the table has."""
    ours = _forms([s for s in photo if s.line.confidence >= SURE])
    return differ(ours, forms(table.form))
