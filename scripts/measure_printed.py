#!/usr/bin/env python3
"""Measure how often print contradicts pairs of photos of one product, and of look-alikes in one design.

    python scripts/measure_printed.py DATA [--split train] [--pairs 6] [--readings DIR] [--table] [--set lines=5 ...]
        [--show DIR]

DATA holds the sets that docs/recognition.md describes. Right pairs are photos of one product of `boxes.csv` and
`packs.csv`, in both directions; wrong pairs are the look-alikes of `boxes_lookalikes.csv`, in both directions. With
`--split train` these are products to train on and unlabelled photos; only they may choose rules. `--split eval` has
pairs of which one product at least is for evaluation.

`--readings` keeps what was read, under the SHA-256 of each photo, so that a second run is quick. `--table` gives the
catalog's side its row of `boxes_print.csv`. `--show` writes the pictures of every contradicted right pair there.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import pickle
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from simsearch.catalog.images import ImageFacts
from simsearch.core.config import ImageSettings, parse_settings
from simsearch.core.images import load
from simsearch.core.types import Descriptor, Pixels, PrintComparison
from simsearch.features.orb import Geometry, Orb, OrbSettings
from simsearch.features.reading import PpOcr, Reader, Reading, decode, encode
from simsearch.features.reading.cuts import with_cuts
from simsearch.recognition.printed import PRINT_FEATURES, CatalogSide, PhotoSide, PrintSettings, PrintVerifier

SIDE = 2000
"""Pixels of the longer side that is read."""
CUTS = 8


@dataclass(frozen=True)
class Pair:
    """A photo against an image of the catalog."""

    same: bool
    kind: str
    """In what look-alikes differ; the set, of right pairs."""
    photo: Path
    catalog: Path
    product: str
    """Of the catalog's side."""


def records(path: Path) -> list[dict[str, str]]:
    """The records of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def pairs(data: Path, split: str, most: int) -> Iterator[Pair]:
    """The pairs of a split, at most twice `most` of a product and of two look-alikes."""
    ambiguous = {row["image"] for row in records(data / "boxes_ambiguous.csv")}
    photos: defaultdict[str, list[str]] = defaultdict(list)
    splits: dict[str, str] = {}
    for row in records(data / "boxes.csv"):
        splits[row["sku"]] = row["split"]
        if row["image"] not in ambiguous:
            photos[row["sku"]].append(row["image"])
    packs: defaultdict[str, list[str]] = defaultdict(list)
    for row in records(data / "packs.csv"):
        if row["split"] == split and row["face"] != "several":
            packs[f"{row['sku']} {row['face']}"].append(row["image"])
    right = {sku: images for sku, images in photos.items() if splits[sku] == split}
    for which, products in (("boxes", right), ("packs", packs)):
        for sku, images in sorted(products.items()):
            for a, b in list(permutations(images, 2))[: 2 * most]:
                yield Pair(True, which, data / a, data / b, sku)
    for row in records(data / "boxes_lookalikes.csv"):
        both = row["product_a"], row["product_b"]
        of = {splits.get(product, "train") for product in both}
        if of == {split} or (split == "eval" and of == {"eval", "train"}):
            sides = [photos.get(p) or [p if "/" in p else f"boxes_unlabelled/{p[2:]}.jpg"] for p in both]
            for (first, second), named in (((0, 1), both[1]), ((1, 0), both[0])):
                listed = [(x, y) for x in sides[first] for y in sides[second] if not {x, y} & ambiguous]
                for one, other in listed[:most]:
                    yield Pair(False, row["differs"], data / one, data / other, named)


@lru_cache(maxsize=400)
def sharp(path: Path) -> Pixels:
    """RGB as it is read."""
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    return np.asarray(picture)


class Memory:
    """Readings, keypoints and cuts, kept in a folder between runs where there is one."""

    def __init__(self, folder: Path | None, reader: Reader) -> None:
        self.folder, self.reader = folder, reader
        self.fingerprint = reader.fingerprint
        self.orb = Orb(OrbSettings())
        self._digests: dict[Path, str] = {}
        self._readings: dict[Path, Reading] = {}
        self._points: dict[Path, Descriptor] = {}
        self._geometries: dict[tuple[Path, Path], Geometry] = {}
        self._kept = folder / "cuts.pickle" if folder else None
        self._cuts: dict[str, tuple[str, float]] = {}
        if self._kept and self._kept.exists():
            self._cuts = pickle.loads(self._kept.read_bytes())
        self.asked = 0

    def read(self, pixels: Pixels) -> Reading:
        """As `Reader.read`."""
        return self.reader.read(pixels)

    def recognise(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """As `Reader.recognise`."""
        self.asked += len(crops)
        out = []
        for crop in crops:
            key = hashlib.sha1(crop.tobytes() + str(crop.shape).encode()).hexdigest()
            if key not in self._cuts:
                self._cuts[key] = self.reader.recognise([crop])[0]
            out.append(self._cuts[key])
        return out

    def save(self) -> None:
        """Keep the cuts."""
        if self._kept:
            self._kept.write_bytes(pickle.dumps(self._cuts))

    def reading(self, path: Path) -> Reading:
        """All lines of a photo."""
        if path not in self._readings:
            kept = self.folder / f"{hashlib.sha256(path.read_bytes()).hexdigest()}.rdg" if self.folder else None
            if kept and kept.exists():
                found = decode(np.frombuffer(kept.read_bytes(), np.uint8))
            else:
                found = self.reader.read(sharp(path))
                if kept:
                    kept.write_bytes(encode(found).tobytes())
            self._readings[path] = found
        return self._readings[path]

    def catalog_reading(self, path: Path) -> Reading:
        """The same with cuts, as the catalog stores it."""
        return decode(encode(with_cuts(self.reading(path), sharp(path), self, CUTS)))

    def geometry(self, photo: Path, catalog: Path) -> Geometry:
        """Keypoints of both, under one homography."""
        for path in (photo, catalog):
            if path not in self._points:
                self._points[path] = self.orb.describe([load(path, ImageSettings())])[0]
        return self.orb.geometry(self._points[photo], self._points[catalog])


def facts(row: dict[str, str]) -> ImageFacts:
    """A row of `boxes_print.csv` as a row of a catalog."""
    attributes = {"pack": row["pack"]}
    return ImageFacts(
        0, "", "", "unknown", "", row["product"], row["name"], row["strength"], row["form"], row["maker"], attributes
    )


def shown(pair: Pair, found: PrintComparison) -> Pixels:
    """The two photos of a pair side by side, with the places of what contradicts."""
    halves = []
    for path, which in ((pair.photo, "photo_place"), (pair.catalog, "catalog_place")):
        picture = sharp(path).copy()
        height, width = picture.shape[:2]
        for fact in found.contradictions:
            if (corners := getattr(fact, which)) is not None:
                outline = (np.array(corners) * [width, height]).astype(np.int32)
                cv2.polylines(picture, [outline], True, (255, 0, 0), max(2, width // 300))
        halves.append(cv2.resize(picture, (round(width * 800 / height), 800)))
    return np.hstack(halves)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="train", choices=("train", "eval"))
    parser.add_argument("--pairs", type=int, default=6, help="at most twice as many of a product")
    parser.add_argument("--readings", type=Path)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--aligned-only", action="store_true", help="as where the photo is not read as a whole")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--show", type=Path)
    parser.add_argument("--features", type=Path, help="write the features of all pairs to this .npz")
    parser.add_argument("--verbose", action="store_true", help="name every contradiction")
    arguments = parser.parse_args()
    values = {key: float(v) if "." in v else int(v) for key, v in (each.split("=") for each in arguments.set)}
    memory = Memory(arguments.readings, PpOcr())
    verifier = PrintVerifier(memory, settings=parse_settings(PrintSettings, values, where="--set"))
    table = (
        {row["product"]: facts(row) for row in records(arguments.data / "boxes_print.csv")} if arguments.table else {}
    )
    counts: Counter[tuple[bool, str, str]] = Counter()
    kinds: Counter[tuple[bool, str]] = Counter()
    rows, labels, took = [], [], []
    listed = list(pairs(arguments.data, arguments.split, arguments.pairs))
    for number, pair in enumerate(listed):
        geometry = memory.geometry(pair.photo, pair.catalog)
        stands = geometry.inliers >= verifier.settings.inliers
        photo = PhotoSide(None if arguments.aligned_only else memory.reading(pair.photo), pixels=sharp(pair.photo))
        catalog = CatalogSide(memory.catalog_reading(pair.catalog), facts=table.get(pair.product))
        before = time.thread_time()
        found = verifier.compare(photo, catalog, geometry)
        took.append(time.thread_time() - before)
        rows.append(found.features)
        labels.append((pair.same, stands))
        for group in ("all", pair.kind):
            for what in ("pairs", "aligned" if stands else "apart"):
                counts[pair.same, group, what] += 1
            if found.contradictions:
                counts[pair.same, group, "contradicted"] += 1
                counts[pair.same, group, "contradicted aligned"] += stands
        for fact in found.contradictions:
            kinds[pair.same, fact.kind + (" table" if fact.from_table else "") + (" aligned" if stands else "")] += 1
            if arguments.verbose or pair.same:
                names = f"{pair.photo.parent.name}/{pair.photo.name} {pair.catalog.parent.name}/{pair.catalog.name}"
                where = "table" if fact.from_table else "print"
                label = "RIGHT" if pair.same else "wrong"
                print(f"  {label} {names} {fact.kind} ({where}): {fact.photo!r} / {fact.catalog!r}")
        if arguments.verbose and not pair.same and not found.contradictions and stands:
            names = f"{pair.photo.parent.name}/{pair.photo.name} {pair.catalog.parent.name}/{pair.catalog.name}"
            print(f"  missed {names} ({pair.kind}) {[round(f, 2) for f in found.features]}")
        if found.contradictions and pair.same and arguments.show:
            arguments.show.mkdir(parents=True, exist_ok=True)
            Image.fromarray(shown(pair, found)).save(arguments.show / f"{number}.jpg")
        if number % 100 == 99:
            print(f"{number + 1} of {len(listed)}", file=sys.stderr)
            memory.save()
    memory.save()
    for same in (True, False):
        for group in dict.fromkeys(group for s, group, _ in counts if s is same):
            of = {
                what: counts[same, group, what] for what in ("pairs", "contradicted", "aligned", "contradicted aligned")
            }
            print(f"{'right' if same else 'wrong'} {group}: " + ", ".join(f"{n} {what}" for what, n in of.items()))
        print("   by kind:", {kind: n for (s, kind), n in sorted(kinds.items()) if s is same})
    x, y = np.array(rows), np.array(labels)
    for column, name in enumerate(PRINT_FEATURES):
        means = [f"{x[y[:, 0] == same][:, column].mean():.3f}" for same in (True, False)]
        print(f"{name}: mean right {means[0]}, wrong {means[1]}")
    print(f"{1000 * np.mean(took):.0f} ms a pair (cuts that were kept cost nothing), {memory.asked} cuts")
    if arguments.features:
        np.savez(arguments.features, features=x, labels=y)


if __name__ == "__main__":
    main()
