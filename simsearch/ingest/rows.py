"""One record of a table becomes a row of (product, image), or a refusal that says why not."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simsearch.core.types import Refusal, SourceRow, Surface
from simsearch.ingest.remote import Remote
from simsearch.ingest.skus import damage, is_empty_word, is_error_value, tidy

MAX_FIELD = 10_000
"""Characters in one field. A longer one is a damaged quote or an attack."""

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ABOUT = ("name", "strength", "form", "manufacturer")
_KNOWN = ("sku", "image", "surface", *_ABOUT)
_TEXT_FORMULA = re.compile(r'="(.*)"', re.DOTALL)
"""="0060": how a table tells a spreadsheet that 0060 is text."""
_FOREIGN = re.compile(r"[A-Za-z]:[\\/]|\\\\|//|[A-Za-z][A-Za-z0-9+.-]+:/|data:", re.IGNORECASE)
"""C:\\photos, \\\\server\\share, https://..., data:...: nothing that lies below the table."""


class Decimal(str):
    """A number of a JSON file that is no integer, as it is written there; also NaN and Infinity."""

    __slots__ = ()


class _RowError(Exception):
    """Why one record of a table is refused."""

    def __init__(self, text: str, code: str = "bad_row") -> None:
        super().__init__(text)
        self.code = code


def to_row(record: Mapping[str, Any], where: str, root: Path, remote: Remote | None = None) -> SourceRow | Refusal:
    """The row that a record means.

    Args:
        record: lower-case column -> value: text, a number, a boolean, None, or what is refused.
        where: the record's place, for messages.
        root: folder of the table, to which its paths are relative.
        remote: from where photos may be fetched that are named by a URL; None: from nowhere.
    """
    try:
        return _row(record, where, root, remote)
    except _RowError as error:
        return Refusal(where, error.code, f"{where}: {error}", _named_path(record, root, remote))


def printable(text: str) -> bool:
    """Whether `text` can be stored and printed: no NUL, and no lone surrogate (the stand-in for a stray byte)."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text))


def inside(path: Path, root: Path) -> bool:
    """Whether `path` lies below `root`, also where it leads through links."""
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):
        return True  # an unresolvable path is refused when it is read, with the reason


def _row(record: Mapping[str, Any], where: str, root: Path, remote: Remote | None) -> SourceRow:
    values = {key: _text(key, value) for key, value in record.items()}
    sku, image = _needed(values, "sku"), _needed(values, "image")
    if found := damage(sku):
        raise _RowError(f"'sku' {found}")
    if isinstance(record["sku"], bool | Decimal):
        kind = "true or false" if isinstance(record["sku"], bool) else "a number with a decimal point or exponent"
        raise _RowError(f"'sku' is {sku}, {kind}; write it as text")
    _check_words(values)
    surface = values.get("surface", "").lower()
    if surface and surface not in set(Surface):
        raise _RowError(f"surface {surface!r} is none of {', '.join(Surface)}")
    about = {column: values[column] for column in _ABOUT if column in values}
    extra = {key: value for key, value in values.items() if key not in _KNOWN and key and value}
    path = str(_photo(image, root, remote))
    return SourceRow(sku, path, image, where, surface=surface, attributes=extra, **about)


def _needed(values: Mapping[str, str], column: str) -> str:
    value = values.get(column, "")
    if not value:
        raise _RowError(f"{column!r} is empty")
    if CONTROL.search(value):
        raise _RowError(f"{column!r} holds line breaks or other control characters")
    return value


def _check_words(values: Mapping[str, str]) -> None:
    """People are told the name and the strength: an error value there is no name."""
    for column in ("image", *_ABOUT):
        if is_error_value(values.get(column, "")):
            raise _RowError(f"{column!r} is {values[column]!r}: the error value of a spreadsheet; repair the cell")


def _text(key: str, value: Any) -> str:
    """A field without the blanks around it; empty where a program wrote its word for an empty cell."""
    if isinstance(value, dict | list):
        raise _RowError(f"{key!r} must be text or a number, not {type(value).__name__}")
    text = "" if value is None else str(value)
    if len(text) > MAX_FIELD:
        raise _RowError(f"{key!a} is longer than {MAX_FIELD} characters")
    if "\0" in text:
        raise _RowError(f"{key!a} holds a NUL byte; the table is damaged there")
    if not printable(text) or not printable(key):
        raise _RowError(f"{key!a} holds bytes that are not UTF-8 text; save the table as UTF-8")
    if formula := _TEXT_FORMULA.fullmatch(text.strip()):
        text = formula[1].replace('""', '"')
    if key == "image":
        return text.strip()  # the name of a file may be in any Unicode form
    text = tidy(text)
    return "" if key != "sku" and is_empty_word(text) else text


# -- the photo -------------------------------------------------------------------------------------------------------


def _photo(image: str, root: Path, remote: Remote | None) -> Path:
    """Where the photo of a row is, or will be once it was fetched.

    An absolute path is meant as written. A relative one must stay under the table's folder, also through links.

    Raises:
        _RowError: the field is no path of this machine, or leaves the folder.
    """
    if remote is not None and (held := remote.path(image)) is not None:
        return held
    stored = _as_stored(image, root)
    if _is_foreign(stored, root):
        kind = "web address" if ":/" in image[2:] or image[:5].lower() == "data:" else "path of Windows"
        raise _RowError(
            f"{image[:80]!r} is a {kind}; copy the photo beside the table and name it from there"
            + (", or allow its address (sources.remote_allow)" if kind == "web address" else "")
        )
    path = root / stored
    if not Path(image).is_absolute() and not inside(path, root):
        raise _RowError(
            f"{image} leaves the folder of the table; copy the photo into it, or give its absolute path", "outside_root"
        )
    return path


def _as_stored(image: str, root: Path) -> str:
    r"""The name of a photo in the form in which the disk has it: a\b for a/b, and é in one character or in two."""
    if (image.isascii() and "\\" not in image) or _there(root / image):
        return image
    image = image.replace("\\", "/")
    forms = (image, unicodedata.normalize("NFC", image), unicodedata.normalize("NFD", image))
    return next((form for form in forms if _there(root / form)), image)


def _is_foreign(image: str, root: Path) -> bool:
    """Whether a path names nothing on this machine, but a drive, a share or a web address."""
    return os.name != "nt" and bool(_FOREIGN.match(image)) and not _there(root / image)


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _named_path(record: Mapping[str, Any], root: Path, remote: Remote | None) -> str:
    """The photo that a refused record means, as an accepted one would have named it; empty where that is unclear."""
    try:
        image = _needed({"image": _text("image", record.get("image"))}, "image")
        if remote is not None and (held := remote.path(image)) is not None:
            return str(held)
        stored = _as_stored(image, root)
        return "" if _is_foreign(stored, root) else str(root / stored)
    except _RowError:
        return ""
