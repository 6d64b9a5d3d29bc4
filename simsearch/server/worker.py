"""One worker: a process with a warm engine that accepts from the shared socket until it is told to end."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread

import uvicorn
from fastapi import FastAPI

from simsearch.app import App, open_app
from simsearch.core.config import ServerSettings
from simsearch.core.errors import CatalogError, GenerationError, SimsearchError
from simsearch.core.threads import SingleThreaded
from simsearch.server import logs
from simsearch.server.factory import create_app
from simsearch.server.protocol import Protocol
from simsearch.server.rates import Rates
from simsearch.server.sockets import BACKLOG

LOG = logging.getLogger("simsearch.server")
KEEP_ALIVE_S = 30
READY, FAILED = "ready", "failed"


@dataclass(frozen=True)
class Place:
    """What a worker works on. It travels to the process of its own."""

    home: str | None
    config: str | None
    device: str | None

    def opened(self) -> App:
        """The application."""
        return open_app(self.home, self.config, device=self.device)

    def options(self, app: App) -> list[str]:
        """Of the command line, for a process that works on the same."""
        config = self.config or os.environ.get("SIMSEARCH_CONFIG")
        given = {"--home": str(app.home), "--config": config, "--device": self.device}
        return [word for name, value in given.items() if value for word in (name, str(value))]


def work(place: Place, settings: ServerSettings, rates: str, sockets: list[socket.socket], parent: Connection) -> None:
    """Run a worker: the target of its process. `rates`: the file of `Rates`; `parent` is told "ready" or "failed"."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the supervisor's
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until uvicorn takes over
    logs.to_stderr(settings.log)
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        # All its life, and not from answer to answer: with each change of their number OpenBLAS's threads spin for tens
        # of milliseconds, which took twice what the answers themselves did (docs/benchmarks.md).
        with SingleThreaded(), place.opened() as app:
            _prepared(app)
            made = create_app(
                app, settings, Rates(settings.rate_per_s, settings.burst, Path(rates)), place.options(app)
            )
            signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it again when it is done
            made.state.when_ready = lambda: _ready(parent)
            uvicorn.Server(listening(made, settings)).run(sockets=sockets)
    except SimsearchError as error:
        parent.send((FAILED, error.exit_code, str(error)))
        sys.exit(error.exit_code)


def listening(made: FastAPI, settings: ServerSettings) -> uvicorn.Config:
    """How uvicorn serves the application: its own log, headers and trust in proxies are left to ours."""
    return uvicorn.Config(
        made, http=Protocol, ws="none", lifespan="on", log_config=None, access_log=False, server_header=False,
        proxy_headers=False, timeout_keep_alive=KEEP_ALIVE_S, timeout_graceful_shutdown=int(settings.grace_s) or 1,
        backlog=BACKLOG,
    )  # fmt: skip


def _prepared(app: App) -> None:
    try:
        readiness = app.prepare()
    except (CatalogError, GenerationError) as error:
        LOG.warning("not ready: %s", error)  # it is asked again at every question, and may come
        return
    LOG.info(
        "ready", extra={
            "generation": readiness.generation, "images": readiness.images, "seconds": round(readiness.seconds, 2),
        },
    )  # fmt: skip


def _ready(parent: Connection) -> None:
    parent.send((READY, 0, ""))
    Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Connection) -> None:
    """End when the supervisor has gone, however it went."""
    try:
        parent.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
