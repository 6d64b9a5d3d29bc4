"""One SKU is one product: rows that give it two names or two strengths are refused, all of them.

Nobody can tell which of the rows is right, and a photo under the wrong name is a wrong drug. Which rows are refused
does not depend on their order. A row without a name or strength contradicts nothing, and is refused with the others of
its SKU, because it is not known for which of the products it stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from simsearch.core.quantities import Comparison, compare_texts
from simsearch.core.types import Refusal, SourceRow

_SHOWN = 60
"""Characters of a name in a message."""
_SPELLINGS = 20
"""Of one strength. More can only be different strengths, and need not be compared in pairs."""


def contradictions(rows: Iterable[SourceRow]) -> Iterator[tuple[SourceRow, Refusal]]:
    """Each row whose SKU has contradicting rows, with its refusal."""
    by_sku: dict[str, list[SourceRow]] = {}
    for row in rows:
        by_sku.setdefault(row.sku, []).append(row)
    for group in by_sku.values():
        if found := _disagreeing(group):
            field, said = found
            yield from ((row, _refusal(row, field, said)) for row in group)


def _disagreeing(rows: Sequence[SourceRow]) -> tuple[str, Sequence[SourceRow]] | None:
    """The field of which the rows say two things, and the first row that says each; None where they agree."""
    strengths = _first_of_each((_same(row.strength), row) for row in rows)
    if len(strengths) > _SPELLINGS or any(_differ("strength", a, b) for a, b in combinations(strengths, 2)):
        return "strength", strengths
    spelled = sorted((_same(row.strength) for row in strengths), key=len, reverse=True)
    names = _first_of_each((_without(spelled, _same(row.name)), row) for row in rows)
    return ("name", names) if len(names) > 1 else None


def _first_of_each(said: Iterable[tuple[str, SourceRow]]) -> Sequence[SourceRow]:
    found: dict[str, SourceRow] = {}
    for text, row in said:
        if text:
            found.setdefault(text, row)
    return list(found.values())


def _same(text: str) -> str:
    """Equal for texts that differ in case, blanks or Unicode form only."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _without(strengths: Sequence[str], name: str) -> str:
    """The name without the strength in it: "Ibu 400 mg" and "Ibu" are one name where the strength is 400 mg."""
    any_of = "|".join(map(re.escape, strengths))
    return re.sub(rf"(?<![\d.,/])(?:{any_of})", "", name) if strengths else name


def _refusal(row: SourceRow, field: str, said: Sequence[SourceRow]) -> Refusal:
    said = [row, *said] if getattr(row, field) else said
    one, other = next(((a, b) for a, b in combinations(said, 2) if _differ(field, a, b)), (said[0], said[-1]))
    both = " and ".join(f"{getattr(r, field)[:_SHOWN]!r} ({_place(r, row)})" for r in (one, other))
    text = f"SKU {row.sku} has two {field}s, {both}; one SKU is one product: correct the SKU or the {field}"
    return Refusal(row.where, "contradiction", f"{row.where}: {text}", row.path)


def _differ(field: str, a: SourceRow, b: SourceRow) -> bool:
    """Whether two rows say different things; 0.5 g and 500 mg are not."""
    one, other = getattr(a, field), getattr(b, field)
    equal = _same(one) == _same(other) or (field == "strength" and compare_texts(one, other) is Comparison.EQUAL)
    return not equal


def _place(row: SourceRow, beside: SourceRow) -> str:
    """Where a row stands; `line 7` alone where that is in the same table."""
    table, found, place = row.where.rpartition(" line ")
    return f"line {place}" if found and beside.where.startswith(f"{table} line ") else row.where
