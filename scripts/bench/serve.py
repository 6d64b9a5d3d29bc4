"""The server under load, beside the engine without it, on one machine.

    python scripts/bench/serve.py HOME PHOTO... [--config FILE] [--seconds 120] [--clients 20] [--workers 2] [--json F]

- **Overhead**: each photo is asked of the engine in this process and over HTTP, in turns, so that what else the machine
  does falls on both; the median of the differences. Records are off.
- **Throughput**: the clients ask without a pause, against `App.query` with all photos in one call before and after.
- **Half load**: requests begin at half of that rate, whatever becomes of them; p50 and p99.
- **Refusals**: twice as many clients as there are places; how long a refusal takes, and whether anything else failed.
- **Memory**: of all workers, from the first to the last second.

Times are wall clock: run it on a machine that does nothing else, and name the machine beside the figures. Processor
time, of all threads, says more where that cannot be had.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from threading import Event, Lock
from typing import Any

import httpx
import numpy as np

from simsearch import App, open_app

ROOT = Path(__file__).resolve().parents[2]
QUERY = "/v1/queries?record=false"
JPEG = {"Content-Type": "image/jpeg"}
_MIB = 1 << 20


@dataclass
class Load:
    """What clients saw."""

    seconds: list[float] = field(default_factory=list)
    """Of answers."""
    refused: list[float] = field(default_factory=list)
    """Seconds that refusals (503 with Retry-After) took."""
    others: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)

    def ask(self, client: httpx.Client, photo: bytes) -> None:
        started = time.perf_counter()
        try:
            response = client.post(QUERY, content=photo, headers=JPEG)
            took, status = time.perf_counter() - started, str(response.status_code)
        except httpx.HTTPError as error:
            took, status = 0.0, type(error).__name__
        with self.lock:
            if status == "200":
                self.seconds.append(took)
            elif status == "503" and "retry-after" in response.headers:
                self.refused.append(took)
            else:
                self.others[status] += 1


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    p50, p95, p99 = (float(np.quantile(seconds, q)) * 1e3 for q in (0.5, 0.95, 0.99))
    return {"p50_ms": round(p50, 1), "p95_ms": round(p95, 1), "p99_ms": round(p99, 1)}


# -- the server --------------------------------------------------------------------------------------------------------


class Server:
    """`simsearch serve` as a process."""

    def __init__(self, home: Path, config: Path | None, workers: int, queue: int, folder: Path) -> None:
        text = config.read_text(encoding="utf-8") if config else ""
        table = "" if "[server]" in text else "\n[server]\n"
        settings = folder / f"settings-{workers}-{queue}.toml"
        settings.write_text(f"{text}{table}rate_per_s = 0.0\nqueue = {queue}\nlog = 'json'\n", encoding="utf-8")
        command = [sys.executable, "-c", "from simsearch.cli.main import main; main()", "--config", str(settings)]
        command += ["--home", str(home), "serve", "--port", "0", "--workers", str(workers)]
        self.log = folder / "log"
        with self.log.open("wb") as stream:
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            self.process = subprocess.Popen(command, stderr=stream, env=environment)
        self.address = self._address()

    def _address(self) -> str:
        while self.process.poll() is None:
            for line in self.log.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError):
                    told = json.loads(line)
                    if told["message"] == "serving":
                        return str(told["address"])
            time.sleep(0.2)
        sys.exit(self.log.read_text(encoding="utf-8"))

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=300)

    def memory_mib(self) -> float:
        """Resident memory of the workers; shared pages count in each."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        pages = 0
        for child in children.split():
            with suppress(OSError):
                pages += int(Path(f"/proc/{child}/statm").read_text(encoding="ascii").split()[1])
        return round(pages * os.sysconf("SC_PAGE_SIZE") / _MIB, 1)

    def processor_s(self) -> float:
        """Processor time that the workers have taken."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        ticks = 0
        for child in children.split():
            with suppress(OSError):
                ticks += sum(
                    map(int, Path(f"/proc/{child}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13])
                )
        return ticks / os.sysconf("SC_CLK_TCK")

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)


# -- measurements ------------------------------------------------------------------------------------------------------


def overhead(app: App, server: Server, photos: Sequence[bytes], count: int) -> dict[str, Any]:
    """Milliseconds that a photo takes over HTTP beyond the engine, median of pairs."""
    inside, outside, own, theirs = list[float](), list[float](), 0.0, 0.0
    with server.client() as client:
        for number in range(count + 4):
            photo = photos[number % len(photos)]
            if number == 4:  # the first ones warm up
                theirs, own = -server.processor_s(), 0.0
            used, started = time.process_time(), time.perf_counter()
            app.query([photo], record=False)
            own += time.process_time() - used
            middle = time.perf_counter()
            client.post(QUERY, content=photo, headers=JPEG).raise_for_status()
            if number >= 4:
                inside.append(middle - started)
                outside.append(time.perf_counter() - middle)
    theirs += server.processor_s()
    differences = [b - a for a, b in zip(inside, outside, strict=True)]
    return {
        "pairs": count, "engine_p50_ms": round(median(inside) * 1e3, 2), "http_p50_ms": round(median(outside) * 1e3, 2),
        "overhead_p50_ms": round(median(differences) * 1e3, 2),
        "engine_processor_ms": round(own / count * 1e3, 2), "http_processor_ms": round(theirs / count * 1e3, 2),
    }  # fmt: skip


def engine_rate(app: App, photos: Sequence[bytes], seconds: float) -> tuple[float, float]:
    """Photos a second of `App.query` with many photos, and the seconds of processor time that one takes."""
    many = [photos[n % len(photos)] for n in range(32)]
    app.query(many, record=False)
    done, started, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - started < seconds:
        app.query(many, record=False)
        done += len(many)
    return done / (time.perf_counter() - started), (time.process_time() - used) / done


def full_load(server: Server, photos: Sequence[bytes], clients: int, seconds: float) -> tuple[Load, list[float]]:
    """`clients` ask without a pause; what they saw, and the memory of the workers at ten moments."""
    load, stop, memory = Load(), Event(), list[float]()

    def ask(number: int) -> None:
        with server.client() as client:
            while not stop.is_set():
                load.ask(client, photos[number % len(photos)])
                number += clients

    with ThreadPoolExecutor(clients) as pool:
        for number in range(clients):
            pool.submit(ask, number)
        for _ in range(10):
            time.sleep(seconds / 10)
            memory.append(server.memory_mib())
        stop.set()
    return load, memory


def paced(server: Server, photos: Sequence[bytes], rate: float, seconds: float) -> Load:
    """`rate` requests a second begin, evenly."""
    load, started = Load(), time.perf_counter()
    with server.client() as client, ThreadPoolExecutor(32) as pool:  # the pool ends first: what was begun is answered
        for number in range(max(1, int(rate * seconds))):
            time.sleep(max(0.0, started + number / rate - time.perf_counter()))
            pool.submit(load.ask, client, photos[number % len(photos)])
    return load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--config", type=Path, help="settings; [server] must be its last table, if it is there")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    photos = [path.read_bytes() for path in given.photos]
    found: dict[str, Any] = {"workers": given.workers, "clients": given.clients, "seconds": given.seconds}
    with tempfile.TemporaryDirectory() as made, open_app(given.home, given.config) as app:
        app.prepare()
        server = Server(given.home, given.config, given.workers, given.clients, Path(made))
        found["overhead"] = overhead(app, server, photos, given.pairs)
        before = engine_rate(app, photos, given.seconds / 10)
        used = server.processor_s()
        load, memory = full_load(server, photos, given.clients, given.seconds)
        used = server.processor_s() - used
        after = engine_rate(app, photos, given.seconds / 10)
        rate, engine = len(load.seconds) / given.seconds, (before[0] + after[0]) / 2
        found["full load"] = {
            "answers_per_s": round(rate, 2), "engine_per_s": round(engine, 2), "ratio": round(rate / engine, 3),
            "processor_ms": round(used / max(1, len(load.seconds)) * 1e3, 2),
            "engine_processor_ms": round((before[1] + after[1]) / 2 * 1e3, 2),
            **quantiles(load.seconds), "refused": len(load.refused), "others": dict(load.others), "memory_mib": memory,
        }  # fmt: skip
        half = paced(server, photos, rate / 2, given.seconds / 2)
        told = quantiles(half.seconds)
        found["half load"] = {
            **told, "p99_over_p50": round(told["p99_ms"] / told["p50_ms"], 2) if told else None,
            "refused": len(half.refused), "others": dict(half.others),
        }  # fmt: skip
        found["ended"] = server.end()
        small = Server(given.home, given.config, given.workers, 2, Path(made))
        crowd, _ = full_load(small, photos, 8 * given.workers + 8, given.seconds / 4)
        found["refusals"] = {
            "answers": len(crowd.seconds), "refused": len(crowd.refused), "others": dict(crowd.others),
            **quantiles(crowd.refused),
        }  # fmt: skip
        small.end()
    print(json.dumps(found, indent=1))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
