#!/usr/bin/env python3
"""Real photos are asked over HTTP while the home changes and a worker is killed: no answer may be wrong or lost.

    scripts/serve_campaign.py TABLE WORK --seconds 120 --clients 20 [--config FILE]

TABLE is a CSV (sku, image) of labelled photos. A part of the products is indexed by their first photo before the server
starts; the other photos of these products are asked by `simsearch.client`, as programs do. Meanwhile, in turn and over
and over:

- `index`: more products;
- `rebuild`: a new generation;
- `calibrate`: what is in force is written anew to the home, which every worker takes up;
- kill -9 of a worker; SIGHUP, which replaces the workers.

An answer is wrong where it is a MATCH with another product than the photo's. It is lost where the client, which asks
again where a connection breaks or the server is busy, gives up. Exit code 1 if there is any of either.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from threading import Event, Lock
from typing import Any

from bench.serve import ROOT, Server, quantiles

from simsearch import open_app
from simsearch.client import Client

PROGRAM = [sys.executable, "-c", "from simsearch.cli.main import main; main()"]
_PAUSE_S = 3.0
"""Between two changes of the home."""


@dataclass
class Seen:
    """What the clients saw."""

    seconds: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def ask(self, client: Client, photo: Path, sku: str) -> None:
        started = time.perf_counter()
        try:
            answer = client.query(photo, record=False)
        except Exception as error:  # whatever it is, the answer is lost
            with self.lock:
                self.lost.append(f"{photo.name}: {type(error).__name__}: {error}")
            return
        with self.lock:
            self.seconds.append(time.perf_counter() - started)
            self.outcomes[answer["decision"]] += 1
            if answer["decision"] == "match" and answer["sku"] != sku:
                self.wrong.append(f"{photo.name}: {answer['sku']} instead of {sku}")


def products(table: Path) -> dict[str, list[Path]]:
    """SKU -> its photos, in the order of the table."""
    found: dict[str, list[Path]] = defaultdict(list)
    with table.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            found[row["sku"]].append((table.parent / row["image"]).resolve())
    return found


def written(path: Path, rows: Sequence[tuple[str, Path]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([("sku", "image"), *rows])
    return path


class Changes:
    """The changes of the home, one after the other, over and over."""

    def __init__(self, home: Path, config: Path | None, server: Server, more: Sequence[Path]) -> None:
        """`more`: tables that are indexed, one after the other."""
        self.home, self.config, self.server = home, config, server
        self.done: Counter[str] = Counter()
        self.failed: list[str] = []
        self._tables = iter(more)

    def run(self, stop: Event) -> None:
        steps: Iterator[Callable[[], None]] = cycle(
            [self._index, self._rebuild, self._calibrate, self._kill, self._renew]
        )
        while not stop.wait(_PAUSE_S):
            step = next(steps)
            name = step.__name__.removeprefix("_")
            try:
                step()
                self.done[name] += 1
            except (OSError, subprocess.SubprocessError) as error:
                self.failed.append(f"{name}: {error}")

    def _simsearch(self, *arguments: str) -> None:
        options = ["--config", str(self.config)] if self.config else []
        command = [*PROGRAM, *options, "--home", str(self.home), "--quiet", *arguments]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)

    def _index(self) -> None:
        if (table := next(self._tables, None)) is not None:
            self._simsearch("index", str(table))

    def _rebuild(self) -> None:
        self._simsearch("rebuild")

    def _calibrate(self) -> None:
        with open_app(self.home, self.config) as app:
            app.calibration.save(self.home / "calibration.json")

    def _kill(self) -> None:
        pid = self.server.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        if len(children) > 1:  # one alone is being replaced
            os.kill(int(children[0]), signal.SIGKILL)

    def _renew(self) -> None:
        self.server.process.send_signal(signal.SIGHUP)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--products", type=int, default=40, help="indexed before the server starts, and asked")
    parser.add_argument("--config", type=Path)
    given = parser.parse_args()
    if given.work.exists():
        shutil.rmtree(given.work)
    given.work.mkdir(parents=True)
    every = products(given.table)
    several = {sku: photos for sku, photos in every.items() if len(photos) > 1}
    asked = dict(list(several.items())[: given.products])
    others = [(sku, photo) for sku, photos in every.items() if sku not in asked for photo in photos[:1]]
    first = written(given.work / "first.csv", [(sku, photos[0]) for sku, photos in asked.items()])
    more = [written(given.work / f"more{i}.csv", others[5 * i : 5 * i + 5]) for i in range(len(others) // 5)]
    questions = [(photo, sku) for sku, photos in asked.items() for photo in photos[1:]]
    home = given.work / "home"
    with open_app(home, given.config) as app:
        app.index([first])
        app.rebuild()
    seen, stop = Seen(), Event()
    with tempfile.TemporaryDirectory() as made:
        server = Server(home, given.config, given.workers, given.clients, Path(made))
        changes = Changes(home, given.config, server, more)
        memory = [server.memory_mib()]

        def ask(number: int) -> None:
            with Client(server.address, timeout_s=300, retries=20) as client:
                while not stop.is_set():
                    seen.ask(client, *questions[number % len(questions)])
                    number += given.clients

        with ThreadPoolExecutor(given.clients + 1) as pool:
            pool.submit(changes.run, stop)
            for number in range(given.clients):
                pool.submit(ask, number)
            until = time.monotonic() + given.seconds
            while time.monotonic() < until:
                time.sleep(min(5.0, given.seconds))
                memory.append(server.memory_mib())
            stop.set()
        ended = server.end()
    found: dict[str, Any] = {
        "answers": len(seen.seconds), "answers_per_s": round(len(seen.seconds) / given.seconds, 2),
        "outcomes": dict(seen.outcomes), "wrong": seen.wrong, "lost": seen.lost, **quantiles(seen.seconds),
        "changes": dict(changes.done), "failed": changes.failed, "memory_mib": memory, "ended": ended,
    }  # fmt: skip
    print(json.dumps(found, indent=1))
    sys.exit(bool(seen.wrong or seen.lost or changes.failed or ended or not seen.seconds))


if __name__ == "__main__":
    main()
