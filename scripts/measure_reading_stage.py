#!/usr/bin/env python3
"""Measure the second stage of indexing: photos a second, processor time and memory, and what a kill costs.

    python scripts/measure_reading_stage.py TABLE [--photos 200] [--workers 2] [--kill]

TABLE is a source with `sku` and `image` (and `split`, of which only `train` is taken). Its first photos are indexed in
a home of its own without reading, then read. With `--kill` the reading process is killed (SIGKILL) in the middle, and
the rest is read by another one. Processor time is of all threads, so that a busy machine distorts it little.
"""

from __future__ import annotations

import argparse
import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from simsearch.app import App
from simsearch.core.config import Config, load_config


def settings(workers: int) -> Config:
    """The defaults, with so many threads."""
    config = load_config()[0]
    return replace(config, indexing=replace(config.indexing, workers=workers))


def listed(table: Path, photos: int) -> list[tuple[str, Path]]:
    """SKU and path of the first training photos."""
    with table.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row.get("split", "train") == "train"]
    return [(row["sku"], (table.parent / row["image"]).absolute()) for row in rows[:photos]]


def resident() -> float:
    """Of this process, in MiB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def read(app: App, every: int) -> None:
    """Read what is unread, and print pace and memory."""
    begun, wall = time.process_time(), time.perf_counter()

    def progress(done: int, total: int, text: str) -> None:
        if done % every == 0 or done == total:
            spent = (time.process_time() - begun) / done
            print(f"{done} of {total}: {resident():.0f} MiB, {spent:.3f} s of processor a photo; {text}", flush=True)

    report = app.read_print(progress=progress)
    took = time.perf_counter() - wall
    print(f"read {report.read}, failed {len(report.failed)}, left {report.left}, {report.read / took:.2f} a second")


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.home:  # the child of --kill
        with App(given.home, settings(given.workers), {}) as app:
            read(app, 10)
        return
    with tempfile.TemporaryDirectory() as folder:
        home, source = Path(folder) / "home", Path(folder) / "catalog.csv"
        with source.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([("sku", "image"), *listed(given.table, given.photos)])
        with App(home, settings(given.workers), {}) as app:
            app.index([source], reading=False)
        if given.kill:
            command = [sys.executable, __file__, str(given.table), "--home", str(home), "--workers", str(given.workers)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
                assert child.stdout is not None
                while int(child.stdout.readline().split()[0]) < given.photos // 2:
                    pass
                child.send_signal(signal.SIGKILL)
        with App(home, settings(given.workers), {}) as app:
            printed = app.status().printed
            assert printed is not None
            print(f"{printed.read} read, {printed.unread} to be read, {printed.left_out} of loose pills")
            read(app, 25)


if __name__ == "__main__":
    main()
