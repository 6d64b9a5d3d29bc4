#!/usr/bin/env python3
"""Write the tables that `simsearch check` is fitted and measured on.

usage: filing_manifests.py DATA OUT [--seed 3]

DATA holds boxes.csv, boxes_print.csv, boxes_lookalikes.csv, packs.csv, strips.csv. Each table has the columns of a
catalog's.

train: training products of boxes, with their rows, and of packs, and the look-alikes of which there is one photo and no
row, but for such as look like an evaluation product. eval: evaluation products of boxes with the look-alikes that
resemble them. packs: evaluation products, one package a photo. strips: no rows. rendered: 40 products, many in
families; one studio picture and two phone photos of the most telling face of each, drawn into OUT by the seed.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from fit_filing import parts_of
from plant_errors import look_alikes

from simsearch.synthetic import PhotoConditions, make_products, photograph, studio_photo, surfaces
from simsearch.synthetic.photos import jpeg_bytes

COLUMNS = ("sku", "image", "name", "ingredient", "strength", "form", "pack", "manufacturer")
FACES = ("print", "carton", "strip")
"""Of packs: photos of one package, as taken."""
PRODUCTS, SIDE, SEVERITY = 40, 1300, 0.35
Row = Mapping[str, str]


def records(path: Path) -> list[dict[str, str]]:
    """The records of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def boxes(data: Path, split: str) -> list[Row]:
    """Products of a split with their rows, and the look-alikes without one."""
    listed = records(data / "boxes.csv")
    splits = {row["sku"]: row["split"] for row in listed}
    printed = {row["product"]: row for row in records(data / "boxes_print.csv")}
    alike = look_alikes(data / "boxes_lookalikes.csv")
    parts, ends = parts_of(alike), {sku for pair in alike for sku in pair}
    of_part: dict[str, set[str]] = {}
    for sku in ends:
        of_part.setdefault(parts.get(sku, sku), set()).add(splits.get(sku, "u" if sku.startswith("u-") else "none"))
    found: list[Row] = []
    for row in listed:
        if row["split"] == split:
            row_of = printed.get(row["sku"], {})
            said = {c: row_of.get(c, "") for c in ("name", "ingredient", "strength", "form", "pack")}
            found.append({"sku": row["sku"], "image": row["image"], **said, "manufacturer": row_of.get("maker", "")})
    for sku in sorted(sku for sku in ends if sku.startswith("u-") and sku not in splits):
        others = of_part[parts.get(sku, sku)]
        if others <= {"u", "train"} if split == "train" else split in others:
            found.append({"sku": sku, "image": f"boxes_unlabelled/{sku[2:]}.jpg"})
    return found


def packs(data: Path, split: str) -> list[Row]:
    """Photos of one package of a split."""
    return [
        {column: row[column] for column in ("sku", "image", "name", "strength", "pack")}
        for row in records(data / "packs.csv")
        if row["split"] == split and row["face"] in FACES
    ]


def rendered(folder: Path, seed: int) -> list[Row]:
    """Products that are drawn, three photos each."""
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Row] = []
    for number, product in enumerate(make_products(PRODUCTS, seed, family_share=0.95)):
        face = surfaces(product)[0]
        for photo in range(3):
            rng = np.random.default_rng([seed, number, photo])
            conditions = PhotoConditions.draw(rng, SEVERITY)
            studio = studio_photo(product, face, rng, SIDE) if not photo else None
            pixels = photograph(product, face, rng, conditions, SIDE) if studio is None else studio
            path = folder / f"{product.sku}-{photo}.jpg"
            path.write_bytes(jpeg_bytes(pixels, 90))
            found.append({
                "sku": product.sku, "image": str(path), "name": product.name, "strength": product.strength,
                "form": product.form, "pack": product.pack, "manufacturer": product.manufacturer,
            })  # fmt: skip
    return found


def write(path: Path, rows: Iterable[Row], data: Path) -> None:
    """A table, with absolute paths of photos."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, restval="")
        writer.writeheader()
        listed = [{**row, "image": str((data / row["image"]).resolve())} for row in rows]
        writer.writerows(listed)
    print(f"{path.name}: {len(listed)} photos, {len({row['sku'] for row in listed})} products")


def main() -> None:
    """Write all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=3, help="Of what is rendered.")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    write(given.out / "train.csv", [*boxes(given.data, "train"), *packs(given.data, "train")], given.data)
    write(given.out / "eval.csv", boxes(given.data, "eval"), given.data)
    write(given.out / "packs.csv", packs(given.data, "eval"), given.data)
    write(given.out / "strips.csv", records(given.data / "strips.csv"), given.data)
    write(given.out / "rendered.csv", rendered(given.out / "rendered", given.seed), given.data)


if __name__ == "__main__":
    main()
