"""One thread for each core, and no more: libraries that start threads of their own are told not to.

OpenCV and PyTorch would share the work of one photo between all cores. With a photo on each core already, their threads
only wait for each other. On a busy machine that takes many times as long as the work (docs/benchmarks.md).
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ContextDecorator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """How many processors this process may use, at least 1: the lesser of its affinity and its container's quota."""
    mask = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(mask, _quota()))


@cache
def _quota(groups: str = "/sys/fs/cgroup") -> int:
    """Processors that the control group grants, rounded up; :data:`_NO_LIMIT` where it sets no limit.

    Within a container `groups` shows the container's own group.
    """
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):  # version 2, version 1
        try:
            words = " ".join(Path(groups, name).read_text(encoding="ascii") for name in names).split()
            quota, period = int(words[0]), int(words[1])
        except (OSError, ValueError, IndexError):  # no such file, or "max"
            continue
        if quota > 0 and period > 0:
            return -(-quota // period)
    return _NO_LIMIT


_NO_LIMIT = 1 << 20


def in_threads(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """The results of `work` on each of `items`, in order. Runs on all cores; the calling thread takes its share.

    It is a plain loop for a single item, and within work that runs in threads already: there are never more threads
    than cores. An error of `work` is raised, and items that nobody has begun are dropped.
    """
    if len(items) < 2 or cores() < 2 or getattr(_WITHIN, "pool", False):
        return [work(item) for item in items]
    futures = [_pool().submit(work, item) for item in items[1:]]
    outer, _WITHIN.shared = getattr(_WITHIN, "shared", False), True
    try:
        out = [work(items[0])]
        # The calling thread takes items that nobody has begun, from the end, until it meets the pool in the middle.
        late: dict[int, R] = {}
        for place in reversed(range(len(futures))):
            if futures[place].cancel():
                late[place] = work(items[place + 1])
        return out + [late[place] if place in late else future.result() for place, future in enumerate(futures)]
    finally:
        _WITHIN.shared = outer
        for future in futures:
            future.cancel()


def threads_here() -> int:
    """How many threads a library may use for the work of the calling thread: one where other threads have work too."""
    shared = getattr(_WITHIN, "pool", False) or getattr(_WITHIN, "shared", False)
    return 1 if shared else cores()


_WITHIN = threading.local()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores() - 1, "simsearch", initializer=stay_on_this_thread)


def stay_on_this_thread(stay: bool = True) -> None:
    """Make `in_threads` a plain loop on the calling thread: for the threads of a pool that has one for each core.

    `stay`: False lets the next work of the thread use the other cores again, because they have nothing to do.
    """
    _WITHIN.pool = stay


@cache
def _blas(faiss: bool) -> Any:
    """The BLAS libraries in this process.

    `faiss`: whether FAISS is loaded. It brings a BLAS of its own, so the libraries are sought again once it is.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


@dataclass
class _Before:
    """How many threads each library had before `SingleThreaded` was entered."""

    opencv: int
    blas: Any = None
    torch: int = 0
    """0 where PyTorch was left alone."""


class SingleThreaded(ContextDecorator):
    """While it is entered, OpenCV and BLAS compute on the calling thread; so does PyTorch in threads that call `torch`.

    Use it by `with`, or as a decorator. It may be entered again within, and by several threads at once: the last one to
    leave restores the numbers of threads that the first one found. The numbers are the whole process's.

    OpenBLAS matters most. Its threads spin for tens of milliseconds after a product of matrices that took microseconds,
    which made a query half as long again (docs/benchmarks.md).
    """

    _lock = Lock()
    _entered = 0
    _before = _Before(0)

    def __enter__(self) -> Self:
        import cv2

        cls = SingleThreaded
        with cls._lock:
            if not cls._entered:
                cls._before = _Before(cv2.getNumThreads(), _blas("faiss" in sys.modules).limit(limits=1))
                cv2.setNumThreads(0)  # not 1: that ends the pool's threads, and waits for ever if a fork lost them
            cls._entered += 1
        return self

    @staticmethod
    def torch() -> None:
        """Make PyTorch compute on the calling thread. It has no effect outside of `SingleThreaded`.

        PyTorch keeps the number per thread, so each thread calls this before it computes with PyTorch. Other threads do
        not, because it loads PyTorch.
        """
        import torch

        with SingleThreaded._lock:
            if not SingleThreaded._entered:
                return
            before = SingleThreaded._before
            before.torch = before.torch or torch.get_num_threads()
            torch.set_num_threads(1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import cv2

        cls = SingleThreaded
        with cls._lock:
            cls._entered -= 1
            if cls._entered:
                return
            cv2.setNumThreads(cls._before.opencv if cls._before.opencv > 1 else 0)
            cls._before.blas.restore_original_limits()
            if cls._before.torch:
                import torch

                torch.set_num_threads(cls._before.torch)


def after_fork() -> None:
    """Make a forked child usable: the threads of all pools stayed behind in the parent.

    A process that loads simsearch after the fork does without this: `SingleThreaded` never resizes OpenCV's pool.

    From now on OpenCV, PyTorch and FAISS compute on the calling thread in this child. Each of them would otherwise wait
    for ever for threads of the parent (opencv/opencv #5150, facebookresearch/faiss #5206).
    """
    _pool.cache_clear()
    SingleThreaded._lock, SingleThreaded._entered, SingleThreaded._before = Lock(), 0, _Before(0)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(0)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    if "faiss" in sys.modules:
        sys.modules["faiss"].omp_set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)
