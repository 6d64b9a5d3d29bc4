"""What GS1 and IFA codes hold: element strings, GS1 Digital Links and the German PPN.

Sources: GS1 General Specifications 7.8 (element strings, FNC1), GS1 Digital Link Standard 1.4 (URI syntax), IFA
"Coding of medicines" (ISO 15434, data identifiers). The application identifiers come from `biip` (Apache-2.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from urllib.parse import parse_qsl, unquote, urlsplit

from simsearch.core.expiry import gs1_date
from simsearch.core.product_numbers import Gtin, Ndc, Pzn

LONGEST = 2048
"""Characters of a code that is looked at; a longer one says nothing."""

GS = "\x1d"
"""What scanners put where a code has the separator FNC1."""

_GS_WRITTEN = re.compile(r"␝|<GS>|\{GS\}|\[GS\]|\\x1d|\\u001d", re.IGNORECASE)
_HRI = re.compile(r"\((\d{2,4})\)([^()]+)")
_TEXT = re.compile(r"[\x20-\x7e\x1d\x1e\x04]+")
_ISO_15434 = re.compile(r"\[\)>\x1e0[56]\x1d(.*?)(?:\x1e?\x04?)", re.DOTALL)
_FOLLOWING = re.compile(r"1[01579]|21|240|71[0-7]")
"""Identifiers that may follow a lot or serial number in a medicine's code."""
_MOST_STEPS = 2000


@dataclass(frozen=True)
class Payload:
    """What one code says. What it does not say, or not for certain, is None or empty."""

    gtin: Gtin | None = None
    ndc: Ndc | None = None
    pzn: Pzn | None = None
    lot: str = ""
    serial: str = ""
    expiry: date | None = None
    problem: str = ""
    """Why something in it is refused, in words."""


Elements = tuple[tuple[str, str], ...]
"""Pairs of application identifier and value, in order."""


def element_strings(text: str, today: date) -> Payload | None:
    """The content of a GS1 code, with separators, without those that a printer left out, or as print: (01)...(17)...

    Without a separator a lot can often not be told from the serial number behind it. Then every way to divide the code
    is looked at, and only what all of them agree on is given. None: these are no element strings.
    """
    text = re.sub(_GS_WRITTEN, GS, text.strip())
    if len(text) > LONGEST or not _TEXT.fullmatch(text):
        return None
    if text.startswith("("):
        parts = _HRI.findall("".join(text.split(" ")))
        text = GS.join(identifier + value for identifier, value in parts)
    text = text.strip(GS)
    divisions = list(_divisions(text)) if text else []
    return _payload(_agreed(divisions), today) if divisions else None


def _divisions(text: str) -> Iterator[Elements]:
    """The ways to divide the whole text; if there is none, its beginning as far as it can be divided in one way."""
    budget = [_MOST_STEPS]
    found = list(_divided(text, frozenset(), budget, separated=GS in text))
    yield from found if found and budget[0] > 0 else _beginning(text)


def _divided(text: str, seen: frozenset[str], budget: list[int], *, separated: bool) -> Iterator[Elements]:
    """All divisions of `text` into elements, each identifier once. `budget` counts the steps that are left."""
    if not text:
        yield ()
        return
    for identifier, value in _first(text, separated=separated):
        budget[0] -= 1
        if budget[0] <= 0 or identifier in seen:
            return
        rest = text[len(identifier) + len(value) :].lstrip(GS)
        for others in _divided(rest, seen | {identifier}, budget, separated=separated):
            yield ((identifier, value), *others)


def _beginning(text: str) -> Iterator[Elements]:
    """The elements up to the first one that may end in several places."""
    elements: list[tuple[str, str]] = []
    while text and len(elements) < _MOST_STEPS and len(options := list(_first(text, separated=GS in text))) == 1:
        elements += options
        identifier, value = options[0]
        rest = text[len(identifier) + len(value) :]
        if _is_variable(identifier) and rest[:1] != GS:
            elements.pop()
            break
        text = rest.lstrip(GS)
    if elements:
        yield tuple(elements)


def _first(text: str, *, separated: bool) -> Iterator[tuple[str, str]]:
    """The first element, and where its end is not marked all the others that it may be, longest first."""
    from biip import ParseConfig, ParseError
    from biip.gs1_element_strings import GS1ElementString

    try:
        config = ParseConfig(gs1_element_strings_verify_date=False)
        element = GS1ElementString.extract(text, config=config)
    except (ParseError, ValueError):
        return
    identifier, value = element.ai.ai, element.value
    yield identifier, value
    ends = len(identifier) + len(value)
    if element.ai.separator_required and not separated:
        for end in range(ends - 1, len(identifier), -1):
            if _FOLLOWING.match(text, end):
                yield identifier, text[len(identifier) : end]


def _is_variable(identifier: str) -> bool:
    from biip.gs1_application_identifiers import GS1ApplicationIdentifier

    return GS1ApplicationIdentifier.extract(identifier).separator_required


def _agreed(divisions: Sequence[Elements]) -> dict[str, str]:
    """Identifier -> value, where all divisions have the same."""
    first, *others = map(dict, divisions)
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}


def _payload(elements: Mapping[str, str], today: date) -> Payload:
    gtin = Gtin.parse(elements.get("01", ""))
    problem = "the check digit of its GTIN is wrong" if "01" in elements and gtin is None else ""
    return Payload(
        gtin=gtin,
        ndc=Ndc.parse(elements.get("715", "")),
        pzn=Pzn.parse(elements.get("710", "")),
        lot=elements.get("10", ""),
        serial=elements.get("21", ""),
        expiry=gs1_date(elements.get("17", ""), today),
        problem=problem,
    )


def digital_link(text: str, today: date) -> Payload | None:
    """The content of a GS1 Digital Link, https://any.host/01/GTIN/10/LOT/21/SERIAL?17=YYMMDD; None for other links.

    The link is taken apart and never opened.
    """
    text = text.strip()
    if len(text) > LONGEST or not _TEXT.fullmatch(text):
        return None
    try:
        link = urlsplit(text)
        if link.scheme.lower() not in ("http", "https") or not link.hostname:
            return None
        query = dict(parse_qsl(link.query, max_num_fields=50))
    except ValueError:
        return None
    path = [unquote(part) for part in link.path.split("/") if part]
    for place, (key, number) in enumerate(pairwise(path)):
        if key == "01" and len(number) in (12, 13, 14) and (gtin := Gtin.parse(number)):
            pairs = path[place + 2 :]
            elements = query | dict(zip(pairs[::2], pairs[1::2], strict=False))
            return _payload({**{k: v[:20] for k, v in elements.items()}, "01": gtin.digits}, today)
    return None


def ifa_message(text: str, today: date) -> Payload | None:
    """The content of a German medicine's DataMatrix in ISO 15434: PPN or GTIN, lot, expiry, serial number."""
    if len(text) > LONGEST or not (message := _ISO_15434.fullmatch(text.strip(" "))):
        return None
    fields: dict[str, str] = {}
    for part in re.split("[\x1d\x1e]", message[1]):
        if found := re.match(r"(9N|8P|1T|D|S)(.+)", part):
            fields.setdefault(found[1], found[2][:20])
    pzn = Pzn.from_ppn(fields.get("9N", ""))
    gtin = Gtin.parse(fields.get("8P", ""))
    wrong = ("9N" in fields and pzn is None) or ("8P" in fields and gtin is None)
    return Payload(
        gtin=gtin,
        pzn=pzn,
        lot=fields.get("1T", ""),
        serial=fields.get("S", ""),
        expiry=gs1_date(fields.get("D", ""), today),
        problem="the check digits of its product number are wrong" if wrong else "",
    )
