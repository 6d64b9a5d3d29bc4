"""One catalog in SQLite with FAISS, in PostgreSQL with pgvector, and in PostgreSQL with Milvus: answers and times.

    scripts/scale/up
    scripts/scale/inside .scale/python/bin/python scripts/scale/compare.py [--images 20000] [--queries 500]

Descriptors are drawn as by scripts/bench/scale.py, with the spectrum of real embeddings. A query is an image of the
catalog whose embedding was moved to a similarity of about 0.9, and whose hash has 5 bits flipped. The lanes are asked
as an answer asks them: 50 nearest embeddings, 10 nearest hashes. What FAISS finds, comparing every vector at this size,
is the measure. Of hashes that are equally far, any may stand in a list's last places: they count as found.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.scale import fill
from scale import lab

from simsearch.catalog import Catalog
from simsearch.catalog.copying import copy
from simsearch.core.config import Config
from simsearch.features import create
from simsearch.features.base import Method
from simsearch.indexes.engine import open_engine
from simsearch.indexes.generation import Generation
from simsearch.indexes.generations import Generations
from simsearch.indexes.shared import SharedGenerations
from simsearch.ingest.rebuild import Rebuilder

LANES = {"siamese": 50, "phash": 10}
Found = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def database(name: str) -> str:
    """The URL of a new database beside that of the lab."""
    import psycopg

    url = os.environ["SIMSEARCH_SCALE_POSTGRES"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    return url.rpartition("/")[0] + f"/{name}"


def places(home: Path, source: Catalog) -> Mapping[str, tuple[Config, Catalog, Generations]]:
    """Name -> settings, catalog and generations of each of the three."""
    made: dict[str, tuple[Config, Catalog, Generations]] = {}
    config = Config()
    made["SQLite, FAISS"] = (config, source, Generations(home / "generations", source))
    for engine, url in (("pgvector", ""), ("milvus", lab.milvus_database("compare"))):
        where = database(f"compare_{engine}")
        config = replace(
            Config(), catalog=replace(Config().catalog, url=where),
            generations=replace(Config().generations, engine=engine, url=url),
        )  # fmt: skip
        catalog = Catalog(where, config.catalog)
        started = time.perf_counter()
        copy(source.database, catalog.database)
        print(f"copied to PostgreSQL for {engine}: {time.perf_counter() - started:.1f} s", flush=True)
        folder = home / engine
        shared = SharedGenerations(folder, catalog, catalog.shared, open_engine(config))
        made[f"PostgreSQL, {engine}"] = (config, catalog, shared)
    return made


def queries(catalog: Catalog, methods: Mapping[str, Method], count: int) -> dict[str, np.ndarray[Any, Any]]:
    """Lane -> vectors that are asked, of the same images."""
    rng = np.random.default_rng(7)
    ids = catalog.descriptors.active_ids(methods["phash"].fingerprint)
    chosen = np.sort(rng.choice(ids, count, replace=False)).tolist()
    asked: dict[str, np.ndarray[Any, Any]] = {}
    for lane in LANES:
        stored = catalog.descriptors.of(methods[lane].fingerprint, chosen)
        asked[lane] = np.stack([np.frombuffer(stored[i], methods[lane].dtype) for i in chosen])
    moved = asked["siamese"] + 0.03 * rng.standard_normal(asked["siamese"].shape).astype(np.float32)
    asked["siamese"] = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    flips = np.zeros((count, 64), np.uint8)
    flips[np.arange(count)[:, None], np.argsort(rng.random((count, 64)), axis=1)[:, :5]] = 1
    asked["phash"] = asked["phash"] ^ np.packbits(flips, axis=1)
    return asked


def ask(generation: Generation, asked: Mapping[str, np.ndarray[Any, Any]]) -> tuple[dict[str, Found], dict[str, Any]]:
    """What each lane finds, and the milliseconds of each query, one after another."""
    found: dict[str, Found] = {}
    times: dict[str, Any] = {}
    for lane, k in LANES.items():
        index = generation.lanes[lane]
        index.search(asked[lane][:1], k)
        rows, took = [], []
        for vector in asked[lane]:
            started = time.perf_counter()
            rows.append(index.search(vector[None], k))
            took.append((time.perf_counter() - started) * 1e3)
        found[lane] = np.concatenate([i for i, _ in rows]), np.concatenate([s for _, s in rows])
        times[lane] = np.percentile(took, [50, 99])
    return found, times


def agreement(found: Found, wanted: Found) -> tuple[float, float]:
    """Share of queries with an equally near first image, and share of the wanted images that were found."""
    first = np.isclose(found[1][:, 0], wanted[1][:, 0], atol=1e-3)
    same = [
        np.mean(np.isin(w, f) | np.isclose(ws, ws[-1], atol=1e-5)) for f, w, ws in zip(found[0], *wanted, strict=True)
    ]
    return float(np.mean(first & (found[0][:, 0] >= 0))), float(np.mean(same))


def main() -> None:
    """Build in each place, ask each, and print the table of docs/scale-out.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=500)
    given = parser.parse_args()
    methods = {name: create(name) for name in LANES}
    home = Path(tempfile.mkdtemp(prefix="simsearch-compare-"))
    try:
        fill(home, given.images, methods)
        source = Catalog(home / "catalog.db", Config().catalog)
        asked = queries(source, methods, given.queries)
        wanted: dict[str, Found] = {}
        print("| | build | embeddings: p50 / p99 | same first | recall@50 | hashes: p50 / p99 | same first | found |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for name, (config, catalog, generations) in places(home, source).items():
            started = time.perf_counter()
            Rebuilder(home, config, catalog, methods, generations).build()
            built = time.perf_counter() - started
            opened = generations.open({lane: method.fingerprint for lane, method in methods.items()})
            assert opened is not None
            found, times = ask(opened, asked)
            wanted = wanted or found
            cells = [f"{built:.1f} s"]
            for lane in LANES:
                first, recall = agreement(found[lane], wanted[lane])
                cells += [f"{times[lane][0]:.1f} / {times[lane][1]:.1f} ms", f"{first:.3f}", f"{recall:.4f}"]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
            generations.close()
            catalog.close()
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
