"""How many pieces a package holds: `3 x 10 tablets`, `N30`, `20 x 2 ml ampoules`, `50 + 10 free`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import prod

from simsearch.core.quantities.comparison import Comparison
from simsearch.core.quantities.model import Quantity
from simsearch.core.quantities.numerals import plain
from simsearch.core.quantities.strengths import parse

_PIECE = (
    r"(?:(?:film|retard|brause|kau|hart|weich|schmelz|film[- ]?coated |soft |hard |chewable |effervescent |coated "
    r"|pre-?filled )*"
    r"(?:tab(?:s|l|lets?|lette[ns]?)?|tbl|fta|kap|hkp|drg|cap(?:s|sules?)?|kapseln?|compresse|compressa|comprim[eéi]s?|comprimidos?|"
    r"g[eé]lules?|c[aá]psulas?|dragees?|dragées?|pastill\w*|lozenges?|caplets?|pills?|vials?|amp(?:s|ou?les?|ullen?|uls?)?|"
    r"sachets?|beutel|zäpfchen|suppositor(?:y|ies)|pessar(?:y|ies)|patch(?:es)?|pflaster|syringes?|pens?|fertigspritzen?|"
    r"pieces?|pcs?|stück|st|doses?|dosen|units?|таб\w*|капс\w*|амп\w*|шт|доз\w*|tabletek|kapsułek|قرص|کپسول|عدد)\b\.?"
    r"|錠|粒|片|顆|カプセル)"
)
_INNER = r"(?:strips?|blisters?|blisterpackungen|packs?|cards?|boxe?s?|bottles?|plaquettes?|блистер\w*)"
_BEFORE = r"(?<![\w.,/^-])(?<!per )(?<!each )(?<!jede )(?<!after )"
_COUNT = r"\d{1,5}"
_MEASURE = r"(?:[mµ]?[gl]|mcg|cc|iu|мл|毫升)\b"
_FREE = re.compile(rf"{_BEFORE}({_COUNT})\s*\+\s*({_COUNT})\s*(?:{_PIECE}\s*)?(?:free|gratis|extra)\b", re.IGNORECASE)
_TIMES = r"\s*[x*хX]\s*"
_LAYERS = re.compile(
    rf"{_BEFORE}({_COUNT}(?:{_TIMES}{_COUNT})+)(?!\d|[.,]\d)\s*(?P<unit>'\s*s\b|[TC]\b|{_PIECE}|(?:[cm]m)\b|(?!\w))",
    re.IGNORECASE,
)
_EACH = re.compile(
    rf"{_BEFORE}({_COUNT}(?:{_TIMES}{_COUNT})*){_TIMES}(\d+(?:[.,]\d+)?\s*(?:ml|mL|g|l|мл|毫升|cc)\b)", re.IGNORECASE
)
_OF = re.compile(
    rf"{_BEFORE}({_COUNT})\s*{_INNER}\s*(?:of|à|a|zu|mit|x|de|da|по)\s*({_COUNT})(?!\d|[.,]\d|\s*{_MEASURE})",
    re.IGNORECASE,
)
_EACH_TIMES = re.compile(
    rf"{_BEFORE}({_COUNT})\s*(?:'\s*s|{_PIECE}){_TIMES}({_COUNT})(?!\d|[.,]\d|\s*{_MEASURE})", re.IGNORECASE
)
_PLAIN = re.compile(
    rf"{_BEFORE}([1-9]\d{{0,2}}[.,']\d{{3}}|{_COUNT})\s*(?:'\s*s\b|(?:[TC]\b)|-?{_PIECE})", re.IGNORECASE
)
_HELD = re.compile(
    rf"\b(?:pack|box|carton|blister|strip|bottle)(?: ?size)?\s*(?:of|:|à)?\s*({_COUNT})(?![\w.,/%]|\s*{_MEASURE}"
    r"|\s*[^\W\d_]{3})",
    re.IGNORECASE,
)
"""With no word behind the number: `Box of 3 blisters` counts no pieces, and pieces by name are :data:`_PLAIN`."""
_NUMBERED = re.compile(r"(?<![\w.№])(?:N\s?[°º]?|№|#)\s*(\d{1,4})(?![\w/])")
_REGISTERED = re.compile(r"(?:lic|licen[cs]e|reg|batch|lot|b|mfg|iso|серия|рег)\W*$", re.IGNORECASE)


_CONTAINERS = {
    "syringe": re.compile(r"syringes?\b|spritzen?\b|\bpens?\b", re.IGNORECASE),
    "vial": re.compile(r"\bvials?\b|\bamp(?:s|ou?les?|ullen?|uls?)?\b", re.IGNORECASE),
}


@dataclass(frozen=True)
class Pack:
    """How many pieces a package holds."""

    layers: tuple[int, ...]
    """From the outside in: (10, 15) are ten strips of fifteen."""
    each: Quantity | None = None
    """What a piece holds, where the text says it: 2 ml of an ampoule."""
    container: str = ""
    """"syringe" or "vial" (an ampoule, too), where the text names what an injection is in."""

    @property
    def count(self) -> int:
        """Pieces in all, at least 1."""
        return prod(self.layers)


def pack(text: str) -> Pack | None:
    """The pieces that `text` speaks of; None where it speaks of none.

    A number before `tablets` is taken for a count, which it need not be in a name: `Calpol 650 tablets`.
    """
    said = plain(text)[0]
    found = _found(said)
    return replace(found, container=_container(said)) if found and found.count else None


def _found(said: str) -> Pack | None:
    if match := _FREE.search(said):
        return Pack((int(match[1]) + int(match[2]),))
    if match := _EACH.search(said):
        held = parse(match[2]).readings[0]
        return Pack(_layers(match[1]), held.content[0] if held.content else held.parts[0].alternatives[0])
    if match := _OF.search(said) or _EACH_TIMES.search(said):
        return Pack((int(match[1]), int(match[2])))
    match = _LAYERS.search(said)
    if match and match["unit"].lower() not in ("cm", "mm"):
        return Pack(_layers(match[1]))
    if match := _PLAIN.search(said) or _HELD.search(said):
        return Pack((int(re.sub(r"\D", "", match[1])),))
    for match in _NUMBERED.finditer(said):
        if not _REGISTERED.search(said[: match.start()]):
            return Pack((int(match[1]),))
    return None


def _container(said: str) -> str:
    named = [name for name, pattern in _CONTAINERS.items() if pattern.search(said)]
    return named[0] if len(named) == 1 else ""


def _layers(product: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", product)))


def pack_count(text: str) -> int | None:
    """The number of pieces that `text` speaks of, in all; see `pack`."""
    found = pack(text)
    return found.count if found else None


def compare_packs(shown: Pack, whole: Pack) -> Comparison:
    """Compare what a photo shows with what the catalog lists: a strip of the carton does not contradict it.

    A syringe is another package than a vial.
    """
    if shown.container and whole.container and shown.container != whole.container:
        return Comparison.DIFFERENT
    if shown.count == whole.count:
        return Comparison.EQUAL
    inner = {prod(whole.layers[i:]) for i in range(1, len(whole.layers))} | set(whole.layers[1:])
    return Comparison.UNKNOWN if shown.count in inner else Comparison.DIFFERENT


def without_packs(text: str) -> str:
    """A name without its counts of pieces and contents of pieces."""
    for pattern in (_FREE, _EACH, _OF, _EACH_TIMES, _LAYERS, _PLAIN):
        text = pattern.sub(" ", text)
    return text
