"""The SKU of a row or folder: one spelling for one product, and the marks that a spreadsheet leaves on damaged ones."""

from __future__ import annotations

import re
import unicodedata

MAX_SKU = 500
"""Characters. An index of PostgreSQL takes at most 2,700 bytes."""

_INVISIBLE = "\ufeff\u200b\u200e\u200f\u2060\u00ad"
"""Marks that are copied along from web pages and office programs: byte order, zero width, direction, soft hyphen."""

_SHORTENED = re.compile(r"[+-]?(?:\d[eE](?:\+\d{1,3}|-\d\d\d?)|\d+[.,]\d+ ?[eE][+-]?\d{1,3})")
"""4.01234E+12 as Excel shows it, 1e-05 as Python, 4.01234E12 as Java. 12E3 and 12E-3 may be SKUs."""

_ERRORS = frozenset(("#N/A", "#N/D", "#NV", "#Н/Д", "#GETTING_DATA"))
_ERROR = re.compile(r"#[¡¿]?[\w/]+[!?]|##+|Err:\d{3}")
"""#REF!, #NAME?, #DIV/0!, ##### (a column that is too narrow), Err:502 (LibreOffice)."""

_MONTH = (
    "(?:Jan|Feb|Mar|Mär|Mrz|Apr|May|Mai|Jun|Jul|Aug|Sep|Sept|Oct|Okt|Nov|Dec|Dez|janv|févr|mars|avr|juin|juil|août|déc)"
)
_DATE = re.compile(
    rf"\d{{1,2}}(?:-|\. ?){_MONTH}\.?(?:[- ]\d{{2,4}})?|{_MONTH}\.?-\d\d|\d{{4}}-\d\d-\d\d[ T]00:00(?::00(?:\.0+)?)?"
)
"""1-Mar, 01. Mrz, Mar-01, 1-Mar-24, 2024-03-01 00:00:00: what became of a SKU such as 3-1 or MARCH1."""

_EMPTY = frozenset("nan -nan <na> n/a null <null> (null) none undefined (blank)".split())
_EMPTY_AS_WRITTEN = frozenset(("NA", "NaT"))  # Na is sodium


def tidy(text: str) -> str:
    """`text` in Unicode's composed form (NFC), without the blanks and invisible marks around it.

    A name that macOS stored decomposed and the same name typed on a keyboard are one name.
    """
    previous = None
    while text != previous:
        previous, text = text, text.strip().strip(_INVISIBLE)
    return unicodedata.normalize("NFC", text)


def is_empty_word(text: str) -> bool:
    """Whether `text` is what a program writes for an empty cell: nan, NULL, None, NA and the like."""
    return text in _EMPTY_AS_WRITTEN or text.lower() in _EMPTY


def is_error_value(text: str) -> bool:
    """Whether `text` is the error value of a spreadsheet."""
    return text in _ERRORS or (bool(_ERROR.fullmatch(text)) and (text == text.upper() or text.startswith("Err:")))


def damage(sku: str) -> str:
    """Why a SKU cannot be meant as it stands, and what to do; empty where it can."""
    if len(sku) > MAX_SKU:
        return f"is longer than {MAX_SKU} characters"
    if is_empty_word(sku):
        return f"is {sku!r}: what a program writes for an empty cell; give the SKU"
    if is_error_value(sku):
        return f"is {sku!r}: the error value of a spreadsheet; repair the cell"
    if _SHORTENED.fullmatch(sku):
        return (
            f"is {sku!r}: a number that a spreadsheet shortened, so that several products may have become one; "
            "format the column as text, and save the original numbers again"
        )
    if _DATE.fullmatch(sku):
        return f"is {sku!r}: a date that a spreadsheet made of a SKU; format the column as text, and save it again"
    return ""
