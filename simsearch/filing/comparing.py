"""Compares the print of two photos again, to tell a doubt in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.core.types import PrintComparison, PrintedFact
from simsearch.features.base import Method
from simsearch.filing.filed import Filing
from simsearch.filing.looker import Looker
from simsearch.filing.print_lines import stored_sides
from simsearch.recognition.pair_scorer import StoredPrint
from simsearch.recognition.print_pairs import PrintSide
from simsearch.recognition.stored import stored


def comparer(
    catalog: Catalog,
    methods: Mapping[str, Method],
    prints: StoredPrint | None,
    looker: Looker,
    filing: Filing,
    facts: Mapping[int, ImageFacts],
) -> tuple[Callable[[int, int], PrintComparison | None], Mapping[int, PrintSide]]:
    """What compares the print of two of the images of `facts`, the first as the photo; and what was read on each."""
    sides = stored_sides(prints, catalog, facts)
    described = stored(catalog, methods, facts)

    def compare(a: int, b: int) -> PrintComparison | None:
        if not all(i in described and i in sides for i in (a, b)):
            return None
        first, second = filing.ordered(a, b)
        _, printed = looker.pair((described[first], described[second]), (sides[first], sides[second]))
        return printed if first == a or printed is None else turned(printed)

    return compare, sides


def turned(printed: PrintComparison) -> PrintComparison:
    """The same comparison, seen from the other photo."""
    agree, against = (tuple(map(_turned, facts)) for facts in (printed.agreements, printed.contradictions))
    return replace(printed, agreements=agree, contradictions=against)


def _turned(fact: PrintedFact) -> PrintedFact:
    return replace(
        fact, photo=fact.catalog, catalog=fact.photo, photo_place=fact.catalog_place, catalog_place=fact.photo_place
    )
