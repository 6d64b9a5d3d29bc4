"""Opening a SQLite file: for writing in WAL mode, or for reading where file or folder cannot be written."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from simsearch.core.errors import CatalogError

State = tuple[int, int, bool]
"""Modification time and size of the file, and whether there is a WAL beside it."""


def writable(file: Path) -> bool:
    """Whether changes can be written: a new file, or one that may be written in a folder that takes a WAL."""
    return not file.exists() or (_may_write(file) and _may_write(file.resolve().parent))


def _may_write(path: Path) -> bool:
    # By the effective user, as opening it goes by; also False on a file system that is mounted read-only.
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def connect(file: Path, timeout_s: float = 5.0) -> sqlite3.Connection:
    """A connection to `file`; one that only reads where it is not `writable`.

    Raises:
        CatalogError: it can only be read, and the latest changes cannot.
        sqlite3.Error: it cannot be opened, or is no database.
    """
    if writable(file):
        return sqlite3.connect(file, timeout_s, check_same_thread=False)
    try:
        return _Reading(file, timeout_s, "mode=ro")
    except sqlite3.OperationalError:
        # A file in WAL mode needs its WAL and index even for reading. Where they cannot be made nobody has the file
        # open for writing, unless there is a WAL: then the file alone lacks what stands in it.
        wal = Path(f"{file.resolve()}-wal")
        if wal.exists() and wal.stat().st_size:
            text = (
                f"{file}: its latest changes are in {wal.name}, which can only be read where its folder can be written"
            )
            raise CatalogError(f"{text}; allow that, or copy both files to another home") from None
        return _Reading(file, timeout_s, "mode=ro&immutable=1")


class _Reading(sqlite3.Connection):
    """A connection that only reads."""

    def __init__(self, file: Path, timeout_s: float, options: str) -> None:
        self.file, self.seen = file, state(file) if "immutable" in options else None
        super().__init__(f"{file.resolve().as_uri()}?{options}", timeout_s, check_same_thread=False, uri=True)
        self.execute("SELECT count(*) FROM sqlite_master").close()  # SQLite opens nothing before the first statement

    @property
    def outdated(self) -> bool:
        """Whether the file changed that SQLite was told would not."""
        return self.seen is not None and self.seen != state(self.file)


def state(file: Path) -> State:
    """What changes when somebody writes to `file`."""
    found = file.stat()
    return found.st_mtime_ns, found.st_size, Path(f"{file.resolve()}-wal").exists()


def engine(url: URL, timeout_s: float, **pool: Any) -> Engine:
    """An engine whose transactions take the write lock at their start if they are to write, and none if they read."""
    file = Path(str(url.database))
    file.parent.mkdir(parents=True, exist_ok=True)
    if writable(file):
        made = sa.create_engine(url, connect_args={"timeout": timeout_s}, **pool)
    else:
        made = sa.create_engine(url, creator=lambda: connect(file, timeout_s), **pool)
    sa.event.listen(made, "connect", _prepare)
    sa.event.listen(made, "checkout", _check)
    sa.event.listen(made, "begin", _begin)
    return made


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun in _begin, not guessed by the driver
    for pragma in ("foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _check(connection: Any, _record: Any, _proxy: Any) -> None:
    if isinstance(connection, _Reading) and connection.outdated:
        raise sa.exc.DisconnectionError  # the pool opens another in its place


def _begin(connection: Connection) -> None:
    # A reader that turns writer fails at once under WAL when its snapshot is old; a writer says so at the start.
    write = connection.get_execution_options().get("simsearch_write", False)
    if write is not None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def use_wal(made: Engine) -> None:
    """Switch to WAL mode, in which readers and a writer do not wait for each other. Lasting: it stands in the file."""
    with made.execution_options(simsearch_write=None).connect() as connection:  # impossible in a transaction
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
