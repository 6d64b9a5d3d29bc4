"""Cuts a plain text (`numerals.plain`) into amounts, denominators, words and marks."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from simsearch.core.quantities.numerals import MARKS, NUMBER, read
from simsearch.core.quantities.units import NO_UNIT, Unit, unit_at

CONTAINED = ("ml", "dose", "each")
"""Dimensions of what a package holds. An amount in one of them is no strength, unless something is dissolved in it."""
_DENOMINATORS = (*CONTAINED, "h", "cm2")
_PER = re.compile(rf"(?:/|\b(?:per|pro|je|par|por|in|jede|each)\b)\s*(?:({NUMBER})\s*)?", re.IGNORECASE)
_NUMBER = re.compile(rf"({NUMBER})(\s*-?\s*)")
_OTHER = re.compile(
    r"""
    (?P<basis>\(?\s*\b(?P<solute>[wmv])\s*/\s*(?P<solvent>[wmv])\b\s*\)?)
  | (?P<same>=|\b(?:eq|equiv|equivalent|equivalente|equal|entspr|entsprechend|corresponding|correspondant)\b\.?)
  | (?P<span>~|\b(?:to|bis)\b)
  | (?P<times>[x*](?=\s*\d))
  | (?P<name>[a-z]{1,2}\d+(?![.,]?\d)(?!\s*[%/]))
  | (?P<word>[^\W\d_]+)
  | (?P<mark>\S)
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class Token:
    """A piece of a text.

    `kind`: "amount" (number and unit), "per" (a denominator), "bare" (a number alone), "basis" (of a percentage:
    "wv", "ww" or "vv"), "same" (what follows says it again), "span" (a range), "times", "name" (`B12`), "word", or
    "mark" (any other character).
    """

    kind: str
    text: str
    start: int
    end: int
    number: str = ""
    unit: Unit = NO_UNIT
    basis: str = ""


def tokens(said: str) -> list[Token]:
    """The text in pieces, in order. Numbers that share the unit of a later one have that unit: `875/125 mg`."""
    found: list[Token] = []
    place = 0
    while place < len(said):
        if said[place] == " ":
            place += 1
            continue
        token = _per(said, place) or _amount(said, place) or _other(said, place)
        place = token.end
        found += [token] if token.kind != "per" or _divides(token, found) else _part(token)
    return _with_shared_units(found)


def _per(said: str, place: int) -> Token | None:
    match = _PER.match(said, place)
    of = unit_at(said, match.end()) if match else None
    return Token("per", said[place : of[0]], place, of[0], match[1] or "", of[1]) if match and of else None


def _amount(said: str, place: int) -> Token | None:
    match = _NUMBER.match(said, place)
    if not match:
        return None
    of = unit_at(said, match.end())
    if of:
        return Token("amount", said[place : of[0]], place, of[0], match[1], of[1])
    return Token("bare", match[1], place, match.end(1), match[1])


def _other(said: str, place: int) -> Token:
    match = _OTHER.match(said, place)
    assert match, "any character is a mark"
    kind = next(kind for kind in ("basis", "same", "span", "times", "name", "word", "mark") if match[kind])
    basis = f"{match['solute']}{match['solvent']}".lower().replace("m", "w") if kind == "basis" else ""
    return Token(kind, match[0], place, match.end(), basis=basis)


def _divides(token: Token, before: list[Token]) -> bool:
    """Whether it is a denominator: in `1 g/200 mg` it is one more ingredient, and in `10 mg/g` or `1 g/100 g` it is."""
    of = token.unit
    if not token.text.startswith("/"):
        return of.dimension in _DENOMINATORS or of.dimension == "mg"
    if of.dimension in _DENOMINATORS:
        return True
    if of.dimension != "mg" or not token.number:
        return of.dimension == "mg"
    if of.factor < 1000 or token.number not in ("1", "10", "100", "1000"):
        return False
    last = before[-1] if before and before[-1].kind == "amount" else None
    return last is None or last.unit.dimension != "mg" or 2 * _size(last) < _size(token)


def _size(token: Token) -> Fraction:
    return (read(token.number, MARKS[0]) or Fraction(0)) * token.unit.factor


def _part(token: Token) -> list[Token]:
    """`/125 mg` as a mark and an amount; without a number it says nothing."""
    lead = len(token.text) - len(token.text.lstrip("/ "))
    mark = Token("mark", "/" if token.text.startswith("/") else " ", token.start, token.start + 1)
    if not token.number:
        return [mark, replace(token, kind="word", start=token.start + lead, text=token.text[lead:])]
    return [mark, replace(token, kind="amount", start=token.start + lead, text=token.text[lead:])]


def _with_shared_units(found: list[Token]) -> list[Token]:
    """Gives `875` of `875/125 mg` its unit, and makes the count of `20 x 2 ml` a word."""
    out = list(found)
    for i in range(len(out) - 3, -1, -1):
        number, mark, after = out[i : i + 3]
        if number.kind != "bare" or after.kind != "amount":
            continue
        if mark.kind == "times":
            out[i] = replace(number, kind="word", number="")
        elif mark.text in ("/", "+", "-", "&") or mark.kind == "span":
            out[i] = replace(number, kind="amount", unit=after.unit)
    return out
