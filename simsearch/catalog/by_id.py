"""Finding rows by their ids, many at once, as every answer does several times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from simsearch.catalog.database import chunks


class ById:
    """A statement that finds rows by integer ids. Its text is made once, and the ids are written into it.

    SQLAlchemy takes three times as long to bind a list of ids as SQLite to find the rows. Rows are as the driver gives
    them, JSON of SQLite as text.
    """

    def __init__(self, statement: sa.Select[*tuple[Any, ...]], column: sa.SQLColumnExpression[int]) -> None:
        """`column`: which the ids are sought in."""
        self._statement = statement.where(column.in_([_MARK]))
        self._parts: dict[str, tuple[str, str]] = {}

    def rows(self, c: Connection, ids: Iterable[int]) -> Iterator[Any]:
        """The rows of these ids, in no order."""
        before, after = self._parts.get(c.dialect.name) or self._written(c)
        for part in chunks([int(i) for i in ids]):
            yield from c.exec_driver_sql(f"{before}{', '.join(map(str, part))}{after}")

    def _written(self, c: Connection) -> tuple[str, str]:
        text = str(self._statement.compile(dialect=c.dialect, compile_kwargs={"literal_binds": True}))
        before, after = text.split(str(_MARK))
        self._parts[c.dialect.name] = before, after
        return before, after


_MARK = -424_242_424_242
"""Stands in the text of a statement where the ids go. No id is negative."""
