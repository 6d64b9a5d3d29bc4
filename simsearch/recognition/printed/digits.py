"""The numbers of two lines at one place, compared as digits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from simsearch.core.quantities import Comparison
from simsearch.core.quantities.numerals import plain
from simsearch.features.reading.content import mended

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_WITHIN = re.compile(r"(?<=[^\W\d_])[0158](?=[^\W\d_]{2})")
"""A letter of a word that was taken for a digit: `ESK0FAZOL`."""
_TAKEN = str.maketrans("%gqOoQlI|iSsBZz", "999000111155822")
_CLOSE = frozenset("06 08 09 17 38 39 56 58 59 68 69 89".split())
_ALONE = re.compile(r"\d{1,4}(?:[.,]\d{1,3})?")
_LETTERS = re.compile(r"[^\W\d_]{2}|[gl%µ]")
"""Of a line beside a number: a word, or a unit. A single letter may be a misread digit."""
_MARK = re.compile(r"[^\w\s%]")
"""A mark beside a number may be one of its digits, misread."""
_BESIDE = re.compile(r"(?<=\d)[%gqOoQlI|iSsBZz]|[gqOoQlI|iSsBZz](?=\d)")


def is_number(text: str) -> bool:
    """Whether a line is a number alone: its unit stands apart, or was lost."""
    return bool(_ALONE.fullmatch(text.strip()))


class _Number(NamedTuple):
    """A number of a line, with a point for a decimal comma, and what stands before and after it."""

    digits: str
    before: str
    after: str


def numbers(text: str) -> tuple[str, ...]:
    """The numbers of a line, with a point for a decimal comma."""
    return tuple(number.digits for number in _read(text))


@lru_cache(maxsize=8192)
def _read(text: str) -> tuple[_Number, ...]:
    said = _WITHIN.sub("", plain(mended(text))[0])
    found = _NUMBER.finditer(said)
    return tuple(_Number(m[0].replace(",", "."), said[: m.start()], said[m.end() :]) for m in found)


@lru_cache(maxsize=8192)
def _folded(text: str) -> tuple[_Number, ...]:
    """The numbers if letters beside digits are digits: `5O0` is 500, and `15g` is 159."""
    said = plain(mended(text))[0]
    while (changed := _BESIDE.sub(lambda match: match[0].translate(_TAKEN), said)) != said:
        said = changed
    return _read(said)


def compare(a: str, b: str) -> Comparison:
    """EQUAL where both hold the same numbers in one way to read them; DIFFERENT where they do not in any way.

    UNKNOWN where one side holds none or more than the other, and where a number begins or ends the other and may have
    been cut: a line is cut at its ends, so the 1 of `1 mg` was never 10, and the 25 of `CARVILOL 25` never 6.25.
    """
    ways = [_compared(x, y) for x, y in product((_read(a), _folded(a)), (_read(b), _folded(b)))]
    for found in (Comparison.EQUAL, Comparison.UNKNOWN):
        if found in ways:
            return found
    return Comparison.DIFFERENT


def _compared(a: Sequence[_Number], b: Sequence[_Number]) -> Comparison:
    if not a or len(a) != len(b):
        return Comparison.UNKNOWN
    apart = [(i, x, y) for i, (x, y) in enumerate(zip(a, b, strict=True)) if x.digits != y.digits]
    if not apart:
        return Comparison.EQUAL
    cut = all(_cut(x, y, first=i == 0, last=i == len(a) - 1) for i, x, y in apart)
    return Comparison.UNKNOWN if cut else Comparison.DIFFERENT


def look_alike(a: str, b: str) -> bool:
    """Whether the numbers of two lines differ in nothing but digits that are easily taken for one another."""
    ours, theirs = "".join(numbers(a)), "".join(numbers(b))
    return len(ours) == len(theirs) and all(
        x == y or f"{min(x, y)}{max(x, y)}" in _CLOSE for x, y in zip(ours, theirs, strict=True)
    )


def _cut(a: _Number, b: _Number, *, first: bool, last: bool) -> bool:
    """Whether the shorter of two numbers may be a part of the other; or they differ in no digit.

    `first`, `last`: whether they are the first and the last numbers of their lines.
    """
    if a.digits.replace(".", "") == b.digits.replace(".", ""):
        return True
    short, long = sorted((a, b), key=lambda number: len(number.digits))
    if _shorter_run(short.digits, long.digits):  # a reader drops one of two equal digits: 100 for 1000
        return True
    begins = bool(_MARK.search(short.before[-1:])) or (first and not _LETTERS.search(short.before))
    ends = bool(_MARK.search(short.after[:1])) or (last and not _LETTERS.search(short.after))
    return (ends and long.digits.startswith(short.digits)) or (begins and long.digits.endswith(short.digits))


def _shorter_run(short: str, long: str) -> bool:
    """Whether the long number becomes the short one where one of two equal neighbours is taken away."""
    return any(long[i] == long[i + 1] and long[:i] + long[i + 1 :] == short for i in range(len(long) - 1))
