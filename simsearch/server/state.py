"""What the routes of one worker share. A route gets it by the dependency `Shared`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Annotated, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import Depends, Request

from simsearch.app import App
from simsearch.core.config import ServerSettings
from simsearch.server.access import Door
from simsearch.server.audit import Audit
from simsearch.server.idempotency import Answers
from simsearch.server.jobs import Jobs
from simsearch.server.photos import KeptPhotos
from simsearch.server.pictures import Thumbnails
from simsearch.server.rates import Rates
from simsearch.server.tokens import Tokens

T = TypeVar("T")
LIGHT_THREADS = 8
"""Threads that read and write the catalog, or make thumbnails, beside those that answer photos."""


@dataclass
class ServerState:
    """The application of a worker, and what stands before it. `app` has engine, catalog and settings."""

    app: App
    settings: ServerSettings
    door: Door
    rates: Rates
    jobs: Jobs
    light: CapacityLimiter
    photos: KeptPhotos
    thumbnails: Thumbnails
    options: Sequence[str]
    """Of the command line, for a process that works on the same home with the same settings."""
    _audit: Audit | None = None
    _answers: Answers | None = None
    _opening: Lock = field(default_factory=Lock)

    @property
    def audit(self) -> Audit:
        """Who changed what. The home is written to when it is first needed, and not before."""
        with self._opening:
            if self._audit is None:
                self._audit = Audit(self.app.home / "server" / "audit.db")
            return self._audit

    @property
    def answers(self) -> Answers:
        """Answers to requests with an Idempotency-Key."""
        with self._opening:
            if self._answers is None:
                self._answers = Answers(self.app.home / "server" / "requests.db")
            return self._answers

    def close(self) -> None:
        """Wait for what was begun, and close what was opened here. The application stays open."""
        self.jobs.close()
        for opened in (self._audit, self._answers):
            if opened is not None:
                opened.close()

    async def lightly(self, work: Callable[[], T]) -> T:
        """The result of `work`, which reads or writes a little, in a thread that answers no photos."""
        return await anyio.to_thread.run_sync(work, limiter=self.light)


def opened(app: App, settings: ServerSettings, rates: Rates, options: Sequence[str]) -> ServerState:
    """The state of a worker on `app`."""
    from simsearch.core.threads import cores

    threads = settings.threads or max(1, cores() // settings.workers)
    return ServerState(
        app, settings, Door(settings, Tokens(app.home)), rates,
        Jobs(threads, settings.queue, settings.answer_timeout_s),
        CapacityLimiter(LIGHT_THREADS), KeptPhotos(app.home, settings), Thumbnails(app), options,
    )  # fmt: skip


async def _shared(request: Request) -> ServerState:
    found: ServerState = request.app.state.server
    return found


Shared = Annotated[ServerState, Depends(_shared)]
