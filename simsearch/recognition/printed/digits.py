"""The numbers of two lines at one place, compared as digits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import product

from simsearch.core.quantities import Comparison
from simsearch.core.quantities.numerals import plain

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_TAKEN = str.maketrans("gqOoQlI|iSsBZz", "99000111155822")
_CLOSE = frozenset("06 08 17 38 39 56 58 59 68 69 89".split())
_BESIDE = re.compile(r"(?<=\d)[gqOoQlI|iSsBZz]|[gqOoQlI|iSsBZz](?=\d)")


@lru_cache(maxsize=8192)
def numbers(text: str) -> tuple[str, ...]:
    """The numbers of a line, with a point for a decimal comma."""
    return tuple(number.replace(",", ".") for number in _NUMBER.findall(plain(text)[0]))


@lru_cache(maxsize=8192)
def _folded(text: str) -> tuple[str, ...]:
    """The numbers if letters beside digits are digits: `5O0` is 500, and `15g` is 159."""
    said = plain(text)[0]
    while (changed := _BESIDE.sub(lambda match: match[0].translate(_TAKEN), said)) != said:
        said = changed
    return numbers(said)


def compare(a: str, b: str) -> Comparison:
    """EQUAL where both hold the same numbers in one way to read them; DIFFERENT where they do not in any way.

    UNKNOWN where one side holds none or more than the other, and where a number begins or ends the other: it was cut.
    """
    ways = [_compared(x, y) for x, y in product({numbers(a), _folded(a)}, {numbers(b), _folded(b)})]
    for found in (Comparison.EQUAL, Comparison.UNKNOWN):
        if found in ways:
            return found
    return Comparison.DIFFERENT


def _compared(a: Sequence[str], b: Sequence[str]) -> Comparison:
    if not a or len(a) != len(b):
        return Comparison.UNKNOWN
    if a == b:
        return Comparison.EQUAL
    cut = all(_cut(x, y) for x, y in zip(a, b, strict=True))
    return Comparison.UNKNOWN if cut else Comparison.DIFFERENT


def look_alike(a: str, b: str) -> bool:
    """Whether the numbers of two lines differ in nothing but digits that are easily taken for one another."""
    ours, theirs = "".join(numbers(a)), "".join(numbers(b))
    return len(ours) == len(theirs) and all(
        x == y or f"{min(x, y)}{max(x, y)}" in _CLOSE for x, y in zip(ours, theirs, strict=True)
    )


def _cut(a: str, b: str) -> bool:
    """Whether one number begins or ends the other, or they differ in no digit."""
    short, long = sorted((a, b), key=len)
    return long.startswith(short) or long.endswith(short) or a.replace(".", "") == b.replace(".", "")
