"""Blocks of photos that several processes look at.

Two photos are compared by Python under one lock, which threads cannot share. A helper is a process with parts of its
own on the same home. It gets ids and gives back what it saw; this process alone writes. A helper that ends, or cannot
start, is done without: its block is looked at by another one, or here. Helpers end with this process.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, Self

from simsearch.core.threads import SingleThreaded, stay_on_this_thread

Block = tuple[Sequence[int], bool]
"""Ids of images that are looked at together; whether beside photos of their SKU alone."""
Look = Callable[[Block], Any]
"""Looks at a block."""
_WORTH = 200
"""Images for each process, from which it is started: that takes a second, and its memory."""
_BEGIN = """
import sys
from multiprocessing.connection import Connection
pipe = Connection({2})
sys.path[:] = pipe.recv()
from {0} import {1}
{1}(pipe)
"""
"""The program of a helper. `multiprocessing` would run the main module of this process once more, which may be a script
without a guard: a check starts helpers without being asked to."""
_ERRORS = 2
"""File descriptor: what a library prints in a helper must not come among the output of this process."""
_LOG = logging.getLogger("simsearch")
_Done = SimpleQueue[tuple[Block, Any]]
"""Blocks with what was seen of them; None where the helper ended."""


@dataclass(frozen=True)
class Crew:
    """How helpers are started."""

    entry: tuple[str, str]
    """Module and name of the function that is the life of a helper: it is given a pipe, and calls :func:`serve`."""
    setup: Any
    """What that function is told."""
    sign: str
    """Of what is looked by: a helper with another one would see otherwise, and is not used."""
    processes: int
    """That look at once, this one among them."""

    def run(self, blocks: Sequence[Block], look: Look) -> Iterator[tuple[Block, Any]]:
        """Each block with what was seen of it, in the order in which they are done. `look`: does one here."""
        helpers = min(self.processes, sum(len(ids) for ids, _ in blocks) // _WORTH) - 1
        if helpers < 1:
            yield from ((block, look(block)) for block in blocks)
            return
        waiting, done, left = deque(blocks), _Done(), len(blocks)
        with ExitStack() as stack:
            for _ in range(helpers):
                stack.enter_context(_Helper(self, waiting, done))
            stay_on_this_thread()  # the other cores have work
            stack.callback(stay_on_this_thread, False)
            while left:
                mine = _next(waiting)
                if mine is not None:
                    done.put((mine, look(mine)))
                for block, seen in _all_done(done):
                    if seen is None:
                        waiting.append(block)
                    else:
                        left -= 1
                        yield block, seen


def _next(waiting: deque[Block]) -> Block | None:
    with suppress(IndexError):
        return waiting.popleft()
    return None


def _all_done(done: _Done) -> Iterator[tuple[Block, Any]]:
    """What is done, one at least."""
    yield done.get()
    with suppress(Empty):
        while True:
            yield done.get_nowait()


class _Helper:
    """A process that looks at one block after the other, until nothing waits or it ends."""

    def __init__(self, crew: Crew, waiting: deque[Block], done: _Done) -> None:
        self._crew, self._waiting, self._done = crew, waiting, done
        self._thread = Thread(target=self._drive, daemon=True)

    def __enter__(self) -> Self:
        self._pipe, theirs = Pipe()
        with theirs:
            begin = [sys.executable, "-c", _BEGIN.format(*self._crew.entry, theirs.fileno())]
            self._process = subprocess.Popen(
                begin, stdin=subprocess.DEVNULL, stdout=_ERRORS, pass_fds=[theirs.fileno()]
            )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join()
        self._pipe.close()

    def _drive(self) -> None:
        block = None
        try:
            self._pipe.send(sys.path)
            self._pipe.send(self._crew.setup)
            sign = self._pipe.recv()
            if sign != self._crew.sign:
                _LOG.info("a helper of the check is done without: %s", sign)
                return
            while (block := _next(self._waiting)) is not None:
                self._pipe.send(block)
                self._done.put((block, self._pipe.recv()))
        except (OSError, EOFError) as error:
            _LOG.info("a helper of the check ended: %r", error)
            if block is not None:
                self._done.put((block, None))


def serve(pipe: Connection, start: Callable[[Any], tuple[str, Look]]) -> None:
    """The life of a helper: look at what comes until the other side is gone.

    `start`: makes of the setup the sign, and what looks.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the other side, which then ends this one
    try:
        sign, look = start(pipe.recv())
    except Exception as error:  # told there, and done without
        pipe.send(repr(error))
        return
    stay_on_this_thread()
    with SingleThreaded(), suppress(EOFError, OSError):
        pipe.send(sign)
        while True:
            pipe.send(look(pipe.recv()))
