"""Sources of a catalog: a folder, a CSV or a JSONL becomes rows of (product, image). The input is not trusted.

Every row and file of a source ends in one of three places: in `Source.rows`, among the refusals with a line that says
why, or among what was passed over. Only a source that cannot be read at all is an error.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simsearch.core.errors import SourceError
from simsearch.core.images import SUFFIXES
from simsearch.core.types import Refusal, SourceRow
from simsearch.ingest.contradictions import contradictions
from simsearch.ingest.folders import read_folder
from simsearch.ingest.passed_over import PassedOver, in_words, passed_over_groups
from simsearch.ingest.remote import Remote
from simsearch.ingest.rows import printable, to_row
from simsearch.ingest.tables import LineRefusal, Lines, Record, open_text
from simsearch.ingest.tables_csv import csv_records
from simsearch.ingest.tables_json import json_records, looks_like_json

_JSON = (".json", ".jsonl", ".ndjson")


@dataclass
class Source:
    """What one folder or table lists."""

    key: str
    """Absolute path of the source. An image belongs to the source that listed it last."""
    rows: list[SourceRow] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)
    """What is no photo. A folder stands for all that it holds."""


def read_sources(
    paths: Iterable[str | Path], *, may_be_empty: bool = False, remote: Remote | None = None
) -> list[Source]:
    """All `paths`, as by :func:`read_source`; rows of one that contradict rows of another are refused too.

    Photos that are named by URLs are fetched, as far as `remote` may.
    """
    sources = [read_source(Path(path), may_be_empty=may_be_empty, remote=remote) for path in paths]
    _refuse_contradictions(sources)
    if remote is not None:
        refused = {id(row): refusal for row, refusal in remote.fetch(row for s in sources for row in s.rows)}
        _refuse(sources, refused)
    return sources


def read_source(path: Path, *, may_be_empty: bool = False, remote: Remote | None = None) -> Source:
    """All rows and refusals of the folder or table at `path`. Photos are neither fetched nor decoded.

    Args:
        path: of the folder or table.
        may_be_empty: whether it may list nothing.
        remote: what rows may name by URLs; None: nothing.

    Raises:
        SourceError: there is no such file, it is no table with the columns `sku` and `image`, or it is empty and not
            `may_be_empty`.
    """
    path = _resolved(path)
    source = Source(str(path))
    try:
        for found in _found(path, remote):
            _add(source, found)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from None
    _refuse_contradictions([source])
    if not may_be_empty:
        check_filled([source])
    return source


def check_filled(sources: Iterable[Source], known: Collection[str] = ()) -> None:
    """Raise where a source lists nothing, and is not among the `known` ones, which may have become empty.

    Raises:
        SourceError: so it is.
    """
    for source in sources:
        if not (source.rows or source.refusals or source.key in known):
            folder = Path(source.key).is_dir()
            what = f"photos ({', '.join(sorted(SUFFIXES))}) and no folders of photos" if folder else "rows"
            passed = in_words(passed_over_groups(source.passed_over))
            raise SourceError(f"{source.key}: holds no {what}" + (f"; passed over: {passed}" if passed else ""))


def read_table(path: Path, columns: Sequence[str]) -> tuple[list[tuple[str, Mapping[str, str]]], list[Refusal]]:
    """The records of a CSV, each with its line for messages, and the refused lines.

    Raises:
        SourceError: there is no such file, or it is no CSV with these `columns`.
    """
    records: list[tuple[str, Mapping[str, str]]] = []
    refusals: list[Refusal] = []
    try:
        with open_text(path) as stream:
            for found in csv_records(path, Lines(stream), columns):
                if isinstance(found, LineRefusal):
                    refusals.append(_line_refusal(found))
                else:
                    records.append(found)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from None
    return records, refusals


def left_of(rows: Iterable[SourceRow], without: Collection[str]) -> list[SourceRow]:
    """The rows whose files are none of the paths `without`, under whatever name."""
    gone = {os.path.realpath(path) for path in without}
    return [row for row in rows if not gone or os.path.realpath(row.path) not in gone]


def _resolved(path: Path) -> Path:
    try:
        found = path.resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise SourceError(
            f"{path}: there is no such file or folder; name a folder of photos, a CSV or a JSONL"
        ) from None
    if not printable(str(found)):
        raise SourceError(f"{str(found)!a}: its name is not valid text; rename it")
    return found


def _found(path: Path, remote: Remote | None) -> Iterator[SourceRow | Refusal | PassedOver]:
    if path.is_dir():
        if path.suffix.lower() == ".numbers":
            raise SourceError(f"{path}: is a Numbers document; export it as CSV")
        yield from read_folder(path)
    elif path.suffix.lower() in SUFFIXES:
        raise SourceError(f"{path}: is a photo; name its folder, or a CSV with the columns sku and image")
    else:
        for record in _records(path):
            if isinstance(record, LineRefusal):
                yield _line_refusal(record)
            else:
                yield to_row(record[1], record[0], path.parent, remote)


def _records(path: Path) -> Iterator[Record | LineRefusal]:
    with open_text(path) as stream:
        start = stream.read(4096)
        stream.seek(0)
        if path.suffix.lower() in _JSON or looks_like_json(start):
            yield from json_records(path, stream)
        else:
            yield from csv_records(path, Lines(stream), ("sku", "image"))


def _line_refusal(found: LineRefusal) -> Refusal:
    return Refusal(found.where, "bad_row", f"{found.where}: {found.reason}")


def _add(source: Source, found: SourceRow | Refusal | PassedOver) -> None:
    if isinstance(found, SourceRow):
        source.rows.append(found)
    elif isinstance(found, Refusal):
        source.refusals.append(found)
    else:
        source.passed_over.append(found)


def _refuse_contradictions(sources: Sequence[Source]) -> None:
    """Move the rows of each SKU that has two names or strengths to the refusals of their source."""
    _refuse(sources, {id(row): refusal for row, refusal in contradictions(row for s in sources for row in s.rows)})


def _refuse(sources: Sequence[Source], refused: Mapping[int, Refusal]) -> None:
    """Move rows to the refusals of their source. `refused`: by the `id` of the row."""
    for source in sources if refused else ():
        source.refusals += [refused[id(row)] for row in source.rows if id(row) in refused]
        source.rows = [row for row in source.rows if id(row) not in refused]
