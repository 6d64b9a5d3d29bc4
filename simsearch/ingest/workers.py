"""Describing in other processes: chunks of photos go out, what was seen of them comes back in order.

The process that holds the writers' lock plans, and commits what comes back, as it does with its own threads: one
transaction after another, so that no photo is written twice however often it was described. A worker holds nothing. If
it is killed, or has held a chunk for longer than its lease, the chunk goes to another one; if a chunk is lost that way
twice, its photos go out one by one, and a photo that is lost twice alone is refused.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from simsearch.core.config import Config, ImageSettings
from simsearch.core.errors import ConfigError, ImageError, SimsearchError, WeightsError
from simsearch.core.stamps import Stamp
from simsearch.core.threads import SingleThreaded, cores, stay_on_this_thread
from simsearch.ingest.describing import Describer, Job, Seen

LOCAL = "local"
_LOST = 2
"""How often a chunk, and then a photo alone, may be lost."""


@dataclass(frozen=True)
class Recipe:
    """What a worker makes its methods from."""

    methods: Mapping[str, Mapping[str, Any]]
    """Name -> its settings, of all methods that are stored."""
    images: ImageSettings
    fingerprints: Mapping[str, str]
    """Name -> fingerprint in the process that plans: a worker must have the same."""

    def describer(self) -> Describer:
        """What describes photos.

        Raises:
            WeightsError: the methods here would write other descriptors than those of the process that plans.
        """
        from simsearch.features import create

        made = {name: create(name, settings) for name, settings in self.methods.items()}
        for name, method in made.items():
            if method.fingerprint != self.fingerprints[name]:
                raise WeightsError(
                    f"a worker has the {name} {method.fingerprint}, and {self.fingerprints[name]} is asked for; "
                    "install the same simsearch and the same weights everywhere"
                )
        return Describer(made, self.images)


class Workers(Protocol):
    """Describes elsewhere."""

    def run(self, jobs: Sequence[Job], recipe: Recipe, size: int) -> Iterator[Seen]:
        """What was seen of each job, in order; `size` photos at a time.

        Raises:
            SimsearchError: the settings or the weights are at fault, or nobody can work.
        """
        ...


def open_workers(config: Config) -> Workers | None:
    """Those that `indexing.describe_on` names; None: the threads of this process.

    Raises:
        ConfigError: it names nothing.
    """
    where = config.indexing.describe_on
    if not where:
        return None
    kind, _, count = where.partition(":")
    if kind != LOCAL or not (count == "" or (count.isdigit() and 1 <= int(count) <= 256)):
        raise ConfigError(f'indexing.describe_on = "{where}": must be "", "local", or "local:N" with N processes')
    return LocalWorkers(int(count or cores()), config.indexing.lease_s)


@dataclass
class _Chunk:
    """Photos that go out together, and how often they were lost."""

    start: int
    jobs: Sequence[Job]
    lost: int = 0


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    chunk: _Chunk | None = None
    until: float = 0.0


@dataclass
class _Results:
    """What came back, handed out in order."""

    seen: dict[int, Seen] = field(default_factory=dict)
    next: int = 0

    def ready(self) -> Iterator[Seen]:
        while self.next in self.seen:
            yield self.seen.pop(self.next)
            self.next += 1


class LocalWorkers:
    """Processes of this machine, each with its own methods. They end with the run, and with this process."""

    def __init__(self, count: int, lease_s: float) -> None:
        """`lease_s`: seconds that a worker may take for one photo, many times what any takes."""
        self.count, self.lease_s = count, lease_s

    def run(self, jobs: Sequence[Job], recipe: Recipe, size: int) -> Iterator[Seen]:
        """As `Workers.run`."""
        todo = deque(_Chunk(start, jobs[start : start + size]) for start in range(0, len(jobs), size))
        results = _Results()
        workers = [self._started(recipe) for _ in range(min(self.count, len(todo)))]
        try:
            while results.next < len(jobs):
                # What is ahead of the oldest photo that is still out is held in memory: no more than a few chunks.
                ahead = results.next + 4 * size * self.count
                for worker in workers:
                    if worker.chunk is None and todo and todo[0].start < ahead:
                        self._give(worker, todo.popleft())
                for worker in self._finished(workers):
                    if self._taken(worker, results):
                        continue
                    _end(worker)
                    workers[workers.index(worker)] = self._started(recipe)
                    if worker.chunk is not None:
                        todo.extendleft(reversed(_after_loss(worker.chunk, results)))
                yield from results.ready()
        finally:
            for worker in workers:
                _end(worker)

    def _started(self, recipe: Recipe) -> _Worker:
        context = multiprocessing.get_context("spawn")  # nothing of this process: no locks, threads or connections
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, recipe), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _give(self, worker: _Worker, chunk: _Chunk) -> None:
        worker.chunk = chunk
        worker.until = time.monotonic() + self.lease_s * len(chunk.jobs) + _STARTING_S
        try:
            worker.pipe.send(chunk.jobs)
        except OSError:  # it was killed: `_finished` sees so
            return

    def _finished(self, workers: Sequence[_Worker]) -> list[_Worker]:
        """Workers that have an answer, ended, or kept a chunk for too long."""
        left = min((w.until for w in workers if w.chunk is not None), default=time.monotonic()) - time.monotonic()
        signs = {sign: w for w in workers for sign in (w.pipe, w.process.sentinel)}
        told = {id(signs[s]) for s in wait(list(signs), timeout=max(0.0, left)) if s in signs}
        late = {id(w) for w in workers if w.chunk is not None and w.until < time.monotonic()}
        return [w for w in workers if id(w) in told | late]

    def _taken(self, worker: _Worker, results: _Results) -> bool:
        """Take in what a worker answers; False where it ended or is late."""
        try:
            if not worker.pipe.poll():
                return False
            answer = worker.pipe.recv()
        except (EOFError, OSError):
            return False
        if isinstance(answer, SimsearchError):
            raise answer
        assert worker.chunk is not None
        results.seen |= dict(enumerate(answer, worker.chunk.start))
        worker.chunk = None
        return True


_STARTING_S = 300.0
"""A worker that was just started loads its weights first."""


def _after_loss(chunk: _Chunk, results: _Results) -> list[_Chunk]:
    """What goes out again of a chunk that a worker did not bring back."""
    chunk.lost += 1
    if chunk.lost < _LOST:
        return [chunk]
    if len(chunk.jobs) > 1:
        return [_Chunk(chunk.start + i, [job]) for i, job in enumerate(chunk.jobs)]
    [job] = chunk.jobs
    text = f"{job.row.path}: every process that described it ended or took too long (a defect, or too little memory)"
    results.seen[chunk.start] = Seen(job, Stamp.of(job.row.path), None, error=ImageError("unexpected", text))
    return []


def _end(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.join()
    worker.pipe.close()


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
