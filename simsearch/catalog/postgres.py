"""Opening a PostgreSQL database, and the locks that simsearch takes in it.

Processes on any machine meet at the database alone. So what a lock file says of a home on one machine, advisory locks
(PostgreSQL's manual, 13.3.5) say there: they belong to a connection, and end with it when its process is killed.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from simsearch.core.errors import CatalogError

_MIGRATING, _CHANGING, _WRITING = 0x73696D0001, 0x73696D0002, 0x73696D0003
"""Keys of the locks: of making and migrating the tables; of one transaction that writes; of a run that writes."""
_CONNECT_S = 10
_LOCKED = "55P03"
_GONE = ("08", "57P01", "57P02", "57P03")
"""States of a connection that was lost, or of a server that stops or starts (PostgreSQL's manual, appendix A)."""
_DENIED = "42501"


def engine(url: URL, timeout_s: float, **pool: Any) -> Engine:
    """An engine whose connections are looked at before they are used, so that a restarted server is met again.

    `timeout_s`: longest wait for a lock.
    """
    waits = max(1, round(timeout_s * 1000))  # 0 would wait for ever
    arguments = {
        "connect_timeout": _CONNECT_S, "application_name": f"simsearch {socket.gethostname()} {os.getpid()}",
        "options": f"-c lock_timeout={waits} -c timezone=UTC",
    }  # fmt: skip
    return sa.create_engine(url, connect_args=arguments, pool_pre_ping=True, **pool)


@contextmanager
def migrating(made: Engine) -> Iterator[None]:
    """Be the only one who looks at the tables' version and changes it."""
    with _connected(made) as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_MIGRATING})")
        with _unlocking(connection, _MIGRATING):
            yield


def lock_writers(connection: Connection) -> None:
    """Wait until no other transaction writes, and let none write until this one ends.

    Revisions are then committed in their order: whoever has seen one has seen all before it.
    """
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CHANGING})")


@contextmanager
def writing(made: Engine, where: str) -> Iterator[None]:
    """Hold the lock of runs that write: indexing, a rebuild, a night.

    Raises:
        CatalogError: another process holds it; the message names it.
    """
    with _connected(made) as connection:
        if not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_WRITING})").scalar():
            who = _holder(connection)
            raise CatalogError(f"{where}: another simsearch is writing there{who}; wait for it to end")
        with _unlocking(connection, _WRITING):
            yield


def _connected(made: Engine) -> Connection:
    """A connection of its own for a lock, outside of any transaction."""
    return made.connect().execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def _unlocking(connection: Connection, key: int) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(sa.exc.DBAPIError):  # the lock went with the connection
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({key})")


def _holder(connection: Connection) -> str:
    """Who holds the lock of runs, in brackets; "" where it has just ended."""
    found = connection.exec_driver_sql(
        "SELECT a.application_name, a.backend_start FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
        f"WHERE l.locktype = 'advisory' AND l.granted AND l.classid = {_WRITING >> 32} "
        f"AND l.objid = {_WRITING & 0xFFFFFFFF} AND l.database = (SELECT oid FROM pg_database "
        "WHERE datname = current_database())"
    ).first()
    return f" ({found[0]}, since {found[1]:%Y-%m-%d %H:%M:%SZ})" if found else ""


def complaint(error: sa.exc.DBAPIError) -> str:
    """What is wrong and what to do, for messages; "" where this is nothing of PostgreSQL's own."""
    state = getattr(error.orig, "sqlstate", None) or ""
    text = " ".join(str(error.orig).split())
    if state == _LOCKED:
        return "is locked by another process; try again, or end that process"
    if error.connection_invalidated or state.startswith(_GONE):
        return f"the server ended the connection ({text}); what was under way is undone or done as a whole, try again"
    if state == _DENIED:
        return f"{text}; give the user of catalog.url the right to do so"
    if not state and isinstance(error, sa.exc.OperationalError):
        return f"cannot be opened ({text}); check that the server runs, and user, password and address in catalog.url"
    return f"the server refuses ({text})"
