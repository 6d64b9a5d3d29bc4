"""Keeps records of answers: one writer, after the answer, as well as it can. A record never costs an answer.

All threads of a process hand their records to one writer thread, which writes whatever waits in one transaction: so
many answers share one wait for the disk, and none of them waits for another program that holds the database.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Lock, Thread
from typing import Any

from simsearch.core.errors import SimsearchError
from simsearch.core.types import Decision

_LOG = logging.getLogger("simsearch")
_WAITING = 1000
"""Groups of records that may wait for the writer. More are dropped, and counted."""
_GROUPS = 64
"""Groups that are written in one transaction at most."""


@dataclass(frozen=True)
class Record:
    """One answer to keep."""

    decision: Decision
    sha256: str
    """Of the photo; of several photos, see `service.digest`."""
    evidence: Mapping[str, Any]
    """Everything that the answer depends on besides the photo."""


Write = Callable[[Sequence[Record]], list[int]]
"""Writes records in one transaction and returns their ids."""
_Waiting = tuple[Sequence[Record], Future[list[int]]]
"""Records of one call, and where their ids are put."""


class Recorder:
    """Writes records in a thread of its own. Safe to share between threads, and usable after a fork."""

    def __init__(self, write: Write, wait_s: float) -> None:
        """`wait_s`: how long `keep` waits for the ids. A record that takes longer is written without telling its id."""
        self.write, self.wait_s = write, wait_s
        self.lost = 0
        """Records that were dropped or could not be written."""
        self._queue: Queue[_Waiting | None] = Queue(_WAITING)
        self._unwritten = 0
        self._thread: Thread | None = None
        self._process = os.getpid()
        self._lock = Lock()

    def keep(self, records: Sequence[Record]) -> list[int | None]:
        """Hand `records` to the writer; the id of each, None where it is not known in time or was lost."""
        if not records:
            return []
        future: Future[list[int]] = Future()
        try:
            self._hand_over(records, future)
            return list(future.result(self.wait_s))
        except Full:
            self._count(len(records), "too many records wait for the catalog")
        except FutureTimeoutError:
            _LOG.warning("the catalog is busy: the record of this answer is written later")
        except SimsearchError:
            pass  # the writer has counted and told it
        return [None] * len(records)

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what waits and end the writer; what is not written in time is counted as lost."""
        with self._lock:
            thread, queue, self._thread = self._thread, self._queue, None
        if thread is None or self._process != os.getpid():
            return
        with suppress(Full):
            queue.put(None, timeout=timeout_s)
        thread.join(timeout_s)
        if thread.is_alive():
            self._count(self._unwritten, "the catalog was busy until the end")

    def _hand_over(self, records: Sequence[Record], future: Future[list[int]]) -> None:
        """Put a group into the queue; starts the thread that empties it, which a fork takes away.

        Raises:
            Full: too many wait.
        """
        with self._lock:
            if self._thread is None or self._process != os.getpid():
                self._process, self._queue, self._unwritten = os.getpid(), Queue(_WAITING), 0
                self._thread = Thread(target=self._work, args=(self._queue,), name="simsearch-records", daemon=True)
                self._thread.start()
            self._queue.put_nowait((records, future))
            self._unwritten += len(records)

    def _work(self, queue: Queue[_Waiting | None]) -> None:
        more = True
        while more:
            waiting = [queue.get()]
            while len(waiting) < _GROUPS:
                try:
                    waiting.append(queue.get_nowait())
                except Empty:
                    break
            more = None not in waiting
            groups = [group for group in waiting if group is not None]
            self._written(groups)
            with self._lock:
                self._unwritten -= sum(len(records) for records, _ in groups)

    def _written(self, groups: Sequence[_Waiting]) -> None:
        records = [record for group, _ in groups for record in group]
        if not records:
            return
        try:
            ids = iter(self.write(records))
        except Exception as error:  # whatever it was, the answers are out already
            self._count(len(records), str(error))
            for _, future in groups:
                future.set_exception(error if isinstance(error, SimsearchError) else SimsearchError(str(error)))
            return
        for group, future in groups:
            future.set_result([next(ids) for _ in group])

    def _count(self, records: int, why: str) -> None:
        self.lost += records
        what = "1 answer was" if records == 1 else f"{records} answers were"
        _LOG.warning("%s not recorded: %s", what, why)
