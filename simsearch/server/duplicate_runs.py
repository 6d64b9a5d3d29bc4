"""Searches for duplicates whose groups are kept for reviewers: `server/duplicates/` in the home.

A search runs in a process of its own (`simsearch duplicates --keep`), started by the night, by hand or by
POST /v1/duplicates/runs. It writes how far it is, and at the end its groups, one a line. One runs at a time: it holds a
lock, which ends with it, so that a search that was killed is known to be dead.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

from simsearch.core.errors import CatalogError
from simsearch.core.files import replace as write
from simsearch.core.files import replacing

KEPT = 5
"""Searches whose groups are kept."""
_ID = re.compile(r"\d{8}T\d{12}Z")
_TELL_S = 1.0
_BEGINS_S = 60.0
"""Within which a process that searches tells of itself: the libraries have to be loaded first."""
_PROGRAM = "from simsearch.cli.main import main; main()"


@dataclass(frozen=True)
class Run:
    """One search."""

    id: str
    state: str
    """"running", "done" or "failed"."""
    started_at: str
    ended_at: str | None = None
    progress: float = 0.0
    """0 to 1."""
    groups: int | None = None
    look_alikes: int | None = None
    error: str | None = None


class DuplicateRuns:
    """The searches of one home."""

    def __init__(self, home: Path) -> None:
        self.home, self.folder = home, home / "server" / "duplicates"

    def all(self) -> list[Run]:
        """Those that are known, the newest first."""
        if not self.folder.is_dir():
            return []
        found = sorted((p.stem for p in self.folder.glob("*.json") if _ID.fullmatch(p.stem)), reverse=True)
        return [run for name in found if (run := self.get(name)) is not None]

    def get(self, name: str) -> Run | None:
        """The search of that id; None where there is none."""
        if not _ID.fullmatch(name):
            return None
        try:
            run = Run(**json.loads((self.folder / f"{name}.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        if run.state == "running" and not self.busy():
            return replace(run, state="failed", error="the search ended before it was done")
        return run

    def latest(self) -> Run | None:
        """The newest search that was completed."""
        return next((run for run in self.all() if run.state == "done"), None)

    def groups(self, run: Run) -> Iterator[dict[str, Any]]:
        """The groups and look-alikes of a completed search, in its order."""
        with (self.folder / f"{run.id}.jsonl").open("rb") as lines:
            for line in lines:
                yield json.loads(line)

    def busy(self) -> bool:
        """Whether a search is under way."""
        try:
            handle = os.open(self.folder / "lock", os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def start(self, options: Iterable[str]) -> Run | None:
        """Start a search in a process of its own; None where one is under way.

        `options`: of `simsearch`, before the command: home, settings, device.
        """
        if self.busy():
            return None
        known = {run.id for run in self.all()}
        command = [sys.executable, "-c", _PROGRAM, *options, "--quiet", "duplicates", "--keep"]
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "log").open("wb") as log:
            # In a session of its own: a worker that is reloaded leaves it alone.
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
            )
        Thread(target=process.wait, daemon=True).start()  # so that nothing is left of it when it has ended
        until = time.monotonic() + _BEGINS_S
        while time.monotonic() < until:
            if new := next((run for run in self.all() if run.id not in known), None):
                return new
            if process.poll() is not None:
                if self.busy():
                    return None  # another one was faster
                raise CatalogError(f"the search for duplicates did not start; {self.folder / 'log'} says why")
            time.sleep(0.05)
        raise CatalogError(f"the search for duplicates did not start within {_BEGINS_S:g} seconds")

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Note a search that is made within.

        Raises:
            CatalogError: another one is under way.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CatalogError("another search for duplicates is under way; wait for it to end") from None
            noted = Running(self.folder)
            try:
                yield noted
            except BaseException as error:
                noted.fail(error)
                raise
            finally:
                self._forget_old()
        finally:
            os.close(handle)

    def _forget_old(self) -> None:
        for run in self.all()[KEPT:]:
            for suffix in (".jsonl", ".json"):
                (self.folder / f"{run.id}{suffix}").unlink(missing_ok=True)


class Running:
    """A search that is under way."""

    def __init__(self, folder: Path) -> None:
        now = datetime.now(UTC)
        self.folder, self._told = folder, 0.0
        self.run = Run(f"{now:%Y%m%dT%H%M%S%f}Z", "running", _stamp())
        self._write()

    def progress(self, done: int, total: int, text: str) -> None:
        """How far it is; told to `find_duplicates`."""
        if time.monotonic() - self._told > _TELL_S:
            self._told = time.monotonic()
            self.run = replace(self.run, progress=round(done / max(1, total), 3))
            self._write()

    def done(self, groups: Iterable[Mapping[str, Any]], look_alikes: Iterable[Mapping[str, Any]]) -> None:
        """Keep what was found: the shapes of `views.json`."""
        counts = [0, 0]
        with replacing(self.folder / f"{self.run.id}.jsonl") as part, part.open("w", encoding="utf-8") as lines:
            for place, found in enumerate((groups, look_alikes)):
                for group in found:
                    lines.write(json.dumps({"id": group_id(group), **group}) + "\n")
                    counts[place] += 1
        self.run = replace(
            self.run, state="done", ended_at=_stamp(), progress=1.0, groups=counts[0], look_alikes=counts[1]
        )
        self._write()

    def fail(self, error: BaseException) -> None:
        """Note that it came to nothing, and why."""
        text = " ".join(str(error).split()) or type(error).__name__
        self.run = replace(self.run, state="failed", ended_at=_stamp(), error=text)
        with suppress(OSError):
            self._write()

    def _write(self) -> None:
        write(self.folder / f"{self.run.id}.json", json.dumps(asdict(self.run)), durable=False)


def group_id(group: Mapping[str, Any]) -> str:
    """Names a group by its kind and images: the same in the next search."""
    images = ",".join(str(image["id"]) for image in group["images"])
    return hashlib.sha256(f"{group['kind'] == 'look-alike'} {images}".encode()).hexdigest()[:16]


def _stamp() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
