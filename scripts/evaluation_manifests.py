#!/usr/bin/env python3
"""Write the tables that `simsearch evaluate` measures the real sets on.

usage: evaluation_manifests.py DATA_DIR OUT_DIR

DATA_DIR holds the sets that docs/recognition.md describes.

For retrieval, open set and calibration (columns sku, image, role): boxes.csv, packs.csv, strips.csv, pills6.csv,
nlmphotos.csv and tfda.csv. The reference of a product is its first photo, in tfda.csv that of the register; in
nlmphotos.csv both studio photos of every pill are, and pills of one look are one product. The unlabelled boxes that
show no product of the evaluation split are distractors in the first three: the catalogs of docs/recognition.md.

For the methods (columns sku, image, part): boxes_pairs.csv; strips_pairs.csv, whose thresholds are chosen on boxes
because its three products cannot be divided; tfda_pairs.csv, without medicines that share a photo with another one.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path


def records(path: Path) -> list[dict[str, str]]:
    """The records of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    """Write a CSV file; its path."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def manifests(data: Path, out: Path) -> list[Path]:
    """Write all tables, with absolute paths of photos so that they can lie anywhere; their paths."""
    data = data.resolve()
    out.mkdir(parents=True, exist_ok=True)
    boxes = [(r["sku"], str(data / r["image"])) for r in records(data / "boxes.csv") if r["split"] == "eval"]
    strips = [(r["sku"], str(data / r["image"])) for r in records(data / "strips.csv")]
    tfda = [(r["sku"], str(data / r["image"]), r["split"]) for r in records(data / "tfda.csv")]
    shown = {image for _, image in boxes}
    loose = [str(p) for p in sorted((data / "boxes_unlabelled").iterdir())]
    unlabelled = [("", image, "distractor") for image in loose if image not in shown]
    packs = [r for r in records(data / "packs.csv") if r["face"] in ("print", "cut")]
    beside = [(f"{r['sku']}-{r['split']}", str(data / r["image"])) for r in packs if r["split"] != "eval"]
    faces = first_is_reference((r["sku"], str(data / r["image"])) for r in packs if r["split"] == "eval")
    pills6 = [(r["sku"], str(data / r["image"])) for r in records(data / "pills6.csv")]
    studio = [(r["look_id"], str(data / r["image"]), "reference") for r in records(data / "rximage.csv")]
    people = [r for r in records(data / "nlmphotos.csv") if r["split"] == "eval"]
    shared = {sku for r in records(data / "tfda_same_photo.csv") for sku in r["skus"].split("|")}
    asked = {sku for sku, _, split in tfda if split == "eval"}
    roles = {"catalog": "reference", "eval": "query"}
    asking, parts = ("sku", "image", "role"), ("sku", "image", "part")
    return [
        write(out / "boxes.csv", asking, [*first_is_reference(boxes), *unlabelled]),
        write(
            out / "packs.csv", asking,
            [*faces, *(one for one in first_is_reference(beside) if one[2] == "reference"), *unlabelled],
        ),
        write(out / "strips.csv", asking, [*first_is_reference(strips), *unlabelled]),
        write(out / "pills6.csv", asking, first_is_reference(pills6)),
        write(
            out / "nlmphotos.csv", asking,
            [*studio, *((r["look_id"], str(data / r["image"]), "query") for r in people)],
        ),
        write(out / "tfda.csv", asking, [(sku, path, roles[s]) for sku, path, s in tfda if s in roles]),
        write(out / "boxes_pairs.csv", ("sku", "image"), boxes),
        write(
            out / "strips_pairs.csv", parts,
            [*((*row, "test") for row in strips), *((*row, "validation") for row in boxes)],
        ),
        write(
            out / "tfda_pairs.csv", ("sku", "image"),
            [(sku, path) for sku, path, s in tfda if s in roles and sku in asked - shared],
        ),
    ]  # fmt: skip


def first_is_reference(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """(sku, image, role) of each row: the first photo of a product is its reference, the others ask."""
    seen: set[str] = set()
    out = []
    for sku, path in rows:
        out.append((sku, path, "query" if sku in seen else "reference"))
        seen.add(sku)
    return out


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    for written in manifests(Path(sys.argv[1]), Path(sys.argv[2])):
        print(written)
