"""Keypoint votes that are looked up by Ray actors, one a file, so that no machine needs the memory for all of them.

An actor maps a file of the generation, which it finds where the generation lies, or fetches from the catalog's database
into a cache of its own machine; it serves nothing but what has the SHA-256 that the manifest says. It has a name, by
which all readers share it, takes no core, and claims as much memory as its file has bytes, so that Ray spreads them
over the machines that have it. A killed actor is started again by Ray. One that ended with the reader that had started
it is started again by the next that asks. Meanwhile an answer waits, for `_PATIENCE_S`, and is then refused by name.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from simsearch.core import ray_cluster
from simsearch.core.errors import EngineError, GenerationError, SimsearchError
from simsearch.core.types import Ids
from simsearch.indexes.keypoint_votes import Bits, Distances, Lists, VoteIndex, merged
from simsearch.indexes.manifest import VoteFacts

T = TypeVar("T")

_PATIENCE_S = 30.0
"""An actor that was lost is back after some seconds."""
_STARTING_S = 600.0
"""The first time it may have to fetch its file."""
_UNUSED_S = 24 * 3600.0


@dataclass(frozen=True)
class VoteSource:
    """Where the files of votes of a generation lie."""

    generation: str
    folder: str
    """Of the generation, in the home of who asks; an actor on another machine may not see it."""
    url: str = ""
    """Of the catalog's database, where it holds the files; empty where it does not."""


class Actor:
    """Serves one file. Errors of simsearch are answers: Ray would wrap them in its own."""

    def __init__(self, source: VoteSource, facts: VoteFacts) -> None:
        self.index: VoteIndex | None = None
        self.error: SimsearchError | None = None
        try:
            self.index = VoteIndex.load(file_of(source, facts), facts.dim)
        except SimsearchError as error:
            self.error = error

    def held(self) -> int | SimsearchError:
        """Number of descriptors."""
        return self._index(len)

    def lists(self, descriptors: Bits) -> Lists | SimsearchError | None:
        """As `VoteIndex.lists`."""
        return self._index(lambda index: index.lists(descriptors))

    def neighbours(
        self, descriptors: Bits, k: int, lists: Lists | SimsearchError | None
    ) -> tuple[Distances, Ids] | SimsearchError:
        """As `VoteIndex.neighbours`; `lists` is what the actor of the first file says."""
        if isinstance(lists, SimsearchError):
            return lists
        return self._index(lambda index: index.neighbours(descriptors, k, lists))

    def _index(self, ask: Callable[[VoteIndex], T]) -> T | SimsearchError:
        if self.index is not None:
            return ask(self.index)
        assert self.error is not None
        return self.error


def file_of(source: VoteSource, facts: VoteFacts) -> Path:
    """The file of a generation on this machine, with the content that was written.

    Raises:
        GenerationError: it is neither in its folder nor in the database, or damaged there.
    """
    folder = Path(source.folder)
    with suppress(GenerationError):
        facts.check(folder, full=False)
        return folder / facts.file
    if not source.url:
        raise GenerationError(f"{folder / facts.file}: is not on this machine, and not in the catalog's database")
    cache = Path.home() / ".cache" / "simsearch" / "votes"
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in cache.iterdir():  # an actor that still maps one goes on reading it
        if time.time() - old.stat().st_mtime > _UNUSED_S and not old.name.startswith(facts.sha256):
            old.unlink(missing_ok=True)
    held = cache / facts.sha256
    if not held.is_file() or held.stat().st_size != facts.bytes:
        _fetch(source, facts, held)
    os.utime(held)
    return held


def _fetch(source: VoteSource, facts: VoteFacts, held: Path) -> None:
    from simsearch.catalog import Catalog
    from simsearch.core.config import CatalogSettings
    from simsearch.indexes.stored_file import sha256

    catalog = Catalog(source.url, CatalogSettings())
    try:
        with tempfile.NamedTemporaryFile(dir=held.parent, prefix=f"{facts.sha256}.", delete=False) as stream:
            try:
                for part in catalog.shared.file(source.generation, facts.file):
                    stream.write(part)
                stream.flush()
                if sha256(Path(stream.name)) != facts.sha256:
                    raise GenerationError(f"generation {source.generation}: {facts.file} is damaged in the database")
                os.replace(stream.name, held)
            finally:
                Path(stream.name).unlink(missing_ok=True)
    except OSError as error:
        raise GenerationError(f"{held.parent}: cannot be written ({error.strerror})") from None
    finally:
        catalog.close()


class RayVotes:
    """The files of a generation, each in its actor, searched as if they were one index; see `keypoint_votes.Votes`."""

    def __init__(self, where: str, source: VoteSource, files: Sequence[VoteFacts]) -> None:
        """`where`: "ray" or "ray://HOST:PORT"; see `core.ray_cluster`. Comes back when every actor has its file.

        Raises:
            EngineError: an actor was not there after minutes.
            GenerationError: an actor cannot have its file, or it is not what was written.
        """
        self.where, self.source, self.files = where, source, files
        self.dim = files[0].dim
        self._actors: dict[int, Any] = {}
        self._count: int = sum(self._each("held", (), _STARTING_S))

    def __len__(self) -> int:
        """Number of descriptors."""
        return self._count

    def neighbours(self, descriptors: Bits, k: int) -> tuple[Distances, Ids]:
        """As `VoteIndex.neighbours`.

        Raises:
            EngineError: an actor does not answer.
            GenerationError: an actor was started again, and has not its file any more.
        """
        sent = np.ascontiguousarray(descriptors, np.uint8)
        return merged(self._each("neighbours", (sent, k), _PATIENCE_S, lists=True), k)

    def _each(self, method: str, given: tuple[Any, ...], patience: float, *, lists: bool = False) -> list[Any]:
        """What each actor answers to `method`, in the order of the files.

        `lists`: hand on what the first one says to `lists`; it goes from actor to actor, and not through this process.
        """
        ray, until = ray_cluster.connected(self.where), time.monotonic() + patience
        found: dict[int, Any] = {}
        while True:
            with ray_cluster.asked(self.where):
                wanted = [n for n in range(len(self.files)) if n not in found]
                shared: tuple[Any, ...] = ()
                if lists:
                    shared = (self._actor(ray, 0).lists.remote(given[0]) if len(self.files) > 1 else None,)
                asked = {n: getattr(self._actor(ray, n), method).remote(*given, *shared) for n in wanted}
            for n, reference in asked.items():
                answer = self._answer(ray, n, reference, max(0.1, until - time.monotonic()))
                if isinstance(answer, SimsearchError):
                    raise answer
                if answer is not None:
                    found[n] = answer
            lost = [facts.file for n, facts in enumerate(self.files) if n not in found]
            if not lost:
                return [found[n] for n in range(len(self.files))]
            if time.monotonic() >= until:
                raise EngineError(
                    f"{self.where}: the actor of {self.source.generation}/{lost[0]} has not answered for "
                    f"{patience:g} s; see `ray status`: is there a machine with the memory for it?"
                )
            time.sleep(0.2)

    def _answer(self, ray: Any, n: int, reference: Any, timeout: float) -> Any:
        """What an actor answered; None where it did not, or is gone with the reader that had started it."""
        from ray.exceptions import GetTimeoutError, RayError

        with ray_cluster.asked(self.where):
            try:
                return ray.get(reference, timeout=timeout)
            except GetTimeoutError:
                return None
            except RayError:
                self._actors.pop(n, None)
                return None

    def _actor(self, ray: Any, n: int) -> Any:
        if n not in self._actors:
            facts = self.files[n]
            # The name says what it holds: whoever asks for it has the same manifest.
            options = {
                "name": f"votes-{facts.sha256[:32]}", "get_if_exists": True, "num_cpus": 0, "memory": facts.bytes,
                "max_restarts": -1, "max_task_retries": -1, "max_concurrency": 4, "scheduling_strategy": "SPREAD",
            }  # fmt: skip
            self._actors[n] = ray.remote(Actor).options(**options).remote(self.source, facts)
        return self._actors[n]
