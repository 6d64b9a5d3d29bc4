"""A large catalog as a whole: build with all lanes, opening, queries, one more image, status, disk.

    python scripts/bench/duplicates.py SCRATCH --images 1000000          # draws SCRATCH/home-1000000, 20 KB an image
    python scripts/bench/whole.py SCRATCH/home-1000000 --photos FOLDER [--count 40] [--steps STEPS] [--cold]

What is printed on the drawn images is drawn here once: a name, a strength and a maker in the row, and six lines on the
photo. Every step is the command line in a process of its own, whose processor time and memory are the system's account;
*own* memory leaves out pages of mapped files, which the system takes back when it needs them. `ask` is
`simsearch query` of one photo, from start to end. With `--cold` nothing of the home is in the page cache before a step.
Queries are of photos from FOLDER against the drawn catalog, one after the other in one process, with their floor,
decoding and describing, of the same run. Print is not read for them: its lanes are asked with stored readings.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import sqlalchemy as sa

from simsearch import App, open_app
from simsearch.catalog.descriptors import method_keys
from simsearch.catalog.tables import DescriptorRow, ProductRow
from simsearch.core import images
from simsearch.core.threads import SingleThreaded
from simsearch.core.types import Image
from simsearch.features.base import pack
from simsearch.features.description import describe
from simsearch.features.reading import Line, Reading
from simsearch.features.reading.stored import encode
from simsearch.features.reading.stored import texts as of_lines
from simsearch.indexes.text_asked import Asked
from simsearch.indexes.text_terms import text_of
from simsearch.recognition.text_lanes import alike

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.check import row, words

CLI = [sys.executable, "-c", "from simsearch.cli.main import main; main()"]
BLOCK = 5000
WANTED = 20


def fill(app: App) -> None:
    """What is printed on the images, and the rows of their products, where nobody has said anything of them."""
    with app.catalog.database.read() as c:
        named = c.scalar(sa.select(ProductRow.id).where(ProductRow.name != "").limit(1))
        last = c.scalar(sa.select(sa.func.max(ProductRow.id))) or 0
    if named:
        return
    blank = Image(np.full((240, 320, 3), 255, np.uint8), "0" * 64, 320, 240)
    empty = {m.fingerprint: pack(m.describe([blank])[0]) for m in (app.methods["pills"], app.print_methods["codes"])}
    fingerprint = app.print_methods["reading"].fingerprint
    boxes = [np.array([[0.1, y], [0.7, y], [0.7, y + 0.05], [0.1, y + 0.05]], np.float32) for y in np.arange(6) / 8]
    with app.catalog.database.write() as c:
        methods = method_keys(c, {fingerprint, *empty})
    for start in range(1, last + 1, BLOCK):
        rows: list[dict[str, Any]] = []
        stored: list[dict[str, Any]] = []
        for number in range(start, min(start + BLOCK, last + 1)):
            of = row(number)
            said = [of.name, of.strength, of.manufacturer, *(" ".join(words(-8 * number - i, 3)) for i in range(3))]
            read = Reading(tuple(Line(t, 0.98, q) for t, q in zip(said, boxes, strict=True)), 1200, 900)
            rows.append({"of": number, "name": of.name, "strength": of.strength, "manufacturer": of.manufacturer})
            found = {fingerprint: encode(read).tobytes(), **empty}
            stored += [{"method_id": methods[f], "image_id": number, "data": data} for f, data in found.items()]
        with app.catalog.database.write() as c:
            c.execute(sa.update(ProductRow).where(ProductRow.id == sa.bindparam("of")), rows)
            c.execute(sa.insert(DescriptorRow), stored)


def command(home: Path, *words: str) -> dict[str, Any]:
    """Seconds and memory of one command."""
    started = time.perf_counter()
    process = subprocess.Popen([*CLI, "--quiet", "--home", str(home), *words], stdout=subprocess.DEVNULL)
    own, over = [0], Event()
    watching = Thread(target=_watch, args=(process.pid, own, over))
    watching.start()
    _, status, used = os.wait4(process.pid, 0)
    over.set()
    watching.join()
    return {
        "exit": os.waitstatus_to_exitcode(status), "wall_s": round(time.perf_counter() - started, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2), "peak_mib": used.ru_maxrss // 1024, "own_mib": own[0] // 1024,
    }  # fmt: skip


def _watch(pid: int, most: list[int], over: Event) -> None:
    """Keep in `most` the largest size of memory that is no mapped file, in KiB."""
    while not over.wait(0.2):
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            return
        most[0] = max([most[0], *(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))])


def evict(home: Path) -> None:
    """Let the system forget what it has read of the home; what other programs read stays."""
    for path in home.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def milliseconds(work: Callable[[Any], Any], items: list[Any]) -> dict[str, float]:
    """Of each item, by the clock."""
    work(items[0])
    took = []
    for item in items:
        started = time.perf_counter()
        work(item)
        took.append((time.perf_counter() - started) * 1e3)
    return {"p50_ms": round(float(np.median(took)), 2), "p99_ms": round(float(np.percentile(took, 99)), 2)}


def without_reading(home: Path) -> Path:
    """Settings under which photos are asked and not read."""
    settings = home.parent / "whole.toml"
    settings.write_text('[reading]\nmode = "never"\n')
    return settings


def queries(home: Path, folder: Path, count: int) -> dict[str, Any]:
    """How long opening and answering take, in this process."""
    photos = sorted(p for p in folder.iterdir() if p.is_file())[:count]
    settings = without_reading(home)
    started = time.perf_counter()
    with open_app(home, settings) as app:
        app.query([photos[0]], record=False)
        found: dict[str, Any] = {"open_and_first_ms": round((time.perf_counter() - started) * 1e3)}
        with SingleThreaded() as single:
            single.torch()
            found["floor"] = milliseconds(
                lambda path: describe(app.methods, [images.load(path, app.config.images)]), photos
            )
        found["query"] = milliseconds(lambda path: app.query([path], record=False), photos)
        found["text"] = milliseconds(*_texts(app, count))
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found


def _texts(app: App, count: int) -> tuple[Callable[[Any], Any], list[Any]]:
    """The search of both lanes of text, and what they are asked with: stored readings, a third of the lines lost."""
    reading = app.print_methods["reading"].fingerprint
    generation = app.rebuilder.generations.open({m.name: m.fingerprint for m in app.rebuilder.lanes}, reading=reading)
    assert generation is not None
    assert generation.weights is not None
    ids = app.catalog.descriptors.active_ids(reading)
    some = ids[:: max(1, len(ids) // count)].tolist()
    stored = app.catalog.descriptors.of(reading, some)
    texts = [text_of(of_lines(data)[:4]) for data in stored.values()]
    lanes = list(generation.texts.values())

    def ask(text: Any) -> None:
        asked = Asked.of(text, generation.weights)  # type: ignore[arg-type]
        for lane in lanes:
            alike([lane], asked, WANTED, frozenset())

    return ask, texts


def main() -> None:
    """All steps, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photos")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--steps", default="fill,rebuild,status,ask,query,index")
    parser.add_argument("--cold", action="store_true")
    given = parser.parse_args()
    result: dict[str, Any] = {"home": given.home.name}
    for step in given.steps.split(","):
        if given.cold:
            evict(given.home)
        if step == "fill":
            with open_app(given.home) as app:
                fill(app)
        elif step == "ask":
            photo = min(p for p in given.photos.iterdir() if p.is_file())
            result[step] = command(given.home, "--config", str(without_reading(given.home)), "query", str(photo))
        elif step == "query":
            result[step] = queries(given.home, given.photos, given.count)
        elif step == "index":
            with tempfile.TemporaryDirectory() as folder:
                photo = sorted(p for p in given.photos.iterdir() if p.is_file())[given.count]
                shutil.copy(photo, folder)
                result[step] = command(given.home, "index", folder, "--no-check")
        else:
            result[step] = command(given.home, step)
        print(json.dumps({step: result.get(step)}), file=sys.stderr, flush=True)
    sizes = {p.name: p.stat().st_size for p in given.home.rglob("*") if p.is_file()}
    result |= {
        "mib": {name: round(size / 2**20) for name, size in sorted(sizes.items()) if size > 2**20},
        "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
