"""Describing in other processes: chunks of photos go out, what was seen of them comes back in order.

The process that holds the writers' lock plans, and commits what comes back, as it does with its own threads: one
transaction after another, so that no photo is written twice however often it was described. A worker holds nothing. If
it is killed, or has held a chunk for longer than its lease, the chunk goes to another one; if a chunk is lost that way
twice, its photos go out one by one, and a photo that is lost twice alone is refused.

`LeasedWorkers` is that rule. What a worker is, a process of this machine or a Ray actor, is told by the modules beside.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from simsearch.core.config import Config, ImageSettings
from simsearch.core.errors import ConfigError, ImageError, WeightsError
from simsearch.core.ray_cluster import is_ray
from simsearch.core.stamps import Stamp
from simsearch.core.threads import cores
from simsearch.ingest.describing import Describer, Job, Seen

LOCAL = "local"
STARTING_S = 300.0
"""A worker that was just started loads its weights first."""
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
        ConfigError: it names nothing, or Ray, which is not installed.
    """
    settings = config.indexing
    where = settings.describe_on
    if not where:
        return None
    if is_ray(where):
        from simsearch.ingest.ray_workers import RayWorkers

        return RayWorkers(where, settings.lease_s, gpus=settings.worker_gpus, send=settings.send_photos)
    kind, _, count = where.partition(":")
    if kind != LOCAL or not (count == "" or (count.isdigit() and 1 <= int(count) <= 256)):
        raise ConfigError(
            f'indexing.describe_on = "{where}": must be "", "local", "local:N" with N processes, "ray" or '
            '"ray://HOST:PORT"'
        )
    from simsearch.ingest.local_workers import LocalWorkers

    return LocalWorkers(int(count or cores()), settings.lease_s)


class Worker(Protocol):
    """One that describes a chunk at a time."""

    @property
    def ready(self) -> bool:
        """Whether a chunk may be given to it."""
        ...

    def give(self, jobs: Sequence[Job]) -> None:
        """Let it describe these. Whether it still lives shows when it is asked for its answer."""
        ...

    def answer(self) -> list[Seen] | None:
        """What it has seen; empty where it only says that it is ready; None where it ended.

        Raises:
            SimsearchError: the settings or the weights are at fault.
        """
        ...

    def end(self) -> None:
        """End it, whatever it does."""
        ...


@dataclass
class _Chunk:
    """Photos that go out together, and how often they were lost."""

    start: int
    jobs: Sequence[Job]
    lost: int = 0


@dataclass
class _Slot:
    """A worker with the chunk that it holds, and until when."""

    worker: Any
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


class LeasedWorkers(ABC):
    """Gives chunks out, takes answers in, and gives out again what was lost."""

    def __init__(self, lease_s: float) -> None:
        """`lease_s`: seconds that a worker may take for one photo, many times what any takes."""
        self.lease_s = lease_s

    @abstractmethod
    def count(self) -> int:
        """How many workers there can be."""

    @abstractmethod
    def start(self, recipe: Recipe) -> Worker:
        """A new worker."""

    @abstractmethod
    def wait(self, workers: Sequence[Any], timeout: float) -> Iterable[Any]:
        """Those of `workers` that have an answer, or ended; after `timeout` seconds none."""

    def run(self, jobs: Sequence[Job], recipe: Recipe, size: int) -> Iterator[Seen]:
        """As `Workers.run`."""
        todo = deque(_Chunk(start, jobs[start : start + size]) for start in range(0, len(jobs), size))
        results = _Results()
        slots: list[_Slot] = []
        try:
            count = min(self.count(), len(todo)) if todo else 0
            slots += [_Slot(self.start(recipe)) for _ in range(count)]
            while results.next < len(jobs):
                # What is ahead of the oldest photo that is still out is held in memory: no more than a few chunks.
                ahead = results.next + 4 * size * count
                for slot in slots:
                    if slot.chunk is None and slot.worker.ready and todo and todo[0].start < ahead:
                        self._give(slot, todo.popleft())
                for slot in self._finished(slots):
                    if self._taken(slot, results):
                        continue
                    slot.worker.end()
                    slots[slots.index(slot)] = _Slot(self.start(recipe))
                    if slot.chunk is not None:
                        todo.extendleft(reversed(_after_loss(slot.chunk, results)))
                yield from results.ready()
        finally:
            for slot in slots:
                slot.worker.end()

    def _give(self, slot: _Slot, chunk: _Chunk) -> None:
        slot.chunk = chunk
        slot.until = time.monotonic() + self.lease_s * len(chunk.jobs) + STARTING_S
        slot.worker.give(chunk.jobs)

    def _finished(self, slots: Sequence[_Slot]) -> list[_Slot]:
        """Slots of workers that have an answer, ended, or kept a chunk for too long."""
        soon = min((s.until for s in slots if s.chunk is not None), default=time.monotonic() + 1.0) - time.monotonic()
        told = {id(worker) for worker in self.wait([s.worker for s in slots], max(0.0, soon))}
        late = {id(s.worker) for s in slots if s.chunk is not None and s.until < time.monotonic()}
        return [s for s in slots if id(s.worker) in told | late]

    def _taken(self, slot: _Slot, results: _Results) -> bool:
        """Take in what a worker answers; False where it ended or is late."""
        answer: list[Seen] | None = slot.worker.answer()
        if answer is None:
            return False
        if slot.chunk is not None:
            results.seen |= dict(enumerate(answer, slot.chunk.start))
            slot.chunk = None
        return True


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
