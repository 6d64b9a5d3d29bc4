"""Opening an SQLite file: for writing in WAL mode, or read-only where file or folder cannot be written."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from simsearch.core.errors import CatalogError

_ROOM = 64 * 1024
"""Bytes: twice the index of an empty WAL."""
State = tuple[int, int, bool]
"""(modification time in ns, size in bytes, whether there is a WAL beside the file)"""


def writable(file: Path) -> bool:
    """Whether `file` can be changed: it is new, or both it and its folder, which holds the WAL, can be written.

    On a full disk it cannot: SQLite needs room for the index of the WAL even to read.
    """
    return not file.exists() or (_may_write(file) and _may_write(file.resolve().parent) and _free(file) >= _ROOM)


def _free(file: Path) -> int:
    """Bytes that this process may still write to the disk of `file`."""
    disk = os.statvfs(file)
    return disk.f_frsize * (disk.f_bavail if os.geteuid() else disk.f_bfree)


def _may_write(path: Path) -> bool:
    # Opening goes by the effective user. access() is also false on a file system that is mounted read-only.
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def check_place(file: Path) -> None:
    """Refuse a place that a catalog cannot be at, or where one was lost. Nothing is opened.

    SQLite would make a new database of an empty or missing file, and remove the WAL beside it, whatever that holds.

    Raises:
        CatalogError: it says what is there, and how the catalog comes back.
    """
    if not file.exists():
        if file.is_symlink():
            raise CatalogError(f"{file}: is a link to {os.readlink(file)}, which is not there; is its disk mounted?")
        lost = "is missing"
    elif not file.is_file():
        what = "a folder" if file.is_dir() else "a device or pipe"
        raise CatalogError(f"{file}: is no file but {what}; {_remedy(file)}")
    elif file.stat().st_size == 0:
        lost = "is empty"
    else:
        return
    if found := _remains(file):
        raise CatalogError(f"{file}: {lost}, but {found} of a catalog is beside it; {_remedy(file)}")


def check_new(file: Path) -> None:
    """Refuse to make the tables of a new catalog in a database without any, where an earlier catalog was.

    Raises:
        CatalogError: what an earlier catalog left lies beside it.
    """
    if found := _remains(file):
        raise CatalogError(f"{file}: holds no tables, but {found} of a catalog is beside it; {_remedy(file)}")


def _remains(file: Path) -> str:
    """What a catalog left beside `file`, by its name; empty where there is nothing."""
    wal = Path(f"{file}-wal")
    if wal.is_file() and wal.stat().st_size:
        return wal.name
    folders = (file.parent / name for name in ("generations", "backups", "nightly"))
    return next((f"{folder.name}/" for folder in folders if folder.is_dir() and any(folder.iterdir())), "")


def _remedy(file: Path) -> str:
    copies = sorted(file.parent.glob("backups/catalog-*.db"))
    newest = f", for instance {copies[-1]}" if copies else ""
    return f"restore a backup{newest}, or begin anew in another --home"


def connect(file: Path, timeout_s: float = 5.0) -> sqlite3.Connection:
    """A connection to `file`; it is read-only where the file is not :func:`writable`.

    Raises:
        CatalogError: the file is read-only, and its WAL holds changes that cannot be read.
        sqlite3.Error: the file cannot be opened, or is no database.
    """
    if writable(file):
        return sqlite3.connect(file, timeout_s, check_same_thread=False)
    try:
        return _Reading(file, timeout_s, "mode=ro")
    except sqlite3.OperationalError:
        # Even a reader of a file in WAL mode needs the WAL and its index, and cannot create them here. If there is no
        # WAL, the file alone is complete and nobody has it open for writing, so it can be read as an immutable file.
        # If there is one, the file alone lacks the changes in it.
        wal = Path(f"{file.resolve()}-wal")
        if wal.exists() and wal.stat().st_size:
            text = (
                f"{file}: its latest changes are in {wal.name}, which can only be read where its folder can be written"
            )
            raise CatalogError(f"{text}; allow that and make room, or copy both files to another home") from None
        return _Reading(file, timeout_s, "mode=ro&immutable=1")


class _Reading(sqlite3.Connection):
    """A read-only connection. An immutable one remembers the state of the file that it was opened on."""

    def __init__(self, file: Path, timeout_s: float, options: str) -> None:
        self.file, self.seen = file, state(file) if "immutable" in options else None
        super().__init__(f"{file.resolve().as_uri()}?{options}", timeout_s, check_same_thread=False, uri=True)
        self.execute("SELECT count(*) FROM sqlite_master").close()  # SQLite opens nothing before the first statement

    @property
    def outdated(self) -> bool:
        """Whether the file has changed since, although SQLite was told that it would not."""
        return self.seen is not None and self.seen != state(self.file)


def identity(file: Path) -> tuple[int, int] | None:
    """What tells `file` from any other file, also one of its name; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def state(file: Path) -> State:
    """A state that changes when somebody writes to `file`."""
    found = file.stat()
    return found.st_mtime_ns, found.st_size, Path(f"{file.resolve()}-wal").exists()


def engine(url: URL, timeout_s: float, **pool: Any) -> Engine:
    """An engine whose writing transactions take the write lock at their start."""
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
        raise sa.exc.DisconnectionError  # the pool replaces the connection


def _begin(connection: Connection) -> None:
    # Under WAL, a transaction that has read an old snapshot cannot turn into a writer. So writers lock at the start.
    write = connection.get_execution_options().get("simsearch_write", False)
    if write is not None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def use_wal(made: Engine) -> None:
    """Switch the file to WAL mode for good: readers and a writer then do not wait for each other."""
    with made.execution_options(simsearch_write=None).connect() as connection:  # impossible in a transaction
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
