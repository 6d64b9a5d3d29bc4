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
from typing import TypeVar

from simsearch.core.threads import stay_on_this_thread
from simsearch.server import metrics
from simsearch.server.problems import Problem

T = TypeVar("T")
_LONGEST_WAIT_S = 30


class Jobs:
    """The threads of a worker. Its methods are called on the event loop."""

    def __init__(self, threads: int, queue: int) -> None:
        self.threads, self.places = threads, threads + queue
        self.taken = 0
        """Places taken: bodies that come in, photos that wait, and those that are answered."""
        self._running = 0
        self._mean_s = 0.5
        self._pool = ThreadPoolExecutor(threads, "simsearch-photo")

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for one request.

        Raises:
            Problem: busy: all are taken.
        """
        if self.taken >= self.places:
            text = f"{self.taken} photos are answered or wait already"
            raise Problem("busy", f"{text}; try again", retry_after=self._free_in_s())
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def run(self, work: Callable[[], T], timeout_s: float, gone: Callable[[], bool] = lambda: False) -> T:
        """The result of `work`, done in one of the threads.

        `gone`: whether the client has left, asked before the work begins.

        Raises:
            Problem: too-slow: it was not done within `timeout_s` seconds. Work that was begun goes on to its end.
        """
        submitted = time.perf_counter()

        def begun() -> T:
            metrics.QUERY_SECONDS.labels("wait").observe(time.perf_counter() - submitted)
            stay_on_this_thread(self._running > 1 or self.taken > 1)
            started = time.perf_counter()
            try:
                return work()
            finally:
                self._mean_s += 0.1 * (time.perf_counter() - started - self._mean_s)

        future = self._pool.submit(begun)
        self._running += 1
        future.add_done_callback(self._ended)
        self._tell()
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), timeout_s)
        except TimeoutError:
            text = f"no answer within {timeout_s:g} seconds"
            raise Problem("too-slow", f"{text}; try again", retry_after=self._free_in_s()) from None
        finally:
            future.cancel()  # where nobody waits for it any more

    def close(self) -> None:
        """Wait for what was begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _ended(self, future: Future[T]) -> None:
        self._running -= 1
        self._tell()

    def _tell(self) -> None:
        running = min(self._running, self.threads)
        metrics.IN_FLIGHT.set(running)
        metrics.QUEUED.set(max(0, self.taken - running))

    def _free_in_s(self) -> int:
        """Seconds until a place is likely to be free, at least 1."""
        return max(1, min(_LONGEST_WAIT_S, math.ceil(self._mean_s * self.taken / self.threads / 2)))
