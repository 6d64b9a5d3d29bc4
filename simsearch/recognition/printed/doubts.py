"""What was not settled: an amount of the catalog's side that the photo has in view, and where it was not read.

Siblings of one design differ in one amount alone. Where the catalog's photo states it, and its place in the photo was
looked at without finding it, or holds other numbers that nobody is sure of, everything else that agrees agrees of a
sibling too. What the photo does not show leaves no doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from simsearch.catalog.images import ImageFacts
from simsearch.core.quantities import Comparison, compare, compare_packs, parse
from simsearch.core.types import PrintedFact
from simsearch.features.reading.content import Content, content, lasting
from simsearch.features.reading.cuts import deciding
from simsearch.features.reading.types import Line, Reading
from simsearch.recognition.printed import digits
from simsearch.recognition.printed.aligned import Place, corners
from simsearch.recognition.printed.alignment import Alignment, Zone
from simsearch.recognition.printed.facts import form_of
from simsearch.recognition.printed.lines import Judgement, Relation
from simsearch.recognition.printed.table import stated
from simsearch.recognition.printed.whole import Facts

AMOUNTS = ("strength", "pack", "volume")
"""Kinds of facts that a package states once, and in which siblings differ."""
_WELL_READ = 0.6
"""Confidence from which what was read counts as an amount."""
_SURE, _LEAST = 0.9, 0.8
"""Confidence of the catalog's line, and of each of its cuts."""


def amount(said: Content) -> str:
    """The amount that a line states, as a kind of `AMOUNTS`; "" for none."""
    if said.strength:
        return "strength"
    return "pack" if said.pack else "volume" if said.volumes else ""


def not_settled(
    places: Sequence[Place],
    catalog: Reading,
    facts: ImageFacts | None,
    alignment: Alignment,
    agree: Iterable[PrintedFact],
) -> list[PrintedFact]:
    """Of each kind of amount the largest line of the catalog's photo that the photo shows, where it settles nothing.

    A strength that the photo shows in part was cut off, and says nothing either.

    Args:
        places: that were looked at.
        catalog: the lines of the catalog's photo.
        facts: its row of the table; a strength that is not the one of the table leaves no doubt.
        alignment: of the two photos.
        agree: what the photo says elsewhere, and the catalog or its table says too.
    """
    agreeing, seen = list(agree), {place.line: place for place in places}
    found: dict[str, PrintedFact] = {}
    settled: set[str] = set()
    for i, kind, said in _amounts(catalog, facts):
        place = seen.get(i) or (_in_part(catalog.lines[i], alignment) if kind == "strength" else None)
        if place is None or kind in settled or kind in found:
            continue
        known = any(_says(fact.photo, said) for fact in agreeing)
        if known or _settles(place.judgement, kind) or (kind == "strength" and _told_otherwise(place, agreeing)):
            settled.add(kind)
        elif place.judgement.relation is not Relation.CONTRADICTS:
            found[kind] = _fact(kind, place)
    return list(found.values())


def _amounts(catalog: Reading, facts: ImageFacts | None) -> Iterator[tuple[int, str, Content]]:
    """The lines that surely state an amount, by their indices, with its kind; the largest first.

    One is sure by its readings, or because the table states the same strength.
    """
    form = form_of(catalog, facts.form if facts else "")
    strength = parse(stated(facts).strength, facts.form) if facts else None
    for i in deciding(catalog.lines, catalog.width, catalog.height):
        line = catalog.lines[i]
        said = content(line.text, form)
        kind = amount(said)
        if not (kind and line.cuts):
            continue
        by_table = Comparison.UNKNOWN
        if kind == "strength" and strength and said.value:
            by_table = compare(said.value, strength)
        if by_table is not Comparison.DIFFERENT and (_sure(line) or by_table is Comparison.EQUAL):
            yield i, kind, said


def _in_part(line: Line, alignment: Alignment) -> Place | None:
    """The place of a line that the photo shows in part; None where it shows all of it or nothing."""
    quad = line.quad.astype(np.float64)
    there = alignment.to_photo(quad)
    if alignment.zone(quad) is Zone.FAR or not np.isfinite(there).all():
        return None
    inside = np.logical_and(there >= 0, there <= 1).all(axis=1)
    if inside.all() or not inside.any():
        return None
    unread = Judgement(Relation.UNREAD, catalog=lasting(line.text))
    return Place(unread, corners(there), corners(quad))


def _settles(judged: Judgement, kind: str) -> bool:
    """Whether a place agrees, or holds the same digits: a misread unit leaves no doubt, but other pieces do."""
    same = digits.numbers(judged.photo) == digits.numbers(judged.catalog) != ()
    return judged.relation is Relation.AGREES or (same and kind != "pack")


def _told_otherwise(place: Place, agreeing: Sequence[PrintedFact]) -> bool:
    """Whether the place was only not read, and another line that agrees holds the same number."""
    judged = place.judgement
    if digits.numbers(judged.photo) and judged.confidence >= _WELL_READ:
        return False
    wanted = set(digits.numbers(judged.catalog))
    return bool(wanted) and any(wanted <= set(digits.numbers(fact.photo)) for fact in agreeing)


def _sure(line: Line) -> bool:
    texts = [line.text, *(cut.text for cut in line.cuts)]
    return (
        line.confidence >= _SURE
        and min(cut.confidence for cut in line.cuts) >= _LEAST
        and all(digits.numbers(text) == digits.numbers(texts[0]) for text in texts)
    )


def _says(photo: str, said: Content) -> bool:
    """Whether a text of the photo states the same amount."""
    ours = content(photo)
    if said.value and ours.value and compare(ours.value, said.value) is Comparison.EQUAL:
        return True
    if said.pack and ours.pack:
        return compare_packs(ours.pack, said.pack) is Comparison.EQUAL
    return bool(said.volumes) and set(said.volumes) == set(ours.volumes)


def differ(doubt: PrintedFact) -> bool:
    """Whether both sides of a doubt name an amount, and not the same."""
    if doubt.confidence < _WELL_READ:
        return False
    ours, theirs = content(doubt.photo), content(doubt.catalog)
    if ours.value and theirs.value:
        return compare(ours.value, theirs.value) is Comparison.DIFFERENT
    return digits.compare(doubt.photo, doubt.catalog) is Comparison.DIFFERENT


def _fact(kind: str, place: Place) -> PrintedFact:
    judged = place.judgement
    return PrintedFact(
        kind, judged.photo, judged.catalog, photo_place=place.photo, catalog_place=place.catalog,
        confidence=judged.confidence,
    )  # fmt: skip


def still_open(found: Facts, in_place: list[PrintedFact]) -> list[PrintedFact]:
    """The doubts, one of a kind: those of whole photos where nothing of the kind agrees, and those at their places."""
    agreeing, against = ({fact.kind for fact in side} for side in (found.agree, found.against))
    doubts = [*in_place, *(fact for fact in found.doubts if fact.kind not in agreeing)]
    return list({fact.kind: fact for fact in reversed(doubts) if fact.kind not in against}.values())
