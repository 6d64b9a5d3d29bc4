"""Photos that are alike and no copies: pairs that `simsearch duplicates` lists, by kind, and how many are right.

    python scripts/measure_not_duplicates.py DATA SCRATCH [--official 500] [--seed 0] [--reading]

Two catalogs of real photos, none of which is used to evaluate recognition:

    boxes     every photo of the products of `boxes.csv`, split train, with the products that look like them and like
              each other (`boxes_lookalikes.csv`), but for products of the splits eval and never. Several photos of a
              product are second photos: a pair of them is right, any other is wrong
    tablets   second photos of `tfda.csv`, split train, the photos of these products, and `--official` further photos
              of the split catalog: loose pills, most of them beside the same few rulers. A pair of one product is right

Photos of which nobody can tell whether they show one product (`boxes_ambiguous.csv`) are left out. Each photo gets an
SKU of its own and no name, so that nothing but the photos counts; `--reading` reads print, too. SCRATCH keeps the
homes.
"""

from __future__ import annotations

import argparse
import csv
import random
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from simsearch.evaluation.intervals import wilson

Photos = dict[str, str]
"""Image, relative to the data -> what it shows."""


def boxes(data: Path) -> Photos:
    """Photos of packages, with those that look like them."""
    labels = _rows(data / "boxes.csv")
    left_out = {row["image"] for row in _rows(data / "boxes_ambiguous.csv")}
    shown = {row["image"]: row["sku"] for row in labels if row["split"] == "train"}
    barred = {row["sku"] for row in labels if row["split"] != "train"}
    for row in _rows(data / "boxes_lookalikes.csv"):
        pair = (row["product_a"], row["product_b"])
        if barred.isdisjoint(pair):
            shown |= {f"boxes_unlabelled/{sku[2:]}.jpg": sku for sku in pair if sku.startswith("u-")}
    elsewhere = {row["image"] for row in labels if row["split"] != "train"}
    return {image: sku for image, sku in shown.items() if image not in left_out | elsewhere}


def tablets(data: Path, further: int, seed: int) -> Photos:
    """Official photos; licences that were filed with one photo show one product."""
    rows = _rows(data / "tfda.csv")
    one = {
        sku: row["skus"] for row in _rows(data / "tfda_same_photo.csv") for sku in row["skus"].split("|")
    }  # equal photos: real duplicates
    barred = {row["sku"] for row in _rows(data / "tfda_never_train.csv")}
    seconds = [row for row in rows if row["split"] == "train"]
    own = {row["sku"] for row in seconds}
    first = [row for row in rows if row["split"] == "catalog" and row["sku"] in own]
    others = [row for row in rows if row["split"] == "catalog" and row["sku"] not in own | barred]
    others = random.Random(seed).sample(others, min(further, len(others)))
    return {row["image"]: one.get(row["sku"], row["sku"]) for row in [*seconds, *first, *others]}


def found(photos: Photos, data: Path, scratch: Path, *, reading: bool) -> list[tuple[str, str, str]]:
    """Kind, and the two images, of each pair that is listed as a duplicate."""
    scratch.mkdir(parents=True, exist_ok=True)
    table, home, out = scratch / "catalog.csv", scratch / "home", scratch / "pairs.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        write = csv.writer(stream).writerow
        write(("sku", "name", "image"))
        for image in photos:
            write((image, "photo", str((data / image).resolve())))
    main = "from simsearch.cli.main import main; main()"
    program = [sys.executable, "-c", main, "--quiet", "--home", str(home)]
    if not home.is_dir():
        index = ["index", str(table), "--no-rebuild", *([] if reading else ["--no-reading"])]
        subprocess.run([*program, *index], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*program, "duplicates", "--csv", str(out)], check=True, stdout=subprocess.DEVNULL)
    return [(row["kind"], row["sku_a"], row["sku_b"]) for row in _rows(out)]


def report(name: str, photos: Mapping[str, str], pairs: Iterable[tuple[str, str, str]]) -> str:
    """A table by kind, and the pairs that are wrong."""
    by_kind: dict[str, list[tuple[bool, str, str]]] = {}
    for kind, a, b in pairs:
        by_kind.setdefault(kind, []).append((photos[a] == photos[b], a, b))
    lines = [f"{name}: {len(photos)} photos of {len(set(photos.values()))} products"]
    for kind, listed in sorted(by_kind.items()):
        right = sum(good for good, _, _ in listed)
        share = wilson(right, len(listed))
        cells = f"{right / len(listed):.3f} ({share.low:.3f} to {share.high:.3f})"
        lines.append(f"| {kind} | {len(listed)} | {right} | {cells} |")
        lines += [f"    {kind}: {a} {b}" for good, a, b in listed if not good]
    return "\n".join(lines)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def main() -> None:
    parser = argparse.ArgumentParser(description="Pairs listed among photos that are alike and no copies.")
    parser.add_argument("data", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--official", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reading", action="store_true")
    options = parser.parse_args()
    sets = {"boxes": boxes(options.data), "tablets": tablets(options.data, options.official, options.seed)}
    for name, photos in sets.items():
        pairs = found(photos, options.data, options.scratch / name, reading=options.reading)
        print(report(name, photos, pairs), flush=True)


if __name__ == "__main__":
    main()
