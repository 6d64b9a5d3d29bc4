"""Amounts of a whole photo against those that the table states of a product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simsearch.catalog.images import ImageFacts
from simsearch.core.quantities import Comparison, Pack, compare, compare_packs, doses, pack, parse
from simsearch.core.types import PrintedFact
from simsearch.features.reading.content import content
from simsearch.recognition.printed import digits
from simsearch.recognition.printed.aligned import Near, corners
from simsearch.recognition.printed.facts import Said
from simsearch.recognition.printed.whole import (
    Facts,
    compare_strengths,
    compare_volumes,
    is_certain,
    is_sure,
    is_volume,
    say_one,
)


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


def against_table(photo: Sequence[Said], table: Stated, near: Near) -> Facts:
    """What the amounts of a photo and those of the table say of each other."""
    found = Facts()
    strengths = [s for s in photo if s.content.strength]
    if table.strength and strengths:
        value = parse(table.strength, table.form)
        results = [
            (s, compare_strengths(s.content.value, value), compare(s.content.value, value) is Comparison.DIFFERENT)
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
    volumes = [s for s in photo if s.content.volumes and is_volume(s)]
    if held and volumes and not listed:
        amounts = [(s, compare_volumes(s.content.volumes, held)) for s in volumes]
        _sort([(s, each, each is Comparison.DIFFERENT) for s, each in amounts], found, "volume", table.pack, near)
    return found


def _pack(text: str) -> Pack | None:
    if text.strip().isdigit():
        return Pack((int(text),)) if int(text) else None
    return pack(text)


def _sort(results: Sequence[tuple[Said, Comparison, bool]], found: Facts, kind: str, catalog: str, near: Near) -> None:
    """Adds to `found`. `results`: lines with what each says of `catalog`, and whether it names another amount."""
    equal = [s for s, said_, _ in results if said_ is Comparison.EQUAL]
    if equal:
        found.agree.append(_fact(kind, equal[0], catalog))
    elif all(apart for *_, apart in results) and say_one([s for s, *_ in results], kind):
        apart = all(said_ is Comparison.DIFFERENT for _, said_, _ in results)
        sure = next((s for s, *_ in results if _believed(s, kind, near, catalog)), None) if apart else None
        (found.against if sure else found.doubts).append(_fact(kind, sure or results[0][0], catalog))


def _believed(photo: Said, kind: str, near: Near, catalog: str) -> bool:
    """Whether a line of the photo is believed against `catalog`: where their digits look alike, by all its readings."""
    text = photo.content.strength if kind == "strength" else photo.line.text
    if digits.look_alike(text, catalog):
        return is_certain(photo, kind, near)
    return is_sure(photo, kind, near)


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
