"""Numbers as labels and national tables write them.

`1.000` is one where the decimal mark is a point, and a thousand where it is a comma. A text keeps to one mark, so the
other numbers in it may tell which; where none does, both readings are kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from functools import cache, lru_cache

MARKS = (".", ",")
"""Decimal marks that a writer may use."""

_GROUPED = r"[1-9]\d{0,2}"
# A space groups digits only in threes; other marks are looked at by `value`.
NUMBER = (
    rf"(?:10(?:\^\d+)+|(?:{_GROUPED}(?:[ ]\d{{3}})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,']\d+)*|[.,]\d+|[Oo][.,]\d+)"
    r"(?:\s*[x*]\s*10(?:\^\d+)+)?)"
)
"""A regular expression for numbers in a plain text, powers of ten included: `1 000`, `1,00,000`, `.5`, `2 x 10^9`."""
_THREES = re.compile(
    rf"{_GROUPED}(?:,\d{{3}})+|{_GROUPED}(?:\.\d{{3}})+|{_GROUPED}(?:'\d{{3}})+|{_GROUPED}(?: \d{{3}})+"
)
_LAKHS = re.compile(r"[1-9]\d?(?:,\d{2})+,\d{3}")
_POWER = re.compile(r"(?:(?P<factor>.*?)\s*[x*]\s*)?10(?P<exponent>(?:\^\d+)+)")
_PLAIN = {
    "μ": "µ", "µ": "µ", "’": "'", "‘": "'", "′": "'", "ʼ": "'", "`": "'", "´": "'", "٫": ".", "٬": "'", "·": ".",
    "⋅": ".", "‧": ".", "،": ",", "、": ";", "⁄": "/", "∕": "/", "÷": "/", "‐": "-", "‑": "-", "‒": "-", "–": "-",
    "—": "-", "−": "-", "×": "x", "✕": "x", "✖": "x", "№": "№", "٪": "%",
}  # fmt: skip


@lru_cache(maxsize=16384)
def plain(text: str) -> tuple[str, Sequence[int]]:
    """The text in one alphabet of digits, marks and spaces, and for each of its characters the place in `text`.

    Digits of all scripts become 0 to 9, spaces one kind, compatible forms (`％`, `㎎`) the usual ones. Superscripts are
    powers and become `^6`, a vulgar fraction its decimals: `½` is `.5`. The places end with the length of `text`.
    """
    letters, places = [], []
    for place, letter in enumerate(text):
        for each in _plain(letter):
            letters.append(each)
            places.append(place)
    return "".join(letters), (*places, len(text))


@cache
def _plain(letter: str) -> str:
    if letter in _PLAIN:
        return _PLAIN[letter]
    category, kind = unicodedata.category(letter), unicodedata.decomposition(letter)
    if category == "Nd":
        return str(unicodedata.digit(letter))
    if category == "Cf":  # joiners and marks of direction, which nobody sees
        return ""
    if letter.isspace():
        return " "
    if kind.startswith("<super>"):
        power = unicodedata.digit(letter, None)
        return letter if power is None else f"^{power}"
    if kind.startswith("<fraction>"):
        share = f"{unicodedata.numeric(letter):.10g}"
        return share[1:] if len(share) <= 5 else letter  # thirds and the like stay as they are
    return "".join(_PLAIN.get(each, each) for each in unicodedata.normalize("NFKC", letter))


def value(number: str, mark: str) -> Fraction | None:
    """What `number` is to a writer whose decimal mark is `mark`; None where it is no number to such a writer."""
    power = _POWER.fullmatch(number)
    if power:
        factor = value(power["factor"], mark) if power["factor"] else Fraction(1)
        exponent = int(power["exponent"].replace("^", ""))
        return None if factor is None or exponent > 15 else factor * 10**exponent
    whole, found, decimals = number.replace("O", "0").replace("o", "0").partition(mark)
    if found and not decimals.isdigit():
        return None
    if whole.isdigit() or not whole:
        digits = whole
    elif _THREES.fullmatch(whole) or (mark == "." and _LAKHS.fullmatch(whole)):
        digits = re.sub(r"\D", "", whole)
    else:
        return None
    return Fraction(f"{digits or 0}.{decimals or 0}")


def marks(numbers: Sequence[str]) -> tuple[str, ...]:
    """The decimal marks by which all of `numbers` make sense; both where the numbers contradict each other."""
    return tuple(mark for mark in MARKS if all(value(number, mark) is not None for number in numbers)) or MARKS


def read(number: str, mark: str) -> Fraction | None:
    """`value` by `mark`, or else by the other mark."""
    found = value(number, mark)
    return value(number, MARKS[1 - MARKS.index(mark)]) if found is None else found
