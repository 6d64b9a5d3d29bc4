"""Work on photos: a fixed number of threads, a bounded queue before them, and a time by which an answer must be there.

The event loop never computes. A place is taken before a body is read, so that a busy server holds at most
`threads + queue` bodies in memory, and says no to the next client before it has sent its photo.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from simsearch.core.threads import stay_on_this_thread
from simsearch.server import metrics
from simsearch.server.problems import Problem

T = TypeVar("T")
_LONGEST_WAIT_S = 30


class Jobs:
    """The threads of a worker. `place` and `run` are called on the event loop."""

    def __init__(self, threads: int, queue: int, timeout_s: float) -> None:
        """`timeout_s`: by when an answer must be there."""
        self.threads, self.places, self.timeout_s = threads, threads + queue, timeout_s
        self.taken = 0
        """Places taken: bodies that come in, photos that wait, and those that are answered."""
        self._running = 0
        self._left_behind = 0
        """Work that goes on though nobody waits for it any more."""
        self._mean_s = 0.5
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(threads, "simsearch-photo")

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for one request.

        Raises:
            Problem: busy: all are taken.
        """
        taken = self.taken + self._left_behind
        if taken >= self.places:
            text = f"{taken} photos are answered or wait already"
            raise Problem("busy", f"{text}; try again", retry_after=self._free_in_s())
        self.taken += 1
        self._tell()
        try:
            yield
        finally:
            self.taken -= 1
            self._tell()

    async def run(self, work: Callable[[], T], request: Request) -> T:
        """The result of `work` for `request`, done in one of the threads.

        Raises:
            Problem: too-slow: it was not done in time. Work that was begun goes on to its end.
            ClientDisconnect: the client has left. Work that was not begun is dropped.
        """
        submitted = time.perf_counter()
        future = self._pool.submit(self._timed, work, submitted, request.state.note)
        waiting = asyncio.wrap_future(future)
        leaving = asyncio.ensure_future(_left(request))
        first: set[asyncio.Future[Any]] = {waiting, leaving}
        try:
            await asyncio.wait(first, timeout=self.timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            self._leave_behind(future)
            if leaving.done():
                raise ClientDisconnect
            text = f"no answer within {self.timeout_s:g} seconds"
            raise Problem("too-slow", f"{text}; try again", retry_after=self._free_in_s())
        finally:
            leaving.cancel()
            waiting.cancel()

    def close(self) -> None:
        """Wait for what was begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _timed(self, work: Callable[[], T], submitted: float, note: dict[str, object]) -> T:
        started = time.perf_counter()
        note["wait_ms"] = round((started - submitted) * 1e3, 1)
        metrics.QUERY_SECONDS.labels("wait").observe(started - submitted)
        with self._lock:
            self._running += 1
        self._tell()
        stay_on_this_thread(self.taken > 1)
        try:
            return work()
        finally:
            with self._lock:
                self._running -= 1
                self._mean_s += 0.1 * (time.perf_counter() - started - self._mean_s)
            self._tell()

    def _leave_behind(self, future: Future[T]) -> None:
        if future.cancel():
            return
        with self._lock:
            self._left_behind += 1
        future.add_done_callback(self._caught_up)

    def _caught_up(self, future: Future[T]) -> None:
        with self._lock:
            self._left_behind -= 1

    def _tell(self) -> None:
        metrics.IN_FLIGHT.set(self._running)
        metrics.QUEUED.set(max(0, self.taken - self._running))

    def _free_in_s(self) -> int:
        """Seconds until a place is likely to be free, at least 1."""
        return max(1, min(_LONGEST_WAIT_S, math.ceil(self._mean_s * self.taken / self.threads / 2)))


async def _left(request: Request) -> None:
    """Ends when the client closes its connection. The body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
