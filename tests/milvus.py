"""A Milvus server of the tests' own: reached on loopback, in a network namespace of its own (scripts/scale)."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.postgres import SCALE

_SCRIPT = SCALE.parent / "scripts" / "scale" / "milvus_server.py"
_PYTHON = SCALE / "milvus" / "bin" / "python"


def missing() -> str:
    """Why no server can be started here; empty where one can."""
    if importlib.util.find_spec("pymilvus") is None:
        return "pymilvus is not installed (pip install 'simsearch[milvus]')"
    if not _PYTHON.exists():
        return "there is no Milvus here (scripts/scale/setup)"
    return "" if os.geteuid() == 0 else "Milvus is only started by root, in a network namespace of its own"


class Server:
    """A server that can be killed and started again over the same data."""

    def __init__(self, data: Path) -> None:
        self.data = data
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """For `generations.url`."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [str(_PYTHON), str(_SCRIPT), str(self.data), str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True, cwd="/tmp")
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said.startswith("ready"), said

    def kill(self) -> None:
        """End it and what it started at once, as a crash would."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None


@contextmanager
def serving() -> Iterator[Server]:
    """Start a server, and end it."""
    data = SCALE / f"milvus-data-{os.getpid()}"
    server = Server(data)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(data, ignore_errors=True)
