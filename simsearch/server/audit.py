"""Who changed what through the server: `server/audit.db` in the home. One change at a time, over all workers.

A change and its line stand or fall together as far as two databases can: the line is written first, and committed when
the change has been made. While it is open no other worker changes anything, so that what `If-Match` was compared with
is what is changed.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from simsearch.server.access import Principal
from simsearch.server.problems import Problem

_SCHEMA = """
CREATE TABLE IF NOT EXISTS changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, who TEXT NOT NULL, role TEXT NOT NULL, via TEXT NOT NULL,
    address TEXT NOT NULL, request_id TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL, before TEXT, after TEXT
);
CREATE INDEX IF NOT EXISTS changes_target ON changes (target, id);
"""
_COLUMNS = "id, at, who, role, via, address, request_id, action, target, before, after"
_BUSY_S = 5.0


@dataclass(frozen=True)
class Change:
    """One change that was made."""

    id: int
    at: str
    """UTC, ISO 8601."""
    who: str
    role: str
    via: str
    address: str
    request_id: str
    action: str
    """For instance "review decision"."""
    target: str
    """For instance "decision 17"."""
    before: Any
    after: Any


@dataclass
class Entry:
    """A change that is being made; whoever makes it says what was there and what is."""

    before: Any = None
    after: Any = None


class Audit:
    """The log of changes. Safe to share between threads and processes."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = Lock()
        self._db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        os.chmod(path, 0o600)
        self._db.execute("PRAGMA journal_mode=WAL").close()
        self._db.executescript(_SCHEMA)
        self._readers = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        self._reading = Lock()

    @contextmanager
    def change(self, who: Principal, origin: Mapping[str, str], action: str, target: str) -> Iterator[Entry]:
        """Make one change within; nothing is noted where it fails. `origin`: `address` and `request_id`.

        Raises:
            Problem: busy: another one takes too long.
        """
        if not self._lock.acquire(timeout=_BUSY_S):
            raise Problem("busy", "another change is being made; try again", retry_after=2)
        try:
            try:
                self._db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                raise Problem("busy", "another change is being made; try again", retry_after=2) from None
            try:
                entry = Entry()
                at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
                told = origin["address"], origin["request_id"]
                values = at, who.name, who.role.name.lower(), who.via, *told, action, target
                columns = "at, who, role, via, address, request_id, action, target"
                done = self._db.execute(f"INSERT INTO changes ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
                yield entry
                texts = [None if value is None else json.dumps(value) for value in (entry.before, entry.after)]
                self._db.execute("UPDATE changes SET before = ?, after = ? WHERE id = ?", [*texts, done.lastrowid])
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        finally:
            self._lock.release()

    def latest(self, targets: Sequence[str]) -> dict[str, Change]:
        """Target -> its latest change, for those of `targets` that were changed."""
        found: dict[str, Change] = {}
        for start in range(0, len(targets), 500):
            part = list(targets[start : start + 500])
            marks = ", ".join("?" * len(part))
            inner = f"SELECT max(id) FROM changes WHERE target IN ({marks}) GROUP BY target"
            found |= {c.target: c for c in self._read(f"WHERE id IN ({inner})", part)}
        return found

    def recent(self, limit: int, before: int | None = None, who: str | None = None) -> list[Change]:
        """The latest changes, the newest first; with `before`, those that are older than the one of this number."""
        conditions = [("id < ?", before), ("who = ?", who)]
        given = [(text, value) for text, value in conditions if value is not None]
        where = f"WHERE {' AND '.join(text for text, _ in given)}" if given else ""
        return self._read(f"{where} ORDER BY id DESC LIMIT ?", [*(value for _, value in given), limit])

    def close(self) -> None:
        """Close the file."""
        for lock, db in ((self._lock, self._db), (self._reading, self._readers)):
            with lock:
                db.close()

    def _read(self, rest: str, values: Sequence[Any]) -> list[Change]:
        with self._reading:
            rows = self._readers.execute(f"SELECT {_COLUMNS} FROM changes {rest}", values).fetchall()
        return [Change(*row[:9], *(None if text is None else json.loads(text) for text in row[9:])) for row in rows]
