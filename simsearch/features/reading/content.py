"""What a line of print speaks of: amounts, counts, forms, or what varies between packs of one product.

Lots, dates, prices, licences, telephone numbers and advice on keeping hold numbers that tell no two products apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from simsearch.core.forms import forms
from simsearch.core.quantities import Pack, Quantity, Strength, doses, pack, parse

_VARYING = re.compile(
    r"""
    \b(?: b\.?\s?n[o0]?\b[.:]? | batch | lot\b | l0t\b | exp\b | expiry | expires? | verw\.? | verwendbar
        | mf[gdr]\b | mfg | manufactur\w* | lic\b | licen[cs]e\w* | l\.?\s?n[o0]\b | ch\.?-?b\b
        | reg\b | regd | registration | registered
        | m\.?r\.?p\b | price | retail | rs\b | pkr\b | inr\b | usd\b | eur\b | taxes | rupees
        | tel\b | phone | fax\b | helpline | toll | call\b | www | http | e-?mail | \w+@\w+
        | pin\b | p\.?o\.?\s?box | street | road | plot | phase | estate | sector | district | avenue | area\b
        | industrial
        | iso\b | gmp\b | code\b | item\b | art\b | schedule | version | rev\b
        | date | use\ before | best\ before | until | store[ds]? | keep | below | temperature | protect | shelf
        | months? | years? | yrs? | after | since | aged? | under )\b
    | rs\.? \s? \d | [€$₹£] | \brs\.?\s?$
    | \d \s* ° | ° \s* [cf]\b | \d\s?[ºo0]\s?c\b
    | \b(?:0?[1-9]|1[0-2]) \s? [/.-] \s? (?:20)?[12]\d \b (?!\s?(?:m?[gl]|mcg)\b)
    | \b(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*[\s./-]*(?:20)?\d\d\b
    | \b(?:19|20)\d\d\b(?!\s?(?:m?[gl]|mcg|iu|tab|cap))
    | \d{2,} [\s-] \d{2,} [\s-] \d{3,} | (?<![\d.,])\d{6,}(?!\s?(?:iu|i\.u|u\b))
    """,
    re.VERBOSE | re.IGNORECASE,
)
_TAKING = re.compile(
    r"(?<!/)(?<!per )\bdose\b|\b(?:take|dosage|daily|day|hours?|hrly|every|exceed|adults?|children|times|maximum|max"
    r"|apply|use[ds]?|swallow|directed|physician|doctor|einnehmen|täglich)\b",
    re.IGNORECASE,
)
_LONE = re.compile(r"(?<![\w.,/])\d{1,4}(?:[.,]\d{1,3})?(?![\w,/]|\.\d)")
_OF_A_NAME = re.compile(r"\b[^\W\d_]{3,}[- ]?(\d{1,4}(?:[.,]\d{1,2})?)(?![\w.,/])")
_JUST_BEFORE = re.compile(r"([^\W\d_]{2,})\s+\d+\s*$")
_LOST_SLASH = re.compile(r"(?<=\d)(\s?(?:mg|mcg|µg|g|iu))(\d{1,3})\s?m[lI1|]?\b", re.IGNORECASE)
"""Between an amount and what it is dissolved in: `15mg5ml`, `4mg2m`. Two amounts are never set so close."""
_LOST_POINT = re.compile(r"(?<![\d.,])0(?=0*[1-9]\d*\s?(?:mg|mcg|µg|g|%)(?!\w))", re.IGNORECASE)
"""Before the decimals of an amount below one: `05mg`."""
_COUNTED = frozenset(
    "of contains contain containing pack box blister strip bottle x with size holds contents net qty".split()
)


@dataclass(frozen=True)
class Content:
    """What one line speaks of."""

    strength: str = ""
    """The amounts that it gives as a strength, in its own words."""
    value: Strength | None = None
    """The same as a value, with the words around the amounts, which may name ingredients; None where it gives none."""
    pack: Pack | None = None
    """The pieces that it speaks of."""
    volumes: tuple[Quantity, ...] = ()
    """What the package holds: millilitres, or grams of a tube."""
    forms: frozenset[str] = frozenset()
    """Forms that it names; see `core.forms`."""
    varies: bool = False
    """Whether its numbers vary between packs of one product; it then has none of the above but forms."""
    number: bool = False
    """Whether a number stands alone or behind a name in it, which may be a strength or a count."""

    @property
    def decides(self) -> bool:
        """Whether it can tell a product from its siblings."""
        return bool(self.strength or self.pack or self.volumes or self.forms or self.number)


@lru_cache(maxsize=8192)
def content(text: str, form: str = "") -> Content:
    """What the line `text` speaks of; `form` of the product, where known, tells grams of a tube from a strength."""
    named = forms(text)
    said = lasting(text)
    if varies(said):
        return Content(forms=named, varies=True)
    if not any(map(str.isdigit, said)):
        return Content(forms=named)
    said = mended(said)
    value = parse(said, form, bare=False)
    strength = doses(said, form) if _is_some(value) else ""
    held = tuple(q for q in value.readings[0].content if q.dimension in ("ml", "mg"))
    if re.match(r"\s*(?:each|jede|per)\b", said, re.IGNORECASE):
        held = ()
    taken = bool(_TAKING.search(said))
    found = None if taken else _pack(said)
    number = bool(_OF_A_NAME.search(said) or _LONE.search(said))
    if taken:
        return Content(forms=named)
    return Content(strength, value if strength else None, found, held, named, number=number)


@lru_cache(maxsize=8192)
def lasting(text: str) -> str:
    """A line without the date or lot that stands behind a strength in it: `HEMILEX 100 mg EXP 11/27`; else the line."""
    found = _VARYING.search(text)
    before = text[: found.start()].rstrip() if found else ""
    return before if before and doses(before) and not _TAKING.search(before) else text


def mended(text: str) -> str:
    """`text` with the slash or the point that an amount lost: `15mg5ml` is 15 mg/5 ml, and `05mg` is 0.5 mg."""
    return _LOST_POINT.sub("0.", _LOST_SLASH.sub(r"\1/\2 ml", text))


def _is_some(value: Strength) -> bool:
    """Whether no amount is 0: what was cut to `0 mg` was 10 or 500."""
    return all(q.high for reading in value.readings for part in reading.parts for q in part.alternatives)


@lru_cache(maxsize=8192)
def varies(text: str) -> bool:
    """Whether the numbers of a line vary between packs of one product, or are advice: a lot, a date, a price, 30 °C."""
    return bool(_VARYING.search(text))


def _pack(text: str) -> Pack | None:
    """The pieces; none where the number may belong to the name before it: `Calpol 650 tablets`."""
    found = pack(text)
    if found is None or len(found.layers) > 1:
        return found
    match = re.search(rf"(?<!\d){found.layers[0]}(?!\d)", text)
    before = _JUST_BEFORE.search(text[: match.end()]) if match else None
    return None if before and before[1].casefold() not in _COUNTED and found.each is None else found
