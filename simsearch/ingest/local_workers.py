"""Workers that are processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from simsearch.core.errors import SimsearchError
from simsearch.core.threads import SingleThreaded, stay_on_this_thread
from simsearch.ingest.describing import Job, Seen
from simsearch.ingest.workers import LeasedWorkers, Recipe


@dataclass
class _Process:
    process: BaseProcess
    pipe: Connection
    ready = True  # the pipe keeps a chunk until it is

    def give(self, jobs: Sequence[Job]) -> None:
        try:
            self.pipe.send(jobs)
        except OSError:  # it was killed: `answer` says so
            return

    def answer(self) -> list[Seen] | None:
        try:
            if not self.pipe.poll():
                return None
            answer: list[Seen] | SimsearchError = self.pipe.recv()
        except (EOFError, OSError):
            return None
        if isinstance(answer, SimsearchError):
            raise answer
        return answer

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class LocalWorkers(LeasedWorkers):
    """Processes of this machine, each with its own methods. They end with the run, and with this process."""

    def __init__(self, processes: int, lease_s: float) -> None:
        super().__init__(lease_s)
        self.processes = processes

    def count(self) -> int:
        """As `LeasedWorkers.count`."""
        return self.processes

    def start(self, recipe: Recipe) -> _Process:
        """As `LeasedWorkers.start`."""
        context = multiprocessing.get_context("spawn")  # nothing of this process: no locks, threads or connections
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, recipe), daemon=True)
        process.start()
        theirs.close()
        return _Process(process, ours)

    def wait(self, workers: Sequence[_Process], timeout: float) -> Iterable[_Process]:
        """As `LeasedWorkers.wait`."""
        signs = {sign: w for w in workers for sign in (w.pipe, w.process.sentinel)}
        return [signs[s] for s in wait(list(signs), timeout=timeout) if s in signs]


def _serve(pipe: Connection, recipe: Recipe) -> None:
    """The life of a worker: describe what comes until the other side is gone."""
    parent = os.getppid()
    try:
        describer = recipe.describer()
        stay_on_this_thread()
        with SingleThreaded():
            while os.getppid() == parent:
                pipe.send(describer.describe(pipe.recv()))
    except (EOFError, BrokenPipeError):
        return
    except SimsearchError as error:
        pipe.send(error)
