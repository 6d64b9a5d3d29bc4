"""Comma-separated tables as spreadsheets and programs write them: the delimiter, the header, the rows."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simsearch.core.errors import SourceError
from simsearch.ingest.rows import MAX_FIELD, printable
from simsearch.ingest.skus import tidy
from simsearch.ingest.tables import MAX_LINE, LineRefusal, Lines, LongLine, Record

_DELIMITERS = ",;\t|"
_SEP = re.compile(r'"?sep=(.)"?[,;\t| ]*[\r\n]*', re.IGNORECASE)
"""Excel's own first line: the delimiter of the lines that follow."""
_HEADER_LINES = 50
"""Physical lines that a header with quoted line breaks may take."""

_SAID = {  # what Python's csv says -> what it means
    "unexpected end of data": "a quote is opened and never closed",
    "field larger than field limit": "a field is longer than {limit} characters; is a quote opened and never closed?",
}


@dataclass(frozen=True)
class Header:
    """The columns of a table."""

    names: Sequence[str]
    """Lower case; empty for a column without a name."""
    delimiter: str
    line: int
    """The line that it begins on."""

    def column(self, values: Sequence[str]) -> dict[str, str]:
        """Column -> value of a row; columns without a name are left out."""
        return {name: value for name, value in zip(self.names, values, strict=False) if name}

    def surplus(self, values: Sequence[str]) -> bool:
        """Whether a row has a value behind the last column. Delimiters at its end alone are none."""
        return any(value.strip() for value in values[len(self.names) :])


def csv_records(path: Path, lines: Lines, required: Sequence[str]) -> Iterator[Record | LineRefusal]:
    """The rows of a CSV, and the lines that are none. Blank lines are passed over.

    Raises:
        SourceError: there is no header with the `required` columns.
    """
    header = _read_header(path, lines, required)
    # Without strict, a quote that is never closed would silently swallow all rows behind it.
    reader = csv.reader(lines, delimiter=header.delimiter, strict=True)
    while True:
        first = lines.number + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except (csv.Error, LongLine) as error:
            yield LineRefusal(_place(path, first, lines.number), _reason(error))
            continue
        if not any(v.strip() for v in values):
            continue
        if header.surplus(values):
            text = f"has {len(values)} fields, the header names {len(header.names)} columns"
            yield LineRefusal(f"{path} line {first}", text)
        else:
            yield f"{path} line {first}", header.column(values)


def _place(path: Path, first: int, last: int) -> str:
    return f"{path} lines {first} to {last}" if last > first else f"{path} line {first}"


def _reason(error: Exception) -> str:
    if isinstance(error, LongLine):
        return f"is longer than {MAX_LINE} characters"
    said = next((text for start, text in _SAID.items() if str(error).startswith(start)), str(error))
    return said.format(limit=csv.field_size_limit())


# -- the header ------------------------------------------------------------------------------------------------------


def _read_header(path: Path, lines: Lines, required: Sequence[str]) -> Header:
    """The header: the first line that is not blank, no comment (`#`) and no `sep=`. Its cells may hold line breaks."""
    delimiters, text, begun = _DELIMITERS, list[str](), 1
    while (line := _header_line(path, lines)) is not None:
        if not text:
            begun = lines.number
            if told := _SEP.fullmatch(line):
                delimiters = told[1]
                continue
            if not line.strip(_DELIMITERS + '" \r\n'):
                continue
        text.append(line)
        if found := _parsed(text, delimiters, required, begun):
            return _checked(path, found)
        if line.startswith("#") and len(text) == 1:
            text = []
        elif "".join(text).count('"') % 2 == 0 or len(text) == _HEADER_LINES:
            break
    raise SourceError(_lacking(path, text, delimiters, required, begun))


def _header_line(path: Path, lines: Lines) -> str | None:
    """The next line; None at the end."""
    try:
        line = next(lines, None)
    except LongLine:
        line = "x" * MAX_FIELD
    if line is not None and len(line) >= MAX_FIELD:
        raise SourceError(f"{path} line {lines.number}: is longer than {MAX_FIELD} characters; is it a CSV?")
    return line


def _parsed(text: Sequence[str], delimiters: str, required: Sequence[str], line: int) -> Header | None:
    """The header that has the `required` columns under one of the `delimiters`; the most columns where several do."""
    found = (Header(_names(text, delimiter), delimiter, line) for delimiter in delimiters)
    fitting = [header for header in found if set(required) <= set(header.names)]
    return max(fitting, key=lambda header: len(header.names), default=None)


def _names(text: Sequence[str], delimiter: str, *, strict: bool = True) -> list[str]:
    """The columns that `text` names; none where it is no sound header under this delimiter."""
    try:
        cells = next(csv.reader(text, delimiter=delimiter, strict=strict), [])
    except csv.Error:
        return []
    return [_column(cell) for cell in cells]


def _column(cell: str) -> str:
    name = " ".join(tidy(unicodedata.normalize("NFKC", cell)).lower().split())
    return tidy(name.removeprefix("#")) or name


def _checked(path: Path, header: Header) -> Header:
    for number, name in enumerate(header.names, 1):
        if name and header.names.index(name) + 1 < number:
            both = f"columns {header.names.index(name) + 1} and {number}"
            raise SourceError(f"{path} line {header.line}: the column {_shown([name])} is named twice ({both})")
    return header


def _lacking(path: Path, text: Sequence[str], delimiters: str, required: Sequence[str], line: int) -> str:
    found = max((_names(text, delimiter, strict=False) for delimiter in delimiters), key=len)
    lacks = next(name for name in required if name not in found)
    wanted = " and ".join(required)
    return f"{path} line {line}: has no column {lacks!r} (found {_shown(found)}); the first line must name {wanted}"


def _shown(names: Sequence[str]) -> str:
    return ", ".join(n for n in names if n and printable(n) and n.isprintable())[:200] or "nothing"
