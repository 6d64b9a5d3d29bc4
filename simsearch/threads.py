"""One thread for each core, and no more: libraries that start threads of their own are told not to.

OpenCV and PyTorch would share the work of one photo between all cores. With a photo on each core already, their threads
only wait for each other, which on a busy machine takes many times as long as the work (docs/benchmarks.md).
"""

from __future__ import annotations

from threading import Lock
from types import TracebackType
from typing import Self


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
