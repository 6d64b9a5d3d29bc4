"""Every speed target, measured against floors of the same run.

    scripts/bench/run --photos TABLE [--count 160] [--peer PYTHON] [--json FILE] [--compare OLD.json]

TABLE is a folder or CSV of real photos, as for `simsearch index`. Rates count processor time (user and system, all
threads), which other work on the machine changes little. The wait for an answer is wall time, compared with a floor of
the same run. The JSON holds both times. A target is reached where the ratio is 1 or more.
`--peer` names the interpreter of an environment with imagededup 0.3.3. A million images are measured by scale.py.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simsearch import App, open_app
from simsearch.core import images
from simsearch.core.threads import SingleThreaded
from simsearch.features.base import pack
from simsearch.features.description import describe
from simsearch.features.siamese import Siamese
from simsearch.ingest.index_report import IndexReport
from simsearch.ingest.reading_report import ReadingReport
from simsearch.ingest.sources import read_source
from simsearch.synthetic.photos import jpeg_bytes

Row = dict[str, Any]
CLI = [sys.executable, "-c", "from simsearch.cli.main import main; main()"]
WORSE = 0.85
"""Share of the old ratio below which a row has got worse."""


def clock(work: Callable[[], Any]) -> tuple[float, float]:
    """Processor and wall seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.process_time() - processor, time.perf_counter() - wall


def best(work: Callable[[Any], Any], items: Sequence[Any], rounds: int = 3) -> float:
    """Processor milliseconds an item, in the best of `rounds`."""
    return min(clock(lambda: [work(item) for item in items])[0] for _ in range(rounds)) / len(items) * 1e3


def row(name: str, reached: float, wanted: float, unit: str, *, less: bool = False, **more: Any) -> Row:
    """One line of the table. `ratio`: 1 where the target is just reached, above 1 where it is surpassed."""
    ratio = wanted / max(reached, 1e-9) if less else reached / wanted
    return {
        "name": name,
        "reached": round(reached, 3),
        "wanted": wanted,
        "unit": unit,
        "ratio": round(ratio, 3),
        **more,
    }


def stages(app: App, paths: Sequence[Path]) -> dict[str, float]:
    """Milliseconds of one core a photo: the floor."""
    settings = app.config.images
    with SingleThreaded() as single:
        single.torch()
        photos = [images.load(path, settings) for path in paths]
        found = {"decode": best(lambda path: images.load(path, settings), paths)}
        for name, method in app.methods.items():
            size = 8 if isinstance(method, Siamese) else 1
            parts = [photos[i : i + size] for i in range(0, len(photos), size)]
            found[name] = best(method.describe, parts) * len(parts) / len(photos)
    return found


def indexing(app: App, table: Path, floor_ms: float, count: int) -> tuple[list[Row], float]:
    """Rows of a full run, and its processor milliseconds a photo."""
    reports: list[IndexReport] = []
    processor, wall = clock(lambda: reports.append(app.index([table], rebuild=False, reading=False)))
    if reports[0].described != count:
        sys.exit(f"{reports[0].described} of {count} photos were indexed: the figures would mean nothing")
    each = processor / count * 1e3
    cores = len(os.sched_getaffinity(0))
    spread = floor_ms / cores / (wall / count * 1e3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rows = [
        row("indexing, share of the floor", floor_ms / each, 0.8, "", wall_share=round(spread, 3), photos=count,
            floor_ms=round(floor_ms, 2), processor_ms=round(each, 2)),
        row("memory while indexing", peak, 2.0, "GiB", less=True),
    ]  # fmt: skip
    return rows, each


def peer(python: str, folder: Path, ours_ms: float) -> Row:
    """imagededup's CNN on the same files."""
    script = Path(__file__).with_name("peer_imagededup.py")
    done = subprocess.run([python, str(script), str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"imagededup failed: {done.stderr.strip().splitlines()[-1:]}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    theirs = found["processor_s"] / found["photos"] * 1e3
    return row("indexing against imagededup's CNN", theirs / ours_ms, 1.2, "×", theirs_ms=round(theirs, 2), **found)


def queries(app: App, paths: Sequence[Path], index_ms: float) -> list[Row]:
    """Warm single queries, and many photos in one call."""
    app.query([str(paths[0])], record=False)
    settings = app.config.images
    # Measured in turn, so that other work on the machine affects both.
    took = np.array([
        (*clock(lambda p=path: app.query([str(p)], record=False)),  # type: ignore[misc]
         *clock(lambda p=path: describe(app.methods, [images.load(p, settings)])))  # type: ignore[misc]
        for path in paths
    ]) * 1e3  # fmt: skip
    processor_p50, p50, describe_processor, alone = (float(v) for v in np.median(took, axis=0))
    p99 = float(np.percentile(took[:, 1], 99))
    live = app.catalog.images.counts()["images_ok"]
    processor, _ = clock(lambda: app.query([str(p) for p in paths], record=False))
    many = processor / len(paths) * 1e3
    return [
        row("query p50 over decode + describe", p50 / alone, 1.3, "×", less=True, images=live, p50_ms=round(p50, 2),
            describe_ms=round(alone, 2), processor_p50_ms=round(processor_p50, 2),
            processor_describe_ms=round(describe_processor, 2)),
        row("query p99 over p50", p99 / p50, 2.0, "×", less=True, p99_ms=round(p99, 2)),
        row("many photos, share of the indexing rate", index_ms / many, 0.7, "", processor_ms=round(many, 2)),
    ]  # fmt: skip


def printed(app: App, paths: Sequence[Path]) -> list[Row]:
    """Reading the catalog on all cores, and queries that read their photo; nothing without the extra `read`."""
    if app.print_stage.blocked:
        return []
    reports: list[ReadingReport] = []
    processor, wall = clock(lambda: reports.append(app.read_print()))
    count = reports[0].read
    # Encoded anew, because a photo whose very file the catalog holds is not read.
    settings = app.config.images
    asked = [jpeg_bytes(images.load(path, settings).sharp, 92) for path in paths]
    app.query(asked[0], record=False)
    took = np.array([clock(lambda p=photo: app.query(p, record=False)) for photo in asked])  # type: ignore[misc]
    processor_p50, p50 = (float(v) for v in np.median(took, axis=0))
    return [
        row("reading the catalog, photos/s", count / wall, 3.0, "/s", photos=count,
            processor_ms=round(processor / count * 1e3, 1)),
        row("query p50 with full reading", p50, 0.6, "s", less=True, processor_p50=round(processor_p50, 3),
            p99=round(float(np.percentile(took[:, 1], 99)), 3)),
    ]  # fmt: skip


def pairs(app: App, paths: Sequence[Path]) -> list[Row]:
    """Pairs a second of one core on cached descriptors, and from files."""
    described = describe(app.methods, [images.load(path, app.config.images) for path in paths])
    siamese = app.methods["siamese"]
    assert isinstance(siamese, Siamese)
    others = np.stack([d["siamese"] for d in described] * (20_000 // len(described)))
    head = best(lambda q: siamese.pair_logits(q, others), [described[0]["siamese"]]) / len(others)
    couples = [(a, b) for a in described[:12] for b in described[12:24]]
    looked = best(lambda pair: app.verifier.features(pair[0], [pair[1]], geometry=1), couples)
    named = [(str(a), str(b)) for a, b in zip(paths[::2], paths[1::2], strict=False)]
    files = clock(lambda: app.verify(named))[0] / len(named) * 1e3
    several = [(str(a), str(b)) for n in range(1, 9) for a, b in zip(paths, paths[n:], strict=False)]
    listed = clock(lambda: app.verify(several))[0] / len(several) * 1e3
    return [
        row("pair head, pairs/s", 1e3 / head, 100_000, "/s"),
        row("pairs with geometry, pairs/s", 1e3 / looked, 1000, "/s"),
        row("pairs from files, pairs/s", 1e3 / files, 100, "/s"),
        row("the same, each photo in 15 pairs", 1e3 / listed, 100, "/s", pairs=len(several)),
    ]


def commands(home: Path, config: Path, photo: Path) -> list[Row]:
    """Each call in a process of its own, in processor seconds: the best of three."""
    rows = []
    unread = ["--config", str(config)]
    for name, call, wanted in (
        ("simsearch --help", ["--help"], 0.1),
        ("one-shot simsearch query", ["--home", str(home), "-q", *unread, "query", "--no-record", str(photo)], 1.5),
    ):
        found = []
        for _ in range(3):
            before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run([*CLI, *call], capture_output=True, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            found.append((processor, time.perf_counter() - started))
        rows.append(row(name, min(found)[0], wanted, "s", less=True, wall_s=round(min(w for _, w in found), 2)))
    return rows


def sizes(app: App, path: Path) -> dict[str, int]:
    """Bytes of each descriptor of one photo. The number of keypoints, and so of bytes, varies between photos."""
    photo = images.load(path, app.config.images)
    return {name: len(pack(m.describe([photo])[0])) for name, m in app.methods.items()}


def measure(table: Path, count: int, interpreter: str | None, scratch: Path) -> dict[str, Any]:
    """All rows."""
    listed = read_source(table).rows
    chosen = [Path(r.path) for r in listed[:: max(1, len(listed) // count)]][:count]
    listed_here = scratch / "photos.csv"
    with listed_here.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("sku", "image"), *((f"{n:05d}", str(path)) for n, path in enumerate(chosen))])
    together = scratch / "flat"  # imagededup reads one folder
    together.mkdir()
    for number, path in enumerate(chosen):
        os.symlink(path, together / f"{number:05d}{path.suffix}")
    sample = chosen[:: max(1, len(chosen) // 48)][:48]
    unread = scratch / "unread.toml"  # all rows but those of `printed` compare with floors that read nothing
    unread.write_text('[reading]\nmode = "never"\n', encoding="utf-8")
    with open_app(scratch / "home", unread) as app:
        floor = stages(app, sample)
        rows, each = indexing(app, listed_here, sum(floor.values()), len(chosen))
        if interpreter:
            rows.append(peer(interpreter, together, each))
        app.rebuild()
        rows += [*queries(app, sample, each), *pairs(app, sample)]
        size = sizes(app, sample[0])
    rows += commands(scratch / "home", unread, sample[0])
    with open_app(scratch / "home") as app:
        rows += printed(app, sample)
    machine = {"platform": platform.platform(), "cores": os.cpu_count(), "load": os.getloadavg()}
    return {"machine": machine, "floor_ms": floor, "bytes_per_image": size, "rows": rows}


def main() -> None:
    """Measure, print, write, compare; exit code 1 where a row got worse."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=Path, required=True, help="folder or CSV of photos")
    parser.add_argument("--count", type=int, default=160, help="photos taken from it")
    parser.add_argument("--peer", help="interpreter of an environment with imagededup")
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--compare", type=Path, help="JSON of an earlier run: name what got worse")
    given = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="simsearch-bench-"))
    try:
        found = measure(given.photos, given.count, given.peer, scratch)
    finally:
        shutil.rmtree(scratch)
    print("| work | reached | wanted | ratio |\n| --- | ---: | ---: | ---: |")
    for r in found["rows"]:
        print(f"| {r['name']} | {r['reached']:,} {r['unit']} | {r['wanted']:,} {r['unit']} | {r['ratio']} |")
    print(f"\nfloor, ms of one core a photo: { ({k: round(v, 2) for k, v in found['floor_ms'].items()}) }")
    print(f"bytes of a photo: {found['bytes_per_image']}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    worse = regressions(json.loads(given.compare.read_text(encoding="utf-8")), found) if given.compare else []
    print(*worse, sep="\n", end="\n" if worse else "")
    sys.exit(1 if worse else 0)


def regressions(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """A line for each row whose ratio fell clearly."""
    before = {r["name"]: r["ratio"] for r in old["rows"]}
    return [
        f"worse: {r['name']}: ratio {r['ratio']}, was {before[r['name']]}"
        for r in new["rows"]
        if r["name"] in before and r["ratio"] < WORSE * before[r["name"]]
    ]


if __name__ == "__main__":
    main()
