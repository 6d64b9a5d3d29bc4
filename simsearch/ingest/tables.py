"""A table file becomes records: what kind of file it is, its encoding, and its physical lines.

`tables_csv` and `tables_json` take the lines apart. The content decides, not the ending: a table that was saved under
another name is read, and what is no table is named for what it is.
"""

from __future__ import annotations

import codecs
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from simsearch.core.errors import SourceError

MAX_LINE = 2**20
"""Characters in one physical line. The rest of a longer one is skipped, so that no file fills the memory."""

_BROKEN = "simsearch.broken"
codecs.register_error(_BROKEN, lambda error: ("\udcff", error.end))  # type: ignore[attr-defined]

_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_AS_CSV = 'save it as "CSV UTF-8"'
_KINDS = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": f"is an Excel workbook (.xls) or another Office document; {_AS_CSV}",
    b"\x1f\x8b": "is compressed (gzip); unpack it",
    b"BZh": "is compressed (bzip2); unpack it",
    b"\xfd7zXZ": "is compressed (xz); unpack it",
    b"\x28\xb5\x2f\xfd": "is compressed (zstd); unpack it",
    b"7z\xbc\xaf\x27\x1c": "is a 7z archive; unpack it",
    b"Rar!": "is a RAR archive; unpack it",
    b"SQLite format 3": "is an SQLite database; export the table as CSV",
    b"PAR1": "is a Parquet file; export the table as CSV",
    b"ARROW1": "is an Arrow file; export the table as CSV",
    b"%PDF": "is a PDF; export the table as CSV",
    b"{\\rtf": f"is an RTF document; {_AS_CSV}",
}
_MARKUP = (b"<?xml", b"<html", b"<!doctype", b"<table", b"<svg", b"<workbook")


@dataclass(frozen=True)
class LineRefusal:
    """Lines of a table that hold no record."""

    where: str
    reason: str


Record = tuple[str, Mapping[str, Any]]
"""The place of a record, for messages, and its values by lower-case column."""


class LongLine(Exception):  # noqa: N818 - it is said of the line
    """A physical line is longer than :data:`MAX_LINE`; it was skipped."""


class Lines:
    """The physical lines of a text, with their ends: LF, CR LF or CR, also mixed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.number = 0
        """Of the line that was read last, from 1."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(MAX_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) < MAX_LINE or line.endswith(("\n", "\r")):
            return line
        while (line := self._stream.readline(MAX_LINE)) and not line.endswith(("\n", "\r")):
            pass
        raise LongLine


def open_text(path: Path) -> TextIO:
    """The text of a table. A byte that is no text becomes a lone surrogate, so that only its row is refused.

    UTF-8 with and without a byte order mark, UTF-16 and UTF-32 with one, UTF-16 without one where it begins with ASCII.

    Raises:
        SourceError: the file is a workbook, an archive or something else that is no table.
        OSError: it cannot be read.
    """
    if path.exists() and not path.is_file():
        raise SourceError(f"{path}: is no file but a device or pipe; write it to a file first")
    with path.open("rb") as stream:
        head = stream.read(512)
    if kind := _kind(path, head):
        raise SourceError(f"{path}: {kind}")
    encoding = _encoding(head)
    return path.open(encoding=encoding, errors="surrogateescape" if "8" in encoding else _BROKEN, newline="")


def _encoding(head: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    start = head[:8]
    if len(start) == 8 and all(start[::2]) and not any(start[1::2]):
        return "utf-16-le"
    if len(start) == 8 and all(start[1::2]) and not any(start[::2]):
        return "utf-16-be"
    return "utf-8"


def _kind(path: Path, head: bytes) -> str:
    """What a file is that is no table, and the way out; empty where it may be one."""
    for start, text in _KINDS.items():
        if head.startswith(start):
            return text
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(path)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_MARKUP):
        return f"is XML or a web page, whatever its ending; {_AS_CSV}"
    return ""


def _zip_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as opened:
            names = set(opened.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError):
        return "is a damaged ZIP archive or workbook; copy it again"
    if any(name.startswith("xl/") for name in names):
        return f"is an Excel workbook; {_AS_CSV}"
    if "content.xml" in names:
        return f"is an OpenDocument spreadsheet; {_AS_CSV}"
    if any(name.startswith("Index") and name.endswith((".iwa", ".zip")) for name in names):
        return "is a Numbers document; export it as CSV"
    return "is a ZIP archive; unpack it"
