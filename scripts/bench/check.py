"""Time and memory of `simsearch check` on drawn descriptors: a first check, a night of new photos, and nothing new.

    PYTHONPATH=.:scripts/bench python scripts/bench/check.py SCRATCH [--images 100000] [--night 10000] [--photos 3]

Drawn descriptors and readings are written to a catalog in SCRATCH. A product has `--photos` photos in a row, whose
embeddings have a cosine of about 0.75 with those of a family of 20, so that every photo has its full number of pairs;
each photo has 500 keypoints and twelve lines, four of which are its product's. Half of the night's photos are of known
products, half of new ones. No picture is read. What is timed is the check alone.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simsearch.app import App, open_app
from simsearch.catalog.images import NewImage
from simsearch.core.stamps import Stamp
from simsearch.core.types import SourceRow
from simsearch.features.reading import Line, Reading
from simsearch.features.reading.stored import encode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.duplicates import drawn_descriptors

BLOCK = 1000
FAMILY = 20
"""Photos whose embeddings are alike."""
SYLLABLES = "ba ce di fo gu la me ni po ru sa te vi xo zu tra pre sti clo mur".split()
UNITS = ("5 mg", "10 mg", "20 mg", "250 mg", "500 mg", "2.5 mg", "40 mg")


def words(number: int, count: int) -> list[str]:
    """Words of three syllables, by a number."""
    drawn = random.Random(number)
    return ["".join(drawn.choices(SYLLABLES, k=3)) for _ in range(count)]


def row(number: int) -> SourceRow:
    """The row of a product."""
    name, strength = words(number, 1)[0].title(), UNITS[number % len(UNITS)]
    return SourceRow(
        f"sku-{number:07d}", "", "", "drawn", name=name, strength=strength, form="tablet",
        manufacturer=f"{words(number % 997, 1)[0].title()} Pharma",
    )  # fmt: skip


def reading(product: SourceRow, number: int) -> Reading:
    """What is read on one of its photos: name, strength, form and maker, and eight lines of small print."""
    said = [product.name, product.strength, f"{product.name} tablets", product.manufacturer]
    lines = [*said, *(" ".join(words(-8 * number - i, 3)) for i in range(8))]
    tops = [0.05 + 0.07 * i for i in range(len(lines))]
    quads = [np.array([[0.1, y], [0.7, y], [0.7, y + 0.05], [0.1, y + 0.05]], np.float32) for y in tops]
    return Reading(tuple(Line(text, 0.98, quad) for text, quad in zip(lines, quads, strict=True)), 1200, 900)


Photo = tuple[int, int, int]
"""Its number, that of its product, and that of the family of looks that it belongs to."""


def catalog_photos(images: int, photos: int) -> list[Photo]:
    """The photos of the catalog."""
    return [(i, i // photos, i // FAMILY) for i in range(images)]


def night_photos(images: int, night: int, photos: int) -> list[Photo]:
    """Half of them one more of a known product, half of new products that look like known ones."""
    known, half = images // photos, night // 2
    more = [(images + k, product, product * photos // FAMILY) for k in range(half) for product in [k * known // half]]
    new = [(images + half + k, known + 1 + k // photos, 7919 * k % images // FAMILY) for k in range(night - half)]
    return more + new


def drawn(app: App, listed: Sequence[Photo]) -> Iterator[tuple[NewImage, Reading]]:
    """Photos with what is read on them."""
    rng = np.random.default_rng(listed[0][0])
    fingerprints = {name: app.methods[name].fingerprint for name in ("siamese", "orb", "phash")}
    [dim] = app.methods["siamese"].shape
    for number, of, family in listed:
        centre = np.random.default_rng([7, family]).normal(size=dim).astype(np.float32)
        product = row(of)
        [own] = drawn_descriptors(centre[None], rng)
        data = {fingerprints[name]: np.ascontiguousarray(values).tobytes() for name, values in own.items()}
        source = SourceRow(
            product.sku, f"/drawn/{number}.jpg", f"{number}.jpg", "drawn", name=product.name,
            strength=product.strength, form=product.form, manufacturer=product.manufacturer,
        )  # fmt: skip
        image = NewImage(source, "/drawn", Stamp(1, 1), f"{number:064x}", 640, 480, "front", None, data)
        yield image, reading(product, number)


def add(app: App, listed: Sequence[Photo]) -> None:
    """Write photos to the catalog, as described and read."""
    method = app.print_methods["reading"].fingerprint
    for start in range(0, len(listed), BLOCK):
        part = list(drawn(app, listed[start : start + BLOCK]))
        app.catalog.images.apply(add=[image for image, _ in part])
        ids = app.catalog.descriptors.active_ids(app.methods["siamese"].fingerprint)[-len(part) :].tolist()
        app.catalog.readings.add({i: {method: encode(one).tobytes()} for i, (_, one) in zip(ids, part, strict=True)})


def timed(app: App) -> dict[str, Any]:
    """Seconds of one check."""
    cpu, wall = time.process_time(), time.perf_counter()
    report = app.check()
    return {
        "looked_at": report.looked_at, "doubts": len(report.doubts), "wall_s": round(time.perf_counter() - wall, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
    }  # fmt: skip


def main() -> None:
    """Draw, build, check three times, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--night", type=int, default=10_000)
    parser.add_argument("--photos", type=int, default=3, help="of one product")
    given = parser.parse_args()
    with open_app(given.scratch / f"home-{given.images}") as app:
        add(app, catalog_photos(given.images, given.photos))
        app.rebuilder.build()
        result: dict[str, Any] = {"images": given.images, "first": timed(app), "nothing_new": timed(app)}
        add(app, night_photos(given.images, given.night, given.photos))
        result["night"] = timed(app)
        result |= {
            "night_images": given.night, "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1),
        }  # fmt: skip
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
