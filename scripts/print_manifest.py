#!/usr/bin/env python3
"""Write the table that the shipped calibration of print is fitted on: `sku,image,role`.

usage: print_manifest.py DATA OUT.csv

DATA holds boxes.csv, boxes_ambiguous.csv, packs.csv and boxes_unlabelled/ (docs/evaluation.md). The table takes the
training products of boxes and packs, and every photo of boxes_unlabelled that shows no labelled product. Each of these
shows a product of its own, so it asks as one that the catalog lacks; what may be one product with another photo is a
distractor and does not ask. Photos of evaluation products are not in it.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

FACES = ("print", "cut", "carton", "strip")
"""Of packs: photos of one package."""


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def main(data: Path, out: Path) -> None:
    boxes, doubtful = rows(data / "boxes.csv"), {r["image"] for r in rows(data / "boxes_ambiguous.csv")}
    chosen = [(r["sku"], r["image"], "") for r in boxes if r["split"] == "train" and r["image"] not in doubtful]
    packs = [r for r in rows(data / "packs.csv") if r["split"] == "train" and r["face"] in FACES]
    chosen += [(r["sku"], r["image"], "") for r in packs]
    labelled = {r["image"] for r in boxes}
    for path in sorted((data / "boxes_unlabelled").iterdir()):
        image = f"boxes_unlabelled/{path.name}"
        if image not in labelled:
            chosen.append((f"u-{path.stem}", image, "distractor" if image in doubtful else ""))
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("sku", "image", "role"))
        writer.writerows((sku, str((data / image).resolve()), role) for sku, image, role in chosen)
    print(f"{len(chosen)} photos, {len({sku for sku, _, _ in chosen})} products")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
