"""Time and memory of `simsearch duplicates` on drawn descriptors.

    python scripts/bench/duplicates.py SCRATCH [--images 100000] [--family 20] [--pills 0.0] [--votes 500] [--new N]

Drawn descriptors are written to a catalog in SCRATCH (20 KB an image); a second call uses it again. Images
come in families whose embeddings have a cosine of about 0.75 with each other, so every image has its full number of
candidate pairs. One image in twenty is a re-encoded copy of another, with its keypoints. No picture is read.
`--new`: as `--since` does, when all but the last N are known already.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from simsearch.app import App, open_app
from simsearch.catalog.database import now
from simsearch.catalog.images import NewImage
from simsearch.catalog.tables import DescriptorRow, GenerationRow, ImageRow, MethodRow, ProductRow
from simsearch.core.stamps import Stamp
from simsearch.core.types import SourceRow
from simsearch.features.orb import KEYPOINT

_BLOCK = 1000
_KEYPOINTS = 500


Drawn = tuple[dict[str, NDArray[Any]], ...]
"""Descriptors of images, by method."""


def fill(app: App, images: int, family: int, pills: float) -> None:
    """Write drawn descriptors to the catalog.

    The first image is indexed; rows of all others are copies of its rows, written a block at once.
    """
    rng = np.random.default_rng(0)
    names = {method.fingerprint: name for name, method in app.methods.items()}
    [dim] = app.methods["siamese"].shape
    [start] = drawn_descriptors(np.zeros((1, dim), np.float32), rng)
    data = {app.methods[name].fingerprint: value.tobytes() for name, value in start.items()}
    row = SourceRow("sku-0", "/drawn/0.jpg", "0.jpg", "drawn")
    app.catalog.images.apply(add=[NewImage(row, "/drawn", Stamp(1, 1), f"{0:064x}", 640, 480, "front", None, data)])
    with app.catalog.database.read() as c:
        product, image = (dict(c.execute(sa.select(t.__table__)).mappings().one()) for t in (ProductRow, ImageRow))
        methods = {names[f]: key for f, key in c.execute(sa.select(MethodRow.fingerprint, MethodRow.id)) if f in names}
    for begin in range(1, images, _BLOCK):
        numbers = range(begin, min(images, begin + _BLOCK))
        # Families do not depend on how many are written at once.
        centres = {f: np.random.default_rng([1, f]).normal(size=dim) for f in {n // family for n in numbers}}
        drawn = drawn_descriptors(np.array([centres[n // family] for n in numbers], np.float32), rng)
        rows: list[list[dict[str, Any]]] = [[], [], []]
        for place, number in enumerate(numbers):
            if place and number % 20 == 19:
                drawn[place].update(_copy(drawn[place - 1], rng))
            ids = {"id": image["id"] + number, "product_id": product["id"] + number}
            file = {"image": f"{number}.jpg", "path": f"/drawn/{number}.jpg", "sha256": f"{number:064x}"}
            surface = "pills" if rng.random() < pills else "front"
            rows[0].append(product | {"id": ids["product_id"], "sku": f"sku-{number}"})
            rows[1].append(image | ids | file | {"surface": surface})
            for name, value in drawn[place].items():
                rows[2].append({"method_id": methods[name], "image_id": ids["id"], "data": value.tobytes()})
        with app.catalog.database.write() as c:
            for table, values in zip((ProductRow, ImageRow, DescriptorRow), rows, strict=True):
                c.execute(sa.insert(table), values)


def drawn_descriptors(centres: NDArray[np.float32], rng: np.random.Generator) -> Drawn:
    """Of one image for each of the centres (n, d) that embeddings lie around."""
    n = len(centres)
    vectors = centres + 0.58 * rng.standard_normal(centres.shape, np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    points = np.zeros((n, _KEYPOINTS), KEYPOINT)
    points["xy"] = rng.integers(0, (510 * 32, 382 * 32), (n, _KEYPOINTS, 2), dtype=np.uint16)
    points["bits"] = _bytes((n, _KEYPOINTS, 32), rng)
    hashes = _bytes((n, 8), rng)
    return tuple(
        {"siamese": v, "orb": p, "phash": h} for v, p, h in zip(vectors.astype(np.float32), points, hashes, strict=True)
    )


def _bytes(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.uint8]:
    return np.frombuffer(rng.bytes(int(np.prod(shape))), np.uint8).reshape(shape)


def _copy(source: dict[str, NDArray[Any]], rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """A re-encoded copy: four keypoints in five come back, with about ten bits changed."""
    vector = source["siamese"] + 0.005 * rng.normal(size=len(source["siamese"])).astype(np.float32)
    points = source["orb"].copy()
    some = _bytes((12, len(points), 32), rng)
    points["bits"] ^= np.bitwise_and.reduce(some[:5]) | np.bitwise_and.reduce(some[5:])  # one bit in 26
    lost = rng.random(len(points)) < 0.2
    points["bits"][lost] = _bytes((int(lost.sum()), 32), rng)
    return {"siamese": (vector / np.linalg.norm(vector)).astype(np.float32), "orb": points, "phash": source["phash"]}


def before_the_last(app: App, new: int) -> str:
    """The name of a generation that lacks the last `new` images alone. It is recorded here, and has no indexes."""
    moment, name = now(), f"without-{new}"
    with app.catalog.database.write() as c:
        last = c.execute(sa.select(ImageRow.id).order_by(ImageRow.id.desc()).offset(new).limit(1)).scalar_one()
        c.execute(sa.update(ImageRow).where(ImageRow.id <= last).values(added_at=moment - timedelta(days=1)))
        c.execute(sa.update(ImageRow).where(ImageRow.id > last).values(added_at=moment + timedelta(days=1)))
        c.execute(sa.delete(GenerationRow).where(GenerationRow.name == name))
        c.execute(sa.insert(GenerationRow).values(name=name, created_at=moment, images=0, state="built", audit={}))
    return name


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory of `simsearch duplicates` on drawn descriptors.")
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--family", type=int, default=20, help="images that look alike")
    parser.add_argument("--pills", type=float, default=0.0, help="share of images that show loose pills")
    parser.add_argument("--votes", type=int, default=500, help="duplicates.vote_keypoints")
    parser.add_argument("--new", type=int, help="compare this many alone with all")
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    settings = options.scratch / "settings.toml"
    settings.write_text(f"[duplicates]\nvote_keypoints = {options.votes}\n")
    stages: dict[str, list[float]] = {}

    def progress(done: int, total: int, text: str) -> None:
        stage = text if text.startswith("neighbours") else "looking at pairs"
        now = time.perf_counter()
        stages.setdefault(stage, [now, now])[1] = now

    with open_app(options.scratch / f"home-{options.images}", settings) as app:
        if not (app.home / "catalog.db").is_file():
            fill(app, options.images, options.family, options.pills)
        since = None if options.new is None else before_the_last(app, options.new)
        before, wall = time.process_time(), time.perf_counter()
        found = app.find_duplicates(progress=progress, since=since)
        result = {
            "images": found.images, "new": options.new, "candidate_pairs": found.candidate_pairs,
            "groups": len(found.groups), "look_alikes": len(found.look_alikes),
            "copies_drawn": options.images // 20,
            "wall_s": round(time.perf_counter() - wall, 1), "cpu_s": round(time.process_time() - before, 1),
            "stages_s": {name: round(last - first, 1) for name, (first, last) in stages.items()},
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "cores": os.cpu_count(), "load": os.getloadavg()[0],
        }  # fmt: skip
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
