"""Moves a catalog from one database to another, either way between SQLite and PostgreSQL, exactly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from simsearch.catalog.counting import drop_triggers, make_triggers
from simsearch.catalog.database import Database
from simsearch.catalog.tables import StateRow, Table
from simsearch.core.errors import CatalogError, UsageError
from simsearch.core.types import Progress, silent

_AT_ONCE = 500
"""Rows that are held in memory: of descriptors about 8 MB."""
_NUMBERS = "sqlite_sequence"
"""SQLite's table of the largest number that each table ever gave."""


@dataclass(frozen=True)
class CopyReport:
    """What was copied."""

    source: str
    target: str
    rows: Mapping[str, int]
    """Table -> rows."""


def place(given: str, *, there: bool = False) -> Path | str:
    """Where a catalog is, as `Catalog` takes it: the URL of a database, the file in a home, or a file.

    `there`: it must be there already.

    Raises:
        CatalogError: there is no such file.
    """
    if "://" in given:
        return given
    path = Path(given)
    if path.is_dir() or not path.suffix:
        path /= "catalog.db"
    if there and not path.is_file():
        raise CatalogError(f"{path}: there is no catalog here; name a home, an SQLite file or a URL")
    return path


def copy(source: Database, target: Database, progress: Progress = silent) -> CopyReport:
    """Copy everything of `source`, as of one moment, into `target`, which must hold nothing yet.

    Numbers stay what they are, and none is given again that was ever given: indexes and records go on naming the same
    images. It is one transaction, and at its end what `target` holds is read again and compared.

    Raises:
        UsageError: both are one database, or `target` holds something.
        CatalogError: a database cannot be read or written, or what was written reads otherwise.
    """
    if source.where() == target.where():
        raise UsageError(f"{source.where()}: is both what is copied and where to; name another")
    tables = Table.metadata.sorted_tables
    rows: dict[str, int] = {}
    with source.read() as old, target.write() as new:
        for table in tables:
            if table.name != StateRow.__tablename__ and new.scalar(
                sa.select(sa.literal(1)).select_from(table).limit(1)
            ):
                raise UsageError(f"{target.where()}: holds a catalog already; name a database that is empty")
        new.execute(sa.delete(StateRow))
        drop_triggers(new)  # the counts are copied, too
        total = sum(old.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in tables)
        for table in tables:
            rows[table.name] = 0
            for part in _rows(old, table):
                new.execute(sa.insert(table), part)
                rows[table.name] += len(part)
                progress(sum(rows.values()), total, table.name)
        make_triggers(new)
        given = _given(old)
        _give_after(new, given)
        for table in tables:
            if _digest(old, table) != _digest(new, table):
                raise CatalogError(f"{target.where()}: {table.name} reads otherwise than it was written")
        if _given(new) != given:
            raise CatalogError(f"{target.where()}: the numbers of new rows could not be set")
    return CopyReport(source.where(), target.where(), rows)


def _rows(c: Connection, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    # The order of texts would be that of each database's language.
    binary = c.dialect.name == "postgresql"
    order = [k.collate("C") if binary and isinstance(k.type, sa.String) else k for k in table.primary_key.columns]
    query = sa.select(table).order_by(*order)
    with closing(c.execute(query, execution_options={"yield_per": _AT_ONCE})) as found:
        for part in found.mappings().partitions():
            yield [dict(row) for row in part]


def _digest(c: Connection, table: sa.Table) -> str:
    """SHA-256 of all rows of a table, whatever database holds them."""
    digest = hashlib.sha256()
    for part in _rows(c, table):
        for row in part:
            digest.update(json.dumps(row, sort_keys=True, default=_spelt).encode())
    return digest.hexdigest()


def _spelt(value: object) -> str:
    return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else str(value)


def _numbered() -> list[sa.Table]:
    """Tables that give their rows numbers."""
    return [table for table in Table.metadata.sorted_tables if table.dialect_options["sqlite"].get("autoincrement")]


def _given(c: Connection) -> dict[str, int]:
    """Table -> the largest number that it ever gave, 0 where it gave none."""
    if c.dialect.name == "sqlite":
        known = {str(name): int(seq) for name, seq in c.execute(sa.text(f"SELECT name, seq FROM {_NUMBERS}"))}
        return {table.name: known.get(table.name, 0) for table in _numbered()}
    found = {}
    for table in _numbered():
        last, called = c.execute(sa.text(f"SELECT last_value, is_called FROM {_sequence(c, table)}")).one()
        found[table.name] = int(last) if called else 0
    return found


def _give_after(c: Connection, given: Mapping[str, int]) -> None:
    """Let the next number of each table be the one after the largest that was ever given."""
    for table in _numbered():
        last = given[table.name]
        if c.dialect.name != "sqlite":
            c.execute(
                sa.text("SELECT setval(CAST(:name AS regclass), :last, :called)"),
                {"name": _sequence(c, table), "last": max(1, last), "called": last > 0},
            )
        elif last:
            c.execute(sa.text(f"DELETE FROM {_NUMBERS} WHERE name = :name"), {"name": table.name})
            c.execute(sa.text(f"INSERT INTO {_NUMBERS} VALUES (:name, :last)"), {"name": table.name, "last": last})


def _sequence(c: Connection, table: sa.Table) -> str:
    return str(c.scalar(sa.text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": table.name}))
