"""Compares two strengths: equal, different, or not to be told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from itertools import product

from simsearch.core.quantities.model import Part, Quantity, Reading, Strength
from simsearch.core.quantities.numerals import plain
from simsearch.core.quantities.strengths import parse
from simsearch.core.quantities.units import FACTORS


class Comparison(StrEnum):
    """What two texts say of each other's strength."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    """They cannot be compared (`250 mg/5 ml` and `250 mg`), or one of several readings is equal and another is not."""


_EQUAL, _DIFFERENT, _UNKNOWN = Comparison.EQUAL, Comparison.DIFFERENT, Comparison.UNKNOWN
_DOSES = frozenset(map(Fraction, ("1", "2.5", "5", "10", "15", "100", "1000")))
"""Millilitres that a concentration is stated in. Any other volume is what an ampoule or a syringe holds."""


@lru_cache(maxsize=16384)
def compare(a: Strength, b: Strength) -> Comparison:
    """Compare two strengths; the order of the two does not matter.

    A text that can be read in several ways equals another where one of its readings does, as long as the other has
    only one. Of two such texts, readings of one way are compared. What the packages hold makes two strengths different
    where both say it, and so does an ampoule or a syringe that the amounts are in: `40 mg/0.4 ml`, `60 mg/0.6 ml`. But
    for these, EQUAL is an equivalence between texts with one reading, one alternative a part, and units.
    """
    if said(a.text) == said(b.text) and a.readings == b.readings:
        return _EQUAL
    every = {(x.way, y.way): _readings(x, y) for x, y in product(a.readings, b.readings)}
    results = set(every.values())
    if len(results) == 1:
        return results.pop()
    if len(a.readings) == 1 or len(b.readings) == 1:
        return _EQUAL if _EQUAL in results else _UNKNOWN
    alike = {result for (x, y), result in every.items() if x == y}
    if alike == {_EQUAL}:
        return _EQUAL
    return _DIFFERENT if alike == {_DIFFERENT} and _EQUAL not in results else _UNKNOWN


def compare_texts(a: str, b: str, forms: tuple[str, str] = ("", "")) -> Comparison:
    """The same of two texts; see `parse` for the forms."""
    return compare(parse(a, forms[0]), parse(b, forms[1]))


@lru_cache(maxsize=16384)
def said(text: str) -> str:
    """A text without what changes no reading: case, spaces, the Unicode form of its letters."""
    return plain(text)[0].replace(" ", "").casefold()


def repeats(number: str, strength: Strength) -> bool:
    """Whether a number of a name says one amount of `strength` again: `Dolo-650` and 650 mg."""
    bare = [p for reading in parse(number).readings for p in reading.parts]
    parts = [p for reading in strength.readings for p in reading.parts]
    return any(_parts(x, y, (), ()) is _EQUAL for x, y in product(bare, parts))


def _readings(a: Reading, b: Reading) -> Comparison:
    content = _content(a.content, b.content)
    if not a.parts and not b.parts:
        return content or _UNKNOWN
    found = _matched(a.parts, b.parts)
    return _DIFFERENT if content is _DIFFERENT else found


def _content(a: Sequence[Quantity], b: Sequence[Quantity]) -> Comparison | None:
    """Whether two packages hold as much; None where one does not say it in the other's terms."""
    ours, theirs = ({q.dimension: q.low for q in side} for side in (a, b))
    shared = ours.keys() & theirs.keys()
    if not shared:
        return None
    return _EQUAL if all(ours[key] == theirs[key] for key in shared) else _DIFFERENT


def _matched(a: Sequence[Part], b: Sequence[Part]) -> Comparison:
    """Compare ingredients in any order. An ingredient that one side does not give is open."""
    if not a or not b:
        return _UNKNOWN
    few, many = (a, b) if len(a) <= len(b) else (b, a)
    # 500 mg + 250 IU: where both sides have the same kinds of amounts, those of a kind belong together.
    strict = sorted(map(_kind, few)) == sorted(map(_kind, many))
    table = [[_DIFFERENT if strict and _kind(x) != _kind(y) else _parts(x, y, few, many) for y in many] for x in few]
    if len(few) == len(many) and _can_pair([[cell is _EQUAL for cell in row] for row in table]):
        return _EQUAL
    return _UNKNOWN if _can_pair([[cell is not _DIFFERENT for cell in row] for row in table]) else _DIFFERENT


def _kind(part: Part) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((q.dimension, q.per) for q in part.alternatives))


def _can_pair(fits: Sequence[Sequence[bool]]) -> bool:
    """Whether every row can have a column of its own that fits it (augmenting paths)."""
    owner: dict[int, int] = {}

    def place(row: int, tried: set[int]) -> bool:
        for column, fit in enumerate(fits[row]):
            if fit and column not in tried:
                tried.add(column)
                if column not in owner or place(owner[column], tried):
                    owner[column] = row
                    return True
        return False

    return all(place(row, set()) for row in range(len(fits)))


def _parts(x: Part, y: Part, few: Sequence[Part], many: Sequence[Part]) -> Comparison:
    if not x.names & y.names and (_named(x, many) or _named(y, few)):
        return _DIFFERENT  # the other side has this ingredient, by its name, elsewhere
    return _best(_quantities(p, q) for p, q in product(x.alternatives, y.alternatives))


def _named(part: Part, others: Iterable[Part]) -> bool:
    return any(part.names & other.names for other in others)


def _best(found: Iterable[Comparison]) -> Comparison:
    results = set(found)
    return _EQUAL if _EQUAL in results else _DIFFERENT if _DIFFERENT in results else _UNKNOWN


def _quantities(a: Quantity, b: Quantity) -> Comparison:
    if not (a.dimension and b.dimension) and a.dimension != b.dimension:
        return _EQUAL if _may_be(a, b) or _may_be(b, a) else _UNKNOWN
    if (a.dimension, a.per) != (b.dimension, b.per):
        return _UNKNOWN
    if (a.low, a.high) == (b.low, b.high):
        return _DIFFERENT if _held_apart(a, b) else _EQUAL
    ranges = a.low < a.high, b.low < b.high
    within = any(ranges) and not all(ranges) and a.low <= b.high and b.low <= a.high
    return _UNKNOWN if within else _DIFFERENT  # an amount within a range may be what it comes to


def _held_apart(a: Quantity, b: Quantity) -> bool:
    """Whether two equal concentrations are given in the volumes of two ampoules: `4 mg/2 ml` and `8 mg/4 ml`."""
    return a.per == "ml" and a.within != b.within and not {a.within, b.within} & _DOSES


def _may_be(bare: Quantity, amount: Quantity) -> bool:
    """Whether a number without a unit is the other in some unit: `650` and `650 mg`, `1.5` and `1500 mcg`."""
    if bare.dimension or bare.per or amount.per:
        return False
    units = FACTORS[amount.dimension]
    return any((bare.low * factor, bare.high * factor) == (amount.low, amount.high) for factor in units)
