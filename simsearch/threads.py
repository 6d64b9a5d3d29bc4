"""One thread for each core, and no more: libraries that start threads of their own are told not to.

OpenCV and PyTorch would share the work of one photo between all cores. With a photo on each core already, their threads
only wait for each other, which on a busy machine takes many times as long as the work (docs/benchmarks.md).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """`work` of each of `items`, in order, on all cores; the calling thread takes its share.

    Within such work, and for a single item, it is a plain loop: no more threads than cores.
    """
    if len(items) < 2 or cores() < 2 or getattr(_WITHIN, "pool", False):
        return [work(item) for item in items]
    futures = [_pool().submit(work, item) for item in items[1:]]
    try:
        out = [work(items[0])]
        # Those that nobody has begun, from the end: then the calling thread and the pool meet in the middle.
        late: dict[int, R] = {}
        for place in reversed(range(len(futures))):
            if futures[place].cancel():
                late[place] = work(items[place + 1])
        return out + [late[place] if place in late else future.result() for place, future in enumerate(futures)]
    finally:
        for future in futures:
            future.cancel()


_WITHIN = threading.local()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores() - 1, "simsearch", initializer=lambda: setattr(_WITHIN, "pool", True))


class SingleThreaded:
    """While it is entered, OpenCV computes on the calling thread; so does PyTorch in threads that called `torch`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._opencv = self._torch = 0

    def __enter__(self) -> Self:
        import cv2

        self._opencv = cv2.getNumThreads()
        cv2.setNumThreads(1)
        return self

    def torch(self) -> None:
        """Called by each thread before it computes with PyTorch, and only then, as it loads PyTorch."""
        import torch

        with self._lock:
            self._torch = self._torch or torch.get_num_threads()
            torch.set_num_threads(1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import cv2

        cv2.setNumThreads(self._opencv)
        if self._torch:
            import torch

            torch.set_num_threads(self._torch)
