"""Starts workers, replaces those that die, and renews them one by one on SIGHUP: a new one is warm before an old ends.

They share one listening socket, which the supervisor holds: a connection that no worker has accepted yet outlives all
of them.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event

from simsearch.core.config import ServerSettings
from simsearch.core.errors import SimsearchError
from simsearch.server import logs
from simsearch.server.rates import Rates
from simsearch.server.sockets import check_exposed, listening, seen_by
from simsearch.server.tokens import Tokens
from simsearch.server.worker import READY, Place, work

LOG = logging.getLogger("simsearch.server")
_START_S = 600.0
"""Within which a worker must be ready."""
_TICK_S = 0.1
_SHORT_S = 30.0
"""A worker that dies sooner is replaced with a delay that doubles."""
_MOST_DELAY_S = 60.0


@dataclass
class _Worker:
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    began: float = field(default_factory=time.monotonic)
    ready: bool = False
    problem: str = ""
    exit_code: int = 1

    def listen(self) -> None:
        """Take down what it says of itself."""
        with suppress(EOFError, OSError):
            while self.pipe.poll():
                word, code, text = self.pipe.recv()
                if word == READY:
                    self.ready = True
                else:
                    self.problem, self.exit_code = text, code


def serve(place: Place, change: Callable[[ServerSettings], ServerSettings] = lambda settings: settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        place: home and settings.
        change: of the settings of the server by flags, applied whenever they are read.

    Raises:
        ConfigError: an address that must not, or cannot, be listened on.
        SimsearchError: the first worker cannot start.
    """
    with place.opened() as app:
        settings, home = change(app.config.server), app.home
    logs.to_stderr(settings.log)
    with listening(settings) as sockets:
        settings = seen_by(sockets, settings)
        check_exposed(settings, Tokens(home))
        folder = Path(tempfile.mkdtemp(prefix="simsearch-"))
        try:
            _Supervisor(place, settings, change, sockets, folder).run()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class _Supervisor:
    def __init__(
        self,
        place: Place,
        settings: ServerSettings,
        change: Callable[[ServerSettings], ServerSettings],
        sockets: list[socket.socket],
        folder: Path,
    ) -> None:
        self.place, self.settings, self.change, self.sockets = place, settings, change, sockets
        self.rates = folder / "rates"
        Rates.make(self.rates)
        metrics = folder / "metrics"
        metrics.mkdir()
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        self.workers: list[_Worker] = []
        self.stopping, self.reloading = Event(), Event()
        self._spawn = multiprocessing.get_context("spawn")
        self._delay, self._again_at = 0.0, 0.0

    def run(self) -> None:
        """Until it is told to end."""
        handlers = {
            signal.SIGTERM: lambda *_: self.stopping.set(), signal.SIGINT: lambda *_: self.stopping.set(),
            signal.SIGHUP: lambda *_: self.reloading.set(),
        }  # fmt: skip
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            self._begin()
            while not self.stopping.wait(_TICK_S):
                self._replace_dead()
                if self.reloading.is_set():
                    self.reloading.clear()
                    self._reload()
        finally:
            notify("STOPPING=1")
            self._end(self.workers)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _begin(self) -> None:
        self.workers = [self._started() for _ in range(self.settings.workers)]
        for worker in self.workers:
            if not self._awaited(worker) and not self.stopping.is_set():
                error = SimsearchError(worker.problem or "a worker could not start; the lines above say why")
                error.exit_code = worker.exit_code
                raise error
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        where = f"http://{host}:{self.settings.port}"
        LOG.info("serving", extra={"address": where, "workers": len(self.workers)})
        notify("READY=1")

    def _started(self) -> _Worker:
        ours, theirs = self._spawn.Pipe()
        given = self.place, self.settings, str(self.rates), self.sockets, theirs
        process = self._spawn.Process(target=work, args=given, name="simsearch-worker")
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _awaited(self, worker: _Worker) -> bool:
        """Whether a worker that was started is ready, now or soon."""
        while time.monotonic() - worker.began < _START_S and not self.stopping.is_set():
            worker.listen()
            if worker.ready or not worker.process.is_alive():
                break
            time.sleep(_TICK_S / 2)
        worker.listen()
        return worker.ready

    def _replace_dead(self) -> None:
        for place, worker in enumerate(self.workers):
            worker.listen()
            if worker.process.is_alive() or time.monotonic() < self._again_at:
                continue
            code = worker.process.exitcode
            LOG.error(
                "a worker died", extra={"worker": worker.process.pid, "code": code, "why": worker.problem or None}
            )
            self._buried(worker)
            short = time.monotonic() - worker.began < _SHORT_S
            self._delay = min(_MOST_DELAY_S, max(1.0, 2 * self._delay)) if short else 0.0
            self._again_at = time.monotonic() + self._delay
            self.workers[place] = self._started()

    def _reload(self) -> None:
        """Renew all workers, with the settings as they are now. What cannot start leaves the old ones as they are."""
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        LOG.info("renewing the workers")
        try:
            with self.place.opened() as app:
                fresh = replace(self.change(app.config.server), host=self.settings.host, port=self.settings.port)
                check_exposed(fresh, Tokens(app.home))
        except SimsearchError as error:
            LOG.error("the settings cannot be used, and the old ones stay: %s", error)
            notify("READY=1")
            return
        before, self.settings = self.settings, fresh
        for number in range(max(fresh.workers, len(self.workers))):
            old = self.workers[number] if number < len(self.workers) else None
            if number < fresh.workers:
                new = self._started()
                if not self._awaited(new):
                    LOG.error("a new worker could not start, and the old ones stay: %s", new.problem)
                    self._end([new])
                    self.settings = before
                    break
                self.workers[number : number + 1] = [new]
            if old is not None:
                self._end([old])
        else:
            del self.workers[fresh.workers :]
            LOG.info("renewed", extra={"workers": len(self.workers)})
        notify("READY=1")

    def _end(self, workers: list[_Worker]) -> None:
        for worker in workers:
            if worker.process.is_alive():
                worker.process.terminate()
        until = time.monotonic() + self.settings.grace_s + 10
        for worker in workers:
            worker.process.join(max(0.1, until - time.monotonic()))
            if worker.process.is_alive():
                LOG.error("a worker did not end in time", extra={"worker": worker.process.pid})
                worker.process.kill()
                worker.process.join()
            self._buried(worker)

    @staticmethod
    def _buried(worker: _Worker) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        worker.pipe.close()
        if worker.process.pid is not None:
            mark_process_dead(worker.process.pid)  # type: ignore[no-untyped-call]


def notify(text: str) -> None:
    """Tell systemd, where it asked to be told (sd_notify(3))."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), address)
