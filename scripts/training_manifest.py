#!/usr/bin/env python3
"""Write the table of photos that the shipped weights are trained on: `sku,image,group,surface`.

usage: training_manifest.py DATA_DIR OUT.csv

DATA_DIR holds the sets that docs/recognition.md describes. Left out: every product of a split that is not `train`, and
those of `tfda_never_train.csv`; `pills6` and `strips` (evaluation only); photos of packs that show several packages;
unlabelled photos that `boxes.csv` names (their product is known, and may be one for evaluation) or that
`boxes_ambiguous.csv` does. Pills of one look (colour, shape, imprint) are one class: nothing tells them apart.

Surfaces are weak labels. For medicines they follow from the shape in the register: its photos of tablets and capsules
show loose pills, those of liquids bottles. Those of boxes were given by people.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path


def rows(path: Path) -> list[dict[str, str]]:
    """The records of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


SOLID = {"圓形", "膠囊", "橢圓形", "四邊形", "三角形", "六邊形", "八邊形"}
"""The register's words for shapes of pills: round, capsule, oval, and with four, three, six and eight sides."""
LIQUID = "液劑"
FACES = {face: face for face in ("front", "back", "top", "bottle", "other")}
"""Faces of boxes.csv that are surfaces of simsearch as well."""


def surface(row: dict[str, str]) -> str:
    """The surface that a medicine's shape suggests, or empty. Some second photos show the packaging instead."""
    if row["shape"] in SOLID:
        return "pills"
    return "bottle" if row["split"] == "catalog" and row["shape"].startswith(LIQUID) else ""


def photos(data: Path) -> Iterator[tuple[str, str, str, str]]:
    """(sku, image relative to `data`, group, surface) of every photo that may be trained on."""
    never = {r["sku"] for r in rows(data / "tfda_never_train.csv")}
    # Licences that share one photo are one class: nothing tells them apart.
    one = {sku: r["skus"].split("|")[0] for r in rows(data / "tfda_same_photo.csv") for sku in r["skus"].split("|")}
    boxes = rows(data / "boxes.csv")
    doubtful = {r["image"] for r in rows(data / "boxes_ambiguous.csv")}
    for r in boxes:
        if r["split"] == "train" and r["image"] not in doubtful:
            yield r["sku"], r["image"], "boxes", FACES.get(r["face"], "")
    named = {r["image"] for r in boxes} | doubtful
    for path in sorted((data / "boxes_unlabelled").iterdir()):
        image = f"boxes_unlabelled/{path.name}"
        if image not in named:
            yield f"unlabelled-{path.stem}", image, "unlabelled", ""
    for r in rows(data / "packs.csv"):
        if r["split"] == "train" and r["face"] != "several":
            yield f"packs-{r['sku']}", r["image"], "packs", ""
    for r in rows(data / "tfda.csv"):
        if r["sku"] not in never and r["split"] != "eval":
            yield one.get(r["sku"], r["sku"]), r["image"], "tfda", surface(r)
    for name in ("rximage", "nlmphotos"):
        for r in rows(data / f"{name}.csv"):
            if r["split"] == "train":
                yield f"look-{r['look_id']}", r["image"], name, "pills"


def main(data: str, out: str) -> None:
    """Write the table, with absolute image paths so that it can lie anywhere."""
    root = Path(data).resolve()
    with Path(out).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["sku", "image", "group", "surface"])
        written = [(sku, str(root / image), *rest) for sku, image, *rest in photos(root)]
        writer.writerows(written)
    print(f"{len(written)} photos of {len({row[0] for row in written})} products")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
