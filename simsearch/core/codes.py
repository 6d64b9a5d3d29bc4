"""Codes of packages: what one read code says, and what the columns of a catalog say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import reduce

from simsearch.core import gs1
from simsearch.core.gs1 import Payload
from simsearch.core.product_numbers import LONGEST, Gtin, Ndc, Pzn, plain

COLUMNS = ("gtin", "ean", "upc", "barcode", "ndc", "pzn")
"""Names of catalog columns that hold codes, in any case."""

_MOST_NUMBERS = 16
"""Numbers of one cell that are looked at."""

_GS1_SYMBOLOGIES = ("]C1", "]e0", "]e1", "]e2", "]d2", "]Q3", "]J1")
_OWN_NUMBER = re.compile(r"[A-Z0-9][A-Z0-9./+\-]{3,63}")
_QUIETLY_GS1 = re.compile(r"01\d{14}(?:1[0157]|21|240|71[0-7]|$)")
"""Element strings in a code that does not say that it holds any: the GTIN, then an identifier of medicines."""


@dataclass(frozen=True)
class Codes:
    """The product numbers of one side: of a photo, or of a row of the catalog."""

    gtins: frozenset[Gtin] = frozenset()
    ndcs: frozenset[Ndc] = frozenset()
    pzns: frozenset[Pzn] = frozenset()
    own: frozenset[str] = frozenset()
    """Other numbers, in capitals without leading zeros. They mean something only where a catalog's column has them."""
    listed: bool = False
    """Whether a catalog's columns say this."""
    problems: tuple[str, ...] = ()
    """Numbers that were refused, and why, in words."""

    def __or__(self, other: Codes) -> Codes:
        """The codes of both."""
        return Codes(
            self.gtins | other.gtins,
            self.ndcs | other.ndcs,
            self.pzns | other.pzns,
            self.own | other.own,
            self.listed or other.listed,
            (*self.problems, *other.problems),
        )

    def __bool__(self) -> bool:
        return bool(self.gtins or self.ndcs or self.pzns or self.own)

    @property
    def names_a_product(self) -> bool:
        """Whether there is a number that is given to one product in the world."""
        return bool(self.pzns or self.ndcs or any(not gtin.restricted for gtin in self.gtins))


# -- one code --------------------------------------------------------------------------------------------------------


def payload(text: str, symbology: str, today: date) -> Payload:
    """What one code says.

    Args:
        text: as read, with separators as U+001D; or as printed beside the code. Untrusted.
        symbology: identifier after ISO/IEC 15424, as readers give it ("]E0"); empty if it is not known.
        today: what two-digit years are relative to.
    """
    text = text.strip(" \r\n\t")
    if symbology[:2] in ("]E", "]I"):
        return _retail(text, symbology)
    if symbology.startswith("]A"):
        return _pzn(text) if re.fullmatch(r"-\d{7,8}", text) else Payload()
    if symbology in _GS1_SYMBOLOGIES or text.startswith("("):
        return gs1.element_strings(text, today) or Payload()
    if _QUIETLY_GS1.match(text) and (said := gs1.element_strings(text, today)) and said.gtin:
        return said
    found = gs1.ifa_message(text, today) or gs1.digital_link(text, today)
    return found or (Payload() if symbology else _number(text))


def _retail(text: str, symbology: str) -> Payload:
    """EAN, UPC and ITF-14. A code of another length is an add-on, or an ITF that was read in part."""
    if symbology == "]E0" and len(text) == 8:  # EAN-8 is ]E4: this reader leaves UPC-E as it is
        return Payload(gtin=Gtin.from_upc_e(text))
    if len(text) in (15, 18):  # with the add-on of two or five digits behind it
        text = text[:13]
    gtin = Gtin.parse(text)
    wrong = gtin is None and len(text) in (8, 12, 13, 14)
    return Payload(gtin=gtin, problem=f"the check digit of {text} is wrong" if wrong else "")


def _pzn(text: str) -> Payload:
    pzn = Pzn.parse(text)
    return Payload(pzn=pzn, problem="" if pzn else f"{text} was misread: the check digit of this PZN is wrong")


def _number(text: str) -> Payload:
    """A number as it is printed, or typed into a column that may hold any kind."""
    if re.match(r"\s*(?:PZN|-\s?\d{7,8}\s*$)", text, re.IGNORECASE):
        return _pzn(plain(text))
    gtin = Gtin.parse(text) or Gtin.from_upc_e(text)
    ndc = None if gtin or "-" not in plain(text) else Ndc.parse(text)
    return Payload(gtin=gtin, ndc=ndc)


def read_codes(found: Iterable[tuple[str, str]], today: date) -> Codes:
    """The codes of a photo, from pairs of text and symbology identifier."""
    return _all(_codes(payload(text, symbology, today), text) for text, symbology in found)


def _codes(said: Payload, text: str, *, listed: bool = False) -> Codes:
    named = said.gtin or said.ndc or said.pzn or said.lot or said.serial or said.expiry
    return Codes(
        frozenset({said.gtin} if said.gtin else ()),
        frozenset({said.ndc} if said.ndc else ()),
        frozenset({said.pzn} if said.pzn else ()),
        frozenset() if named or said.problem else _own(text),
        listed,
        (said.problem,) if said.problem else (),
    )


def _own(text: str) -> frozenset[str]:
    number = plain(text).upper().lstrip("0")
    return frozenset({number} if _OWN_NUMBER.fullmatch(number) else ())


def _all(parts: Iterable[Codes]) -> Codes:
    return reduce(Codes.__or__, parts, Codes())


# -- a row of the catalog --------------------------------------------------------------------------------------------


def listed_codes(row: Mapping[str, object], today: date) -> Codes:
    """The codes in a catalog's columns :data:`COLUMNS`; a cell may hold several, divided by ; , | / or a new line."""
    cells = {str(name).strip().lower(): value for name, value in row.items()}
    return _all(column_codes(name, cells[name], today) for name in COLUMNS if name in cells)


def column_codes(column: str, value: object, today: date) -> Codes:
    """The codes in one cell of the column `column`: text, or a number that lost its leading zeros."""
    text = _cell(value)
    parts = [text] if "://" in text else re.split(r"[;,|/\n]+", text)[:_MOST_NUMBERS]
    return _all(_listed(column.lower(), part.strip(), today) for part in parts if part.strip())


def _cell(value: object) -> str:
    """A cell as text. Spreadsheets write 36000291452.0 and 3.6000291452E+10; a number that lost digits is none."""
    if value is None or isinstance(value, bool):
        return ""
    text = str(value).strip().removeprefix("'")[: gs1.LONGEST]
    if re.fullmatch(r"\d{1,20}\.0+", text):
        return text.split(".")[0]
    if re.fullmatch(r"\d(?:\.\d{1,20})?E\+?\d\d?", text, re.IGNORECASE):
        try:
            number = Decimal(text)
        except InvalidOperation:
            return ""
        return str(int(number)) if len(number.as_tuple().digits) == number.adjusted() + 1 else ""
    return text


def _listed(column: str, text: str, today: date) -> Codes:
    if column == "ndc":
        said = Payload(ndc=Ndc.parse(text, lost_zeros=True))
        said = said if said.ndc else Payload(gtin=Gtin.parse(text))
    elif column == "pzn":
        pzn = Pzn.parse(text, lost_zeros=True)
        said = Payload(pzn=pzn, problem="" if pzn else f"the check digit of the PZN {text[:LONGEST]} is wrong")
    else:
        said = _trade_item(column, text, today)
    return _codes(said, text, listed=True)


def _trade_item(column: str, text: str, today: date) -> Payload:
    said = payload(text, "", today)
    if said.gtin and (said.gtin.restricted or column == "upc"):
        # Eight digits with a sound check digit are UPC-E, if they can be, where they would else be a shop's own.
        said = Payload(gtin=Gtin.from_upc_e(text) or said.gtin)
    if not (said.gtin or said.ndc or said.pzn or said.problem):
        short = column == "upc" and len(plain(text)) == 7
        said = Payload(gtin=Gtin.from_upc_e("0" + plain(text)) if short else Gtin.parse(text, lost_zeros=True))
    if not (said.gtin or said.ndc or said.pzn) and column != "barcode":
        return Payload(problem=said.problem or f"{text[:LONGEST]} in the column {column} has no sound check digit")
    return said
