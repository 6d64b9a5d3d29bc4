"""Workers that are Ray actors, on whatever machines the cluster has.

The content of a photo is sent along with its chunk, so that the machines need no folder in common and none of them can
describe another file that has the same path there. Where all of them see the same folders, `indexing.send_photos =
false` lets each read for itself.

An actor takes one core, and the share of a GPU that `indexing.worker_gpus` says. It is started by nobody but this run,
is replaced when it is lost, and ends with the run, or with this process.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from simsearch.core import ray_cluster
from simsearch.core.errors import EngineError, SimsearchError, SourceError
from simsearch.core.threads import SingleThreaded, stay_on_this_thread
from simsearch.ingest.describing import Describer, Job, Photo, Seen, photo_of
from simsearch.ingest.workers import STARTING_S, LeasedWorkers, Recipe

_MOST = 256
"""Actors that are started at most."""
_POLL_S = 5.0
_FETCH_S = 60.0
"""To bring an answer that is there to this machine."""
_STARTS = 12


class Actor:
    """What runs in the cluster. Errors of simsearch are answers: Ray would wrap them in its own."""

    def __init__(self) -> None:
        self.describer: Describer | None = None

    def begin(self, recipe: Recipe) -> SimsearchError | None:
        """Load the methods."""
        try:
            stay_on_this_thread()
            self.describer = recipe.describer()
        except SimsearchError as error:
            return error
        return None

    def describe(self, chunk: Sequence[Job | Photo]) -> tuple[str, list[Seen] | SimsearchError]:
        """The name of the machine, and what was seen."""
        assert self.describer is not None
        try:
            with SingleThreaded():
                return socket.gethostname(), self.describer.describe(chunk)
        except SimsearchError as error:
            return socket.gethostname(), error


class RayWorker:
    """The handle of one actor, and what it was asked last."""

    def __init__(self, cluster: RayWorkers, recipe: Recipe) -> None:
        self.cluster, self.recipe = cluster, recipe
        self.ready = False
        self.begun = time.monotonic()
        with ray_cluster.asked(cluster.where):
            self.actor = cluster.actors.remote()
            self.asked: Any = self.actor.begin.remote(recipe)

    def give(self, jobs: Sequence[Job]) -> None:
        """As `workers.Worker.give`."""
        images = self.recipe.images
        chunk: list[Job | Photo] = [photo_of(job, images) for job in jobs] if self.cluster.send else [*jobs]
        with ray_cluster.asked(self.cluster.where):
            self.asked = self.actor.describe.remote(chunk)

    def answer(self) -> list[Seen] | None:
        """As `workers.Worker.answer`."""
        from ray.exceptions import RayError

        cluster = self.cluster
        with ray_cluster.asked(cluster.where):
            if not cluster.ray.wait([self.asked], timeout=0)[0]:
                return None  # its lease is over
            try:
                found = cluster.ray.get(self.asked, timeout=_FETCH_S)
            except RayError as error:  # its process or its machine ended
                if not self.ready:
                    cluster.failed(error)
                return None
        self.asked = None
        if self.ready:
            return self._seen(*found)
        if found is not None:
            raise found
        self.ready = True
        cluster.starts_failed = 0
        return []

    def _seen(self, host: str, answer: list[Seen] | SimsearchError) -> list[Seen]:
        if isinstance(answer, SimsearchError):
            raise answer
        for seen in answer:
            if seen.error is not None and seen.error.code == "missing" and Path(seen.job.row.path).exists():
                raise SourceError(
                    f"{seen.job.row.path}: is not there on {host}, where a worker runs; put the folder there under the "
                    "same path, or set indexing.send_photos = true"
                )
        return answer

    def end(self) -> None:
        """As `workers.Worker.end`."""
        with suppress(EngineError), ray_cluster.asked(self.cluster.where):
            self.cluster.ray.kill(self.actor)


class RayWorkers(LeasedWorkers):
    """Actors of a Ray cluster; as many as it has cores, or shares of GPUs, when the run begins."""

    def __init__(self, where: str, lease_s: float, *, gpus: float = 0.0, send: bool = True) -> None:
        """
        Args:
            where: "ray" or "ray://HOST:PORT"; see `core.ray_cluster`.
            lease_s: as of `LeasedWorkers`.
            gpus: share of a GPU that an actor takes; several take one where it is below 1.
            send: send the content of photos; False: every machine sees them under the same paths.
        """
        super().__init__(lease_s)
        self.where, self.gpus, self.send = where, gpus, send
        self.starts_failed = 0
        self.ray: Any = None
        self.actors: Any = None

    def count(self) -> int:
        """As `LeasedWorkers.count`.

        Raises:
            EngineError: the cluster does not answer, or has no core or GPU for it.
        """
        self.ray = ray_cluster.connected(self.where)
        # Not restarted by Ray: what it was describing is given out again here, by the same rule as everywhere.
        self.actors = self.ray.remote(num_cpus=1, num_gpus=self.gpus, max_restarts=0)(Actor)
        with ray_cluster.asked(self.where):
            there = self.ray.cluster_resources()
        room = int(there.get("CPU", 0))
        if self.gpus:
            shares = there.get("GPU", 0) // self.gpus if self.gpus >= 1 else there.get("GPU", 0) * (1 // self.gpus)
            room = min(room, int(shares))
        if not room:
            wanted = f"a core and {self.gpus:g} of a GPU" if self.gpus else "a core"
            raise EngineError(f"{self.where}: no machine has {wanted} (indexing.worker_gpus); see `ray status`")
        return min(_MOST, room)

    def start(self, recipe: Recipe) -> RayWorker:
        """As `LeasedWorkers.start`."""
        return RayWorker(self, recipe)

    def wait(self, workers: Sequence[RayWorker], timeout: float) -> Iterable[RayWorker]:
        """As `LeasedWorkers.wait`.

        Raises:
            EngineError: the cluster does not answer, or nobody could be started for minutes.
        """
        asked = {w.asked: w for w in workers if w.asked is not None}
        late = time.monotonic() - STARTING_S
        if not any(w.ready for w in workers) and all(w.begun < late for w in workers):
            raise EngineError(f"{self.where}: no worker could be started in {STARTING_S:.0f} s; see `ray status`")
        if not asked:
            time.sleep(min(timeout, _POLL_S))
            return []
        with ray_cluster.asked(self.where):
            told, _ = self.ray.wait(list(asked), num_returns=1, timeout=min(timeout, _POLL_S))
        return [asked[reference] for reference in told]

    def failed(self, error: Exception) -> None:
        """A worker ended before it was ready; that goes on for some time, and no longer.

        Raises:
            EngineError: none of the last ones was ever ready.
        """
        self.starts_failed += 1
        if self.starts_failed >= _STARTS:
            reason = " ".join(str(error).split())[-300:]
            raise EngineError(f"{self.where}: {_STARTS} workers in a row ended before they were ready ({reason})")
