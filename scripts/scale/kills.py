"""What the campaign of scripts/scale/faults kills (-9), and how it is started again. Runs in the servers' network."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psycopg
from scale import lab

POSTGRES = os.environ.get("SIMSEARCH_SCALE_POSTGRES", "")
PATIENCE_S = 240.0
"""After which what was started again must be well."""


def database(name: str) -> str:
    """The URL of a new database."""
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    return POSTGRES.rpartition("/")[0] + f"/{name}"


def kill_actor() -> None:
    """One process that describes, or looks votes up; of this network alone."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        if _reads(path).startswith(b"ray::Actor") and _network(path.parent) == _network(Path("/proc/self")):
            os.kill(int(path.parent.name), signal.SIGKILL)
            return


def kill_node() -> None:
    """One of the two machines that Ray believes in, with all that runs on it."""
    said = lab.said_ready("ray")
    assert said
    os.kill(int(said[0]), signal.SIGKILL)


def kill_milvus() -> None:
    """Milvus, with what hands its port on."""
    lab.end("milvus")


def kill_postgres() -> None:
    """PostgreSQL and all its processes."""
    lab.end("postgres")


def mend() -> None:
    """Start what does not run."""
    for name in ("postgres", "milvus"):
        if lab.pid_of(name) is None or not lab.running(lab.pid_of(name) or 0):
            lab.start(name)
    pid = lab.pid_of("ray")
    assert pid is not None
    log = lab.RUN / "ray.log"
    before = log.read_text(errors="replace").count("\nready")
    os.kill(pid, signal.SIGHUP)  # it puts new nodes in the place of dead ones, and says so
    until = time.monotonic() + 60
    while time.monotonic() < until and log.read_text(errors="replace").count("\nready") == before:
        time.sleep(0.5)


def _network(process: Path) -> str:
    try:
        return os.readlink(process / "ns/net")
    except OSError:
        return ""  # it has ended


def _reads(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # it has ended
