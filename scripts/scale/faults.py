"""Kill (-9) an actor, a Ray node, Milvus and PostgreSQL in turn, during indexing, rebuilds and queries.

    scripts/scale/up
    scripts/scale/faults [--photos 300] [--images 2000] [--seed 1] [--only asked]

Indexing: photos are described by Ray actors into PostgreSQL. Rebuilds: a catalog of drawn descriptors in PostgreSQL,
its generation in Milvus or pgvector. Queries: that catalog is asked without a pause; and one of rendered photos, whose
keypoint votes Ray actors look up, by this process and over HTTP (`faults_asked.py`). What may be seen is a right
answer, the old generation, or an error of simsearch that names who does not answer (exit code 5 or 6; the server says
503). At the end of each case everything is started again, and all must be there: no row lost, none twice, a rebuild
that passes its audit, right answers. It exits with 1 where that is not so.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from PIL import Image as Pillow

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scale import faults_asked, lab
from scale.kills import PATIENCE_S, database, kill_actor, kill_milvus, kill_node, kill_postgres, mend

from simsearch.catalog import Catalog
from simsearch.catalog.tables import DescriptorRow, ImageRow
from simsearch.core import ray_cluster
from simsearch.core.config import CatalogSettings, GenerationSettings, ImageSettings, IndexingSettings
from simsearch.core.errors import CatalogError, EngineError, GenerationError, SimsearchError
from simsearch.features import create
from simsearch.indexes.engine import VectorEngine
from simsearch.indexes.milvus import Milvus
from simsearch.indexes.pgvector import PgVector
from simsearch.indexes.shared import SharedGenerations
from simsearch.ingest.indexer import Indexer
from simsearch.ingest.ray_workers import RayWorkers
from simsearch.ingest.sources import read_source
from simsearch.ingest.workers import Recipe, Workers
from simsearch.testing.world import World

RAY = os.environ.get("SIMSEARCH_SCALE_RAY", "")
Rows = list[tuple[Any, ...]]


# -- indexing --------------------------------------------------------------------------------------------------------


def photos(folder: Path, count: int) -> Path:
    """Small photos of products of five each."""
    for number in range(count):
        values = np.random.default_rng(number).integers(0, 256, (6, 8, 3)).astype(np.uint8)
        path = folder / f"sku{number // 5:04d}" / f"{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(values).resize((160, 120), Pillow.Resampling.NEAREST).save(path)
    return folder


def index(folder: Path, url: str | Path, workers: Workers | None, progress: Callable[..., None]) -> None:
    """Index `folder` into the catalog at `url`, ten photos a transaction."""
    methods = {"phash": create("phash")}
    recipe = Recipe({"phash": {}}, ImageSettings(), {"phash": methods["phash"].fingerprint})
    catalog = Catalog(url, CatalogSettings())
    try:
        settings = IndexingSettings(batch=4, commit_every=10)
        indexer = Indexer(catalog, methods, settings, ImageSettings(), (workers, recipe) if workers else None)
        indexer.run([read_source(folder)], progress=progress)
    finally:
        catalog.close()


def rows(url: str | Path) -> Rows:
    """Path, digest and descriptor of every image, in the order of paths."""
    catalog = Catalog(url, CatalogSettings())
    wanted = sa.select(ImageRow.path, ImageRow.sha256, ImageRow.verdict, DescriptorRow.data)
    with catalog.database.read() as c:
        found = [tuple(row) for row in c.execute(wanted.outerjoin(DescriptorRow).order_by(ImageRow.path))]
    catalog.close()
    return found


def indexing(folder: Path, wanted: Rows, name: str, kill: Callable[[], None], rng: random.Random) -> str:
    """One run with a kill in its middle, repeated until it ends well; what was seen."""
    url, at = database(f"faults_{name}"), rng.randrange(len(wanted) // 4, len(wanted) // 2)
    killed: list[float] = []
    seen: Counter[str] = Counter()

    def progress(done: int, total: int, note: str = "") -> None:
        if done == at and not killed:
            killed.append(time.monotonic())
            kill()

    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            index(folder, url, RayWorkers(RAY, 30.0), progress)
            break
        except (CatalogError, EngineError) as error:
            seen[f"{type(error).__name__}, exit code {error.exit_code}"] += 1
            ray_cluster.disconnect()
            mend()
            if time.monotonic() > until:
                return f"WRONG: not well after {PATIENCE_S:.0f} s: {error}"
    mend()
    found = rows(url)
    lost, twice = len({r[0] for r in wanted} - {r[0] for r in found}), len(found) - len({r[0] for r in found})
    same = "the same bytes" if found == wanted else "WRONG: other rows"
    took = time.monotonic() - killed[0] if killed else 0.0
    return f"killed at photo {at}; {dict(seen) or 'no error'}; {lost} lost, {twice} doubled, {same}; {took:.0f} s"


# -- rebuilds and queries --------------------------------------------------------------------------------------------


def filled(folder: Path, name: str, make: Callable[[str], VectorEngine], images: int) -> World:
    """A catalog of products that are all told apart, with a first generation."""
    url = database(f"faults_{name}")

    def shared(_: Path, catalog: Catalog) -> SharedGenerations:
        return SharedGenerations(folder / name, catalog, catalog.shared, make(url))

    (folder / name).mkdir()
    world = World(folder, url=url, generations=shared)
    world.add("A", "0/30/0.95/120")
    world.add("Z", *(f"{40 + 280 * n / images:.4f}/{33 + n % 30}/0.2/5" for n in range(images)))
    world.build()
    return world


def right(world: World) -> str:
    """Ask once: "" where the answer is right."""
    decision = world.ask("0/30/0/0")
    return "" if decision.sku == "A" else f"WRONG: {decision.outcome} {decision.sku}"


def asking(world: World, over: threading.Event, seen: Counter[str], wrong: list[str]) -> None:
    """Ask until it is over."""
    while not over.is_set():
        try:
            wrong += [said for said in [right(world)] if said]
            seen["right"] += 1
        except (CatalogError, EngineError, GenerationError) as error:
            seen[f"named {type(error).__name__}"] += 1
            time.sleep(0.2)


def rebuilding(world: World, kill: Callable[[], None], delay: float) -> str:
    """Rebuild while `kill` comes after `delay` seconds and the catalog is asked; what was seen."""
    before, over = world.generations.current(), threading.Event()
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    asker = threading.Thread(target=asking, args=(world, over, seen, wrong))
    killer = threading.Timer(delay, kill)
    asker.start()
    killer.start()
    try:
        built = f"built {world.build()}"
    except SimsearchError as error:
        built = f"named {type(error).__name__}"
    killer.join()
    time.sleep(2.0)
    mend()
    wrong += well(world, before if not built.startswith("built") else None)
    over.set()
    asker.join()
    return f"{built}; queries {dict(seen)}; " + (
        "; ".join(wrong) if wrong else "old or new generation served, all well"
    )


def well(world: World, before: str | None) -> list[str]:
    """What is wrong after everything runs again; `before`: the generation that must still serve."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            wrong = [right(world)]
            if before is not None and world.generations.current() != before:
                wrong.append(f"WRONG: {world.generations.current()} serves and not {before}")
            name = world.build()
            manifest = world.generations.manifest(name, full=True)  # every collection is counted and read
            if manifest.images != len(world.ids()):
                wrong.append(f"WRONG: {manifest.images} images of {len(world.ids())}")
            wrong.append(right(world))
            return [said for said in wrong if said]
        except SimsearchError as error:
            if time.monotonic() > until:
                return [f"WRONG: not well after {PATIENCE_S:.0f} s: {error}"]
            time.sleep(1.0)


# -- all -------------------------------------------------------------------------------------------------------------


def campaign(folder: Path, given: argparse.Namespace) -> Sequence[str]:
    """Every case, one after another; a line each."""
    rng, lines = random.Random(given.seed), []

    def told(what: str, said: str) -> None:
        lines.append(f"{what}: {said}")
        print(lines[-1], flush=True)

    if given.only in ("", "asked"):
        faults_asked.campaign(folder, rng, told)
    if given.only == "asked":
        return lines
    shop = photos(folder / "shop", given.photos)
    index(shop, folder / "threads.db", None, lambda *_: None)
    wanted = rows(folder / "threads.db")
    kills: Mapping[str, Callable[[], None]] = {"actor": kill_actor, "node": kill_node, "postgres": kill_postgres}
    for name, kill in kills.items():
        told(f"indexing, {name} killed", indexing(shop, wanted, name, kill, rng))
    ray_cluster.disconnect()
    vectors = lab.milvus_database("faults")
    for engine, make in (
        ("milvus", lambda _: Milvus(GenerationSettings(url=vectors))),
        ("pgvector", lambda url: PgVector(url, GenerationSettings(), 30.0)),
    ):
        world = filled(folder, engine, make, given.images)
        for name, kill in (("milvus", kill_milvus), ("postgres", kill_postgres)):
            if name == engine or name == "postgres":
                told(f"rebuild and queries on {engine}, {name} killed", rebuilding(world, kill, rng.uniform(0.5, 4.0)))
        world.close()
    return lines


def main() -> None:
    """Run the campaign inside the servers' network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("", "asked"), default="", help="asked: the cases of faults_asked.py alone")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="simsearch-faults-"))
    try:
        lines = campaign(folder, given)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if any("WRONG" in line for line in lines) else 0)


if __name__ == "__main__":
    main()
