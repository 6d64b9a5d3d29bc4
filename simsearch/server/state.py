"""What the routes of one worker share. A route gets it by the dependency `Shared`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import Depends, Request

from simsearch.app import App
from simsearch.core.config import ServerSettings
from simsearch.server.access import Door
from simsearch.server.jobs import Jobs
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

    async def lightly(self, work: Callable[[], T]) -> T:
        """The result of `work`, which reads or writes a little, in a thread that answers no photos."""
        return await anyio.to_thread.run_sync(work, limiter=self.light)


def opened(app: App, settings: ServerSettings, rates: Rates) -> ServerState:
    """The state of a worker on `app`."""
    from simsearch.core.threads import cores

    threads = settings.threads or max(1, cores() // settings.workers)
    return ServerState(
        app, settings, Door(settings, Tokens(app.home)), rates, Jobs(threads, settings.queue),
        CapacityLimiter(LIGHT_THREADS),
    )  # fmt: skip


async def _shared(request: Request) -> ServerState:
    found: ServerState = request.app.state.server
    return found


Shared = Annotated[ServerState, Depends(_shared)]
