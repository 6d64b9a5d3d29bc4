#!/usr/bin/env python3
"""Write the table that the shipped calibration of print is fitted on: `sku,image,role`.

usage: print_manifest.py DATA OUT.csv RENDERED

DATA holds boxes.csv, boxes_ambiguous.csv, packs.csv and boxes_unlabelled/ (docs/evaluation.md). The table takes the
training products of boxes and packs, and every photo of boxes_unlabelled that shows no labelled product. Each of these
shows a product of its own, so it asks as one that the catalog lacks; what may be one product with another photo is a
distractor and does not ask. Photos of evaluation products are not in it.

Photos of other faces, which only print alone can tell, have the role `face`: strips whose carton is among the boxes,
and fronts, backs and strips of rendered products. These are drawn into the folder RENDERED, the same ones every time.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from simsearch.synthetic import PhotoConditions, make_products, photograph
from simsearch.synthetic.photos import jpeg_bytes

STRIP_OF = {"nims-pk-100-tab": "box-c145"}
"""Product of packs.csv -> its carton in boxes.csv: one brand, strength and maker, looked at."""
RENDERED, PRODUCTS, PHOTOS, SIDE = 150, 90125, 77, 1300
"""Products that are drawn, half of them in boxes; seeds of these and of their photos; side of a photo in pixels."""
SEVERITY = {"front": 0.15, "back": 0.3, "strip": 0.35}
"""Face -> how bad its photo is, 0 to 1."""
FACES = ("print", "cut", "carton", "strip")
"""Of packs: photos of one package."""


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def rendered(folder: Path) -> list[tuple[str, str, str]]:
    """A row a photo: carton front, carton back and strip of each product, one photo each."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    products = [product for product in make_products(RENDERED, PRODUCTS) if product.package == "box"]
    for number, product in enumerate(products):
        strip = replace(product, package="blister")
        for place, (face, severity) in enumerate(SEVERITY.items()):
            rng = np.random.default_rng([PHOTOS, number, place])
            of, surface = (strip, "back") if face == "strip" else (product, face)
            photo = folder / f"{product.sku}-{face}.jpg"
            photo.write_bytes(jpeg_bytes(photograph(of, surface, rng, PhotoConditions.draw(rng, severity), SIDE), 88))
            found.append((f"r-{product.sku}", str(photo), "face"))
    return found


def main(data: Path, out: Path, folder: Path) -> None:
    boxes, doubtful = rows(data / "boxes.csv"), {r["image"] for r in rows(data / "boxes_ambiguous.csv")}
    chosen = [(r["sku"], r["image"], "") for r in boxes if r["split"] == "train" and r["image"] not in doubtful]
    packs = [r for r in rows(data / "packs.csv") if r["split"] == "train" and r["face"] in FACES]
    for r in packs:
        carton = STRIP_OF.get(r["sku"])
        chosen.append((carton, r["image"], "face") if carton else (r["sku"], r["image"], ""))
    labelled = {r["image"] for r in boxes}
    for path in sorted((data / "boxes_unlabelled").iterdir()):
        image = f"boxes_unlabelled/{path.name}"
        if image not in labelled:
            chosen.append((f"u-{path.stem}", image, "distractor" if image in doubtful else ""))
    chosen += rendered(folder)
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("sku", "image", "role"))
        writer.writerows((sku, str((data / image).resolve()), role) for sku, image, role in chosen)
    print(f"{len(chosen)} photos, {len({sku for sku, _, _ in chosen})} products")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
