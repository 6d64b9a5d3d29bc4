"""Sources of a catalog: a folder, a CSV or a JSONL becomes rows of (product, image). The input is not trusted.

An invalid row becomes a refusal that names its line. Only a source that cannot be read at all is an error.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simsearch.core.errors import SourceError
from simsearch.core.images import SUFFIXES
from simsearch.core.types import Refusal, SourceRow, Surface

_ABOUT = ("name", "strength", "form", "manufacturer")
KNOWN = ("sku", "image", "surface", *_ABOUT)
MAX_FIELD = 10_000
"""Characters in one field. A longer one is a damaged quote or an attack."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass
class Source:
    """What one folder or table lists."""

    key: str
    """Absolute path of the source. An image belongs to the source that listed it last."""
    rows: list[SourceRow] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def read_source(path: Path) -> Source:
    """All rows and refusals of the folder or table at `path`. Photos are not opened.

    Raises:
        SourceError: there is no such file, it is no table with the columns `sku` and `image`, or it is empty.
    """
    try:
        path = path.resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise SourceError(
            f"{path}: there is no such file or folder; name a folder of photos, a CSV or a JSONL"
        ) from None
    if not _printable(str(path)):
        raise SourceError(f"{str(path)!a}: its name is not valid text; rename it")
    source = Source(str(path))
    try:
        if path.is_dir():
            _read_folder(path, source)
        elif path.suffix.lower() in SUFFIXES:
            raise SourceError(f"{path}: is a photo; name its folder, or a CSV with the columns sku and image")
        else:
            records = _jsonl(path, source) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv(path, source)
            for where, record in records:
                _take(record, where, path.parent, source)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from None
    if not source.rows and not source.refusals:
        what = f"photos ({', '.join(sorted(SUFFIXES))}) and no folders of photos" if path.is_dir() else "rows"
        raise SourceError(f"{path}: holds no {what}")
    return source


def read_table(path: Path, columns: tuple[str, ...]) -> tuple[list[tuple[str, Mapping[str, str]]], list[Refusal]]:
    """The records of a CSV, each with its line for messages, and the refused lines.

    Raises:
        SourceError: there is no such file, or it is no CSV with these `columns`.
    """
    source = Source(str(path))
    try:
        return list(_csv(path, source, columns)), source.refusals
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from None


def _read_folder(root: Path, source: Source) -> None:
    """One sub-folder is one product; a photo directly in `root` is a product of its own. Hidden names are skipped."""
    for entry in sorted(root.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            for photo in _photos(entry, source):
                _add_file(entry.name, photo, root, source)
        elif entry.suffix.lower() in SUFFIXES:
            _add_file(entry.stem, entry, root, source)


def _photos(top: Path, source: Source) -> list[Path]:
    """The photos below `top`, sorted. Links to folders are not followed, because they may form a loop."""

    def unlisted(error: OSError) -> None:
        folder = str(error.filename or top)
        text = f"{folder}: cannot be listed ({error.strerror})".encode(errors="backslashreplace").decode()
        source.refusals.append(Refusal(text.partition(": ")[0], "missing", text, folder))

    found: list[Path] = []
    for folder, folders, files in os.walk(top, onerror=unlisted):
        folders[:] = [name for name in folders if not name.startswith(".")]
        photos = (Path(folder, name) for name in files if not name.startswith("."))
        found += [photo for photo in photos if photo.suffix.lower() in SUFFIXES]
    return sorted(found)


def _add_file(sku: str, photo: Path, root: Path, source: Source) -> None:
    image = str(photo.relative_to(root))
    if not _printable(image) or _CONTROL.search(image):
        text = f"{str(photo)!a}: its name is not valid text; rename it"
        source.refusals.append(Refusal(ascii(image), "bad_row", text, str(photo)))
    elif not _inside(photo, root):
        source.refusals.append(Refusal(image, "outside_root", f"{photo}: is a link that leaves {root}", str(photo)))
    else:
        source.rows.append(SourceRow(sku, str(photo), image, str(photo)))


def _csv(
    path: Path, source: Source, required: tuple[str, ...] = ("sku", "image")
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    # A stray byte becomes a surrogate, so that only its row is refused and the others are read.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        head = stream.readline(MAX_FIELD)
        if len(head) == MAX_FIELD:
            raise SourceError(f"{path} line 1: is longer than {MAX_FIELD} characters; is it a CSV?")
        delimiter = max(",;\t", key=head.count)
        names = [n.strip().lower() for n in next(csv.reader([head], delimiter=delimiter), [])]
        for needed in required:
            if needed not in names:
                shown = ", ".join(n for n in names if _printable(n))[:200] or "nothing"
                wanted = " and ".join(required)
                raise SourceError(
                    f"{path} line 1: has no column {needed!r} (found {shown}); the first line must name {wanted}"
                )
        if len(set(names)) != len(names):
            raise SourceError(f"{path} line 1: a column is named twice")
        # Without strict, a quote that is never closed would silently swallow all rows behind it.
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        while True:
            first = reader.line_num + 2  # the reader does not count line 1, which was read above
            where = f"{path} line {first}"
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if reader.line_num + 1 > first:
                    where = f"{path} lines {first} to {reader.line_num + 1}"
                source.refusals.append(Refusal(where, "bad_row", f"{where}: {error}"))
                continue
            if not any(v.strip() for v in values):
                continue
            if len(values) > len(names):
                text = f"{where}: has {len(values)} fields, the first line names {len(names)}"
                source.refusals.append(Refusal(where, "bad_row", text))
                continue
            yield where, dict(zip(names, values, strict=False))


def _jsonl(path: Path, source: Source) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            where = f"{path} line {number}"
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                source.refusals.append(Refusal(where, "bad_row", f"{where}: is not JSON"))
                continue
            if not isinstance(record, dict):
                source.refusals.append(Refusal(where, "bad_row", f"{where}: is not a JSON object"))
                continue
            yield where, {k.strip().lower(): v for k, v in record.items()}


class _RowError(Exception):
    """Why one record of a table is refused."""

    def __init__(self, text: str, code: str = "bad_row") -> None:
        super().__init__(text)
        self.code = code


def _take(record: Mapping[str, Any], where: str, root: Path, source: Source) -> None:
    """Add a record to the rows of `source`, or to its refusals."""
    try:
        source.rows.append(_row(record, where, root))
    except _RowError as error:
        source.refusals.append(Refusal(where, error.code, f"{where}: {error}", _named_path(record, root)))


def _row(record: Mapping[str, Any], where: str, root: Path) -> SourceRow:
    values = {key: _text(key, value) for key, value in record.items()}
    for needed in ("sku", "image"):
        if not values.get(needed):
            raise _RowError(f"{needed!r} is empty")
        if _CONTROL.search(values[needed]):
            raise _RowError(f"{needed!r} holds line breaks or other control characters")
    surface = values.get("surface", "").lower()
    if surface and surface not in set(Surface):
        raise _RowError(f"surface {surface!r} is none of {', '.join(Surface)}")
    path = root / values["image"]
    # An absolute path is meant as written. A relative one must stay under the table's folder, also through links.
    if not Path(values["image"]).is_absolute() and not _inside(path, root):
        raise _RowError(f"{values['image']} leaves the folder of the table", "outside_root")
    about = {column: values[column] for column in _ABOUT if column in values}
    extra = {key: value for key, value in values.items() if key not in KNOWN and key and value}
    return SourceRow(
        values["sku"], str(path), values["image"], where, surface=surface, attributes=extra, **about
    )  # fmt: skip


def _text(key: str, value: Any) -> str:
    """A field without the blanks around it."""
    if isinstance(value, dict | list):
        raise _RowError(f"{key!r} must be text or a number, not {type(value).__name__}")
    text = "" if value is None else str(value).strip()
    if len(text) > MAX_FIELD:
        raise _RowError(f"{key!r} is longer than {MAX_FIELD} characters")
    if not _printable(text) or not _printable(key):
        raise _RowError(f"{key!a} holds bytes that are not UTF-8 text; save the table as UTF-8")
    return text


def _named_path(record: Mapping[str, Any], root: Path) -> str:
    """The photo that a refused record means, as an accepted one would have named it; empty where that is unclear."""
    try:
        image = _text("image", record.get("image"))
    except _RowError:
        return ""
    return "" if not image or _CONTROL.search(image) else str(root / image)


def _inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):
        return True  # an unresolvable path is refused when it is read, with the reason


def _printable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)
