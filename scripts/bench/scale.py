"""Growth of build and retrieval with the catalog: 10,000, 100,000 and 1,000,000 images with drawn descriptors.

    python scripts/bench/scale.py [--sizes 10000 100000 1000000] [--folder DIR] [--factory STRING] [--json FILE]

Embeddings are drawn with the spectrum of real ones (6,273 official photos of medicines: half of the variance in 4
dimensions, 95 % in 32), hashes at random with copies. Queries are catalog vectors with noise, of similarity about 0.9.
The build and the queries each run in a process of their own, so that each has its own peak memory. Description and
verification do not depend on the size of the catalog and are not measured. Neither is keypoint voting: see votes.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.core.config import Config
from simsearch.features import create
from simsearch.features.base import Method
from simsearch.indexes.choice import choose
from simsearch.indexes.generations import Generations
from simsearch.ingest.rebuild import Rebuilder

BLOCK = 20_000
QUERIES = 500


def embeddings(rng: np.random.Generator, count: int, dim: int) -> NDArray[np.float32]:
    """Unit vectors with the spectrum of real embeddings."""
    variance = np.exp(-np.arange(dim) / 8)
    variance = 0.96 * variance / variance.sum() + 0.04 / dim
    drawn = rng.standard_normal((count, dim), dtype=np.float32) * np.sqrt(variance).astype(np.float32)
    drawn[:, 0] += 0.5
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32)


def fill(home: Path, count: int, methods: dict[str, Method]) -> None:
    """A catalog of `count` images in `home`."""
    catalog = Catalog(home / "catalog.db", Config().catalog)
    catalog.close()
    rng = np.random.default_rng(count)
    siamese, phash = methods["siamese"], methods["phash"]
    with closing(sqlite3.connect(home / "catalog.db")) as db:
        db.execute("PRAGMA synchronous=OFF")
        for number, method in enumerate((siamese, phash), 1):
            db.execute("INSERT INTO methods VALUES (?, ?, ?)", (number, method.fingerprint, method.name))
        db.execute("UPDATE state SET revision = 1")
        for start in range(1, count + 1, BLOCK):
            ids = range(start, min(start + BLOCK, count + 1))
            vectors = embeddings(rng, len(ids), siamese.shape[0])
            hashes = rng.integers(0, 256, (len(ids), 8)).astype(np.uint8)
            hashes[1::10] = hashes[:-1:10]
            db.executemany(
                "INSERT INTO products (id, sku, name, strength, form, manufacturer, attributes) "
                "VALUES (?, ?, '', '', '', '', '{}')",
                ((i, f"SKU-{i:08d}") for i in ids),
            )
            db.executemany(
                "INSERT INTO images (id, product_id, source, image, path, size, mtime_ns, sha256, surface, verdict, "
                "added_at, described_revision) VALUES (?, ?, '/drawn', ?, ?, 1, 1, ?, 'front', 'ok', "
                "'2026-01-01 00:00:00', 1)",
                ((i, i, f"{i}.jpg", f"/drawn/{i}.jpg", f"{i:064x}") for i in ids),
            )
            for number, rows in ((1, vectors), (2, hashes)):
                packed = ((number, i, row.tobytes()) for i, row in zip(ids, rows, strict=True))
                db.executemany("INSERT INTO descriptors (method_id, image_id, data) VALUES (?, ?, ?)", packed)
            db.commit()


def opened(home: Path, factory: str, methods: dict[str, Method]) -> Rebuilder:
    """The builder of the indexes of the catalog in `home`."""
    config = Config()
    config = replace(config, generations=replace(config.generations, factory=factory))
    catalog = Catalog(home / "catalog.db", config.catalog)
    return Rebuilder(home, config, catalog, methods, Generations(home / "generations", catalog))


def rebuild(home: Path, factory: str, methods: dict[str, Method]) -> dict[str, Any]:
    """Time, memory and size of a build."""
    rebuilder = opened(home, factory, methods)
    before, cpu, started = _peak(), time.process_time(), time.perf_counter()
    name = rebuilder.build()
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    built = rebuilder.generations.manifest(name)
    return {
        "rebuild_s": round(seconds, 2), "rebuild_cpu_s": round(cpu, 2), "peak_mib": _peak(), "before_mib": before,
        "lanes": {
            lane.name: {
                "factory": lane.factory, "effort": lane.effort, "rerank": lane.rerank,
                "build_s": lane.build_s, "bytes_per_image": round(lane.bytes / lane.images, 1),
                "recall": built.audit[lane.name].recall, "k": built.audit[lane.name].k,
            }
            for lane in built.lanes
        },
    }  # fmt: skip


def query(home: Path, factory: str, methods: dict[str, Method]) -> dict[str, Any]:
    """Time to open the indexes, and of single searches."""
    import faiss

    faiss.omp_set_num_threads(1)
    rebuilder = opened(home, factory, methods)
    before, started = _peak(), time.perf_counter()
    generation = rebuilder.generations.open({m.name: m.fingerprint for m in rebuilder.lanes})
    assert generation is not None
    out: dict[str, Any] = {"open_ms": round((time.perf_counter() - started) * 1e3, 1)}
    rng = np.random.default_rng(7)
    ids = np.sort(rng.choice(np.arange(1, generation.images + 1), QUERIES, replace=False)).tolist()
    for lane, k in (("siamese", 50), ("phash", 10)):
        method = methods[lane]
        stored = rebuilder.catalog.descriptors.of(method.fingerprint, ids)
        vectors = np.stack([np.frombuffer(stored[i], method.dtype) for i in ids])
        if lane == "siamese":
            vectors = vectors + 0.03 * rng.standard_normal(vectors.shape).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        index = generation.lanes[lane]
        index.search(vectors[:1], k)
        took = []
        for vector in vectors:
            started = time.perf_counter()
            index.search(vector[None], k)
            took.append((time.perf_counter() - started) * 1e3)
        out[lane] = {"p50_ms": round(float(np.median(took)), 3), "p99_ms": round(float(np.percentile(took, 99)), 3)}
    out |= {"peak_mib": _peak(), "before_mib": before}
    return out


def _peak() -> int:
    """MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _methods() -> dict[str, Method]:
    return {name: create(name) for name in ("phash", "siamese")}


def measure(count: int, folder: Path, factory: str) -> dict[str, Any]:
    """Build and query a catalog of one size, each in a process of its own."""
    home = folder / f"scale-{count}"
    if not (home / "catalog.db").is_file():
        home.mkdir(parents=True)
        fill(home, count, _methods())
    found: dict[str, Any] = {"images": count}
    for step in ("rebuild", "query"):
        command = [sys.executable, __file__, "--step", step, "--folder", str(home), "--factory", factory]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{step} of {count} images failed: {done.stderr.strip().splitlines()[-1:]}")
        found[step] = json.loads(done.stdout)
    return found


def markdown(results: list[dict[str, Any]]) -> str:
    """The table of docs/scale.md, and the growth from each size to the next."""
    lines = [
        "| images | index | rebuild | peak memory | bytes an image | open | embedding p50 / p99 | hash p50 / p99 | "
        "recall@50 |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for r in results:
        b, q = r["rebuild"], r["query"]
        lane = b["lanes"]["siamese"]
        size = sum(found["bytes_per_image"] for found in b["lanes"].values())
        lines.append(
            f"| {r['images']:,} | {lane['factory']} | {b['rebuild_s']:.1f} s | {b['peak_mib']:,} MiB | {size:.0f} | "
            f"{q['open_ms']:.0f} ms | {q['siamese']['p50_ms']:.2f} / {q['siamese']['p99_ms']:.2f} ms | "
            f"{q['phash']['p50_ms']:.2f} / {q['phash']['p99_ms']:.2f} ms | {lane['recall']:.4f} |"
        )
    for a, b in pairwise(results):
        times = {
            "images": b["images"] / a["images"],
            "rebuild": b["rebuild"]["rebuild_s"] / a["rebuild"]["rebuild_s"],
            "peak memory": b["rebuild"]["peak_mib"] / a["rebuild"]["peak_mib"],
            "embedding p50": b["query"]["siamese"]["p50_ms"] / a["query"]["siamese"]["p50_ms"],
            "hash p50": b["query"]["phash"]["p50_ms"] / a["query"]["phash"]["p50_ms"],
        }
        growth = ", ".join(f"{name} ×{factor:.1f}" for name, factor in times.items())
        lines.append(f"\nFrom {a['images']:,} to {b['images']:,}: {growth}.")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="keep the catalogs here; default: a temporary folder")
    parser.add_argument("--factory", default="", help="FAISS factory string instead of the choice by size")
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--step", choices=("rebuild", "query"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        job = rebuild if given.step == "rebuild" else query
        print(json.dumps(job(given.folder, given.factory, _methods())))
        return
    folder = given.folder or Path(tempfile.mkdtemp(prefix="simsearch-scale-"))
    try:
        results = []
        for count in given.sizes:
            print(f"{count:,} images: {choose('cosine', 256, count, Config().generations).factory}", file=sys.stderr)
            results.append(measure(count, folder, given.factory))
            if given.json:
                about = {"machine": platform.platform(), "cores": os.cpu_count(), "load": os.getloadavg()}
                given.json.write_text(json.dumps({**about, "results": results}, indent=1) + "\n", encoding="utf-8")
    finally:
        if given.folder is None:
            shutil.rmtree(folder)
    print(markdown(results))


if __name__ == "__main__":
    main()
