"""Idempotency-Key: a request that a client sends again, because its answer was lost, is answered as before.

Answers are kept for ten minutes in `server/requests.db` of the home, which all workers share: so a client whose worker
was killed asks another one. See draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TypeVar

from simsearch.server.problems import Problem

T = TypeVar("T")
KEPT_S = 600
MOST = 5000
"""Answers that are kept at most: about 50 MB."""
KEY = re.compile(r"[\x21-\x7e]{1,128}")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    client TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, at REAL NOT NULL, worker TEXT NOT NULL, body BLOB,
    PRIMARY KEY (client, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_at ON answers (at);
"""


@dataclass(frozen=True)
class Asked:
    """One request that bears a key."""

    client: str
    key: str
    request: str
    """Digest of what is asked: another request must not use the key."""


class Answers:
    """Answers to requests with a key. Safe to share between threads and processes."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = Lock()
        self._db = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
        os.chmod(path, 0o600)
        for pragma in ("journal_mode=WAL", "synchronous=OFF"):  # a lost power supply ends the retries, too
            self._db.execute(f"PRAGMA {pragma}").close()
        self._db.executescript(_SCHEMA)
        self._worker = _worker(os.getpid())

    def begin(self, asked: Asked) -> bytes | None:
        """What was answered before; None where this is the first time, or where the worker that was asked has died.

        Raises:
            Problem: in-progress; key-reused.
        """
        now = time.time()
        with self._lock:
            db = self._db
            db.execute("BEGIN IMMEDIATE")
            try:
                old = "at < ? OR at <= (SELECT at FROM answers ORDER BY at DESC LIMIT 1 OFFSET ?)"
                db.execute(f"DELETE FROM answers WHERE {old}", (now - KEPT_S, MOST))
                query = "SELECT request, worker, body FROM answers WHERE client = ? AND key = ?"
                row = db.execute(query, (asked.client, asked.key)).fetchone()
                if row is not None:
                    request, worker, body = row
                    if request != asked.request:
                        raise Problem("key-reused", "this Idempotency-Key was used for another request; make a new one")
                    if body is not None:
                        return bytes(body)
                    if _alive(worker):
                        text = "the first request of this Idempotency-Key is being answered"
                        raise Problem("in-progress", f"{text}; try again", retry_after=1)
                values = (asked.client, asked.key, asked.request, now, self._worker)
                db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, NULL)", values)
                return None
            finally:
                db.execute("COMMIT")

    def finish(self, asked: Asked, body: bytes) -> None:
        """Keep an answer."""
        with self._lock:
            query = "UPDATE answers SET body = ? WHERE client = ? AND key = ?"
            self._db.execute(query, (body, asked.client, asked.key))

    def abandon(self, asked: Asked) -> None:
        """Forget a request that was not answered: the next one begins anew."""
        with self._lock:
            query = "DELETE FROM answers WHERE client = ? AND key = ? AND body IS NULL"
            self._db.execute(query, (asked.client, asked.key))

    def once(self, asked: Asked, work: Callable[[], bytes]) -> tuple[bytes, bool]:
        """The answer by `work`, and whether it was given before.

        Raises:
            Problem: in-progress; key-reused; or as `work`, and then the next request begins anew.
        """
        before = self.begin(asked)
        if before is not None:
            return before, True
        try:
            body = work()
        except BaseException:
            self.abandon(asked)
            raise
        self.finish(asked, body)
        return body, False

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def _worker(pid: int) -> str:
    """Names a process, and no later one of the same number."""
    with suppress(OSError, IndexError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return f"{pid} {stat.rpartition(')')[2].split()[19]}"  # the time at which it began, in clock ticks
    return f"{pid} "


def _alive(worker: str) -> bool:
    pid = int(worker.partition(" ")[0])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _worker(pid) == worker
