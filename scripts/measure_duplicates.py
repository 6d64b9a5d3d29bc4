"""Plant duplicates in a catalog of real photos, let `simsearch duplicates` look for them, and print what it found.

    python scripts/measure_duplicates.py DATA SCRATCH [--images 1900] [--each 50] [--seed 0] [--config FILE]

DATA is a folder with `tfda.csv` (sku, name, image, split), `tfda_same_photo.csv` (groups of SKUs whose photos are the
same file, `a|b|c`) and the photos. SCRATCH gets the altered copies, the table and the home; a second call uses them
again. The program runs as a command, as a user runs it. Planted, each under an SKU of its own:

    identical     the groups of `tfda_same_photo.csv`, as they are
    reencoded     JPEG of quality 40 to 80
    resized       to 0.4 to 0.75 of the side
    cropped       5 to 25 % of each side's length cut off
    brightened    gain 0.7 to 1.4, gamma 0.8 to 1.25
    rotated       by a quarter or half turn
    tilted        by 3 to 12 degrees, corners cut off
    everything    resized, cropped, brightened and re-encoded
    other photo   the second photo of the split `eval`: other session or scale, hard
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels, np.random.Generator], tuple[Pixels, int]]
"""Pixels (BGR) to pixels and the JPEG quality they are written with."""


def reencoded(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, int]:
    return pixels, int(rng.integers(40, 80))


def resized(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, int]:
    share = float(rng.uniform(0.4, 0.75))
    return np.asarray(cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8), 90


def cropped(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, int]:
    height, width = pixels.shape[:2]
    cut_y, cut_x = rng.uniform(0.05, 0.25, 2) * (height, width)
    top, left = int(rng.uniform(0, cut_y)), int(rng.uniform(0, cut_x))
    return np.ascontiguousarray(pixels[top : top + height - int(cut_y), left : left + width - int(cut_x)]), 92


def brightened(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, int]:
    gain, gamma = float(rng.uniform(0.7, 1.4)), float(rng.uniform(0.8, 1.25))
    return np.clip(255 * (pixels / 255.0 * gain) ** gamma, 0, 255).astype(np.uint8), 92


def rotated(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, int]:
    return np.ascontiguousarray(np.rot90(pixels, int(rng.integers(1, 4)))), 92


def tilted(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, int]:
    height, width = pixels.shape[:2]
    angle = float(rng.uniform(3, 12) * rng.choice([-1, 1]))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.25)
    return np.asarray(cv2.warpAffine(pixels, turn, (width, height), flags=cv2.INTER_AREA), np.uint8), 92


def everything(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, int]:
    for change in (cropped, resized, brightened):
        pixels, _ = change(pixels, rng)
    return pixels, int(rng.integers(60, 85))


CHANGES: dict[str, Change] = {
    f.__name__: f for f in (reencoded, resized, cropped, brightened, rotated, tilted, everything)
}
SAME_PHOTO, OTHER_PHOTO, IDENTICAL = set(CHANGES), "other photo", "identical"
KIND = {IDENTICAL: "identical", OTHER_PHOTO: "same-product", **dict.fromkeys(CHANGES, "same-photo")}
"""How a duplicate was made -> the kind that the program should report."""


@dataclass(frozen=True)
class Planted:
    """Two SKUs that show the same thing."""

    a: str
    b: str
    how: str


def plant(data: Path, folder: Path, images: int, each: int, seed: int) -> None:
    """Write catalog.csv, planted.csv and the altered copies below `folder`."""
    rng = np.random.default_rng(seed)
    with (data / "tfda.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    shown = {row["sku"]: row for row in rows if row["split"] == "catalog"}
    second = [row for row in rows if row["split"] == "eval"]
    groups = [line.split("|") for line in (data / "tfda_same_photo.csv").read_text().split()[1:]]
    planted = [Planted(a, b, IDENTICAL) for group in groups for a, b in combinations(group, 2)]
    wanted = dict.fromkeys([sku for group in groups for sku in group] + [row["sku"] for row in second])
    others = [str(s) for s in rng.permutation(sorted(shown.keys() - wanted.keys()))]
    catalog = [*wanted, *others[: max(0, images - len(wanted))]]
    table = [{"sku": s, "name": shown[s]["name"], "image": str(data / shown[s]["image"])} for s in catalog]
    # Only photos that are filed once are copied: a copy of an identical pair would be a duplicate of both.
    sources = [str(s) for s in rng.permutation(others[: len(catalog) - len(wanted)])]
    if len(sources) < each * len(CHANGES):
        raise SystemExit(f"--images {images}: too few for --each {each}; give at least {len(wanted)} and 7 for each")
    copies = folder / "copies"
    copies.mkdir(parents=True, exist_ok=True)
    for how, change in CHANGES.items():
        for number in range(each):
            sku, twin = sources.pop(), f"COPY-{how}-{number:03d}"
            pixels = cv2.imread(str(data / shown[sku]["image"]), cv2.IMREAD_COLOR)
            assert pixels is not None, sku
            made, quality = change(np.asarray(pixels, np.uint8), rng)
            cv2.imwrite(str(copies / f"{twin}.jpg"), made, [cv2.IMWRITE_JPEG_QUALITY, quality])
            table.append({"sku": twin, "name": shown[sku]["name"], "image": f"copies/{twin}.jpg"})
            planted.append(Planted(sku, twin, how))
    for row in second:
        twin = f"COPY-second-{row['sku'].removeprefix('tfda-')}"
        table.append({"sku": twin, "name": row["name"], "image": str(data / row["image"])})
        planted.append(Planted(row["sku"], twin, OTHER_PHOTO))
    _write(folder / "catalog.csv", ("sku", "name", "image"), [tuple(row.values()) for row in table])
    _write(folder / "planted.csv", ("a", "b", "how"), [(p.a, p.b, p.how) for p in planted])


def _write(path: Path, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([head, *rows])


def simsearch(home: Path, config: Path | None, *rest: str) -> str:
    """Standard output of the program."""
    options = ["--config", str(config)] if config else []
    call = [
        sys.executable,
        "-c",
        "from simsearch.cli.main import main; main()",
        "--quiet",
        *options,
        "--home",
        str(home),
    ]
    return subprocess.run([*call, "--home", str(home), *rest], check=True, stdout=subprocess.PIPE, text=True).stdout


def report(planted: Sequence[Planted], groups: Sequence[dict[str, Any]], shas: dict[str, str]) -> dict[str, Any]:
    """Recall by how a duplicate was made, precision by reported kind, and the reported pairs that were not planted."""
    found: dict[frozenset[str], str] = {}
    for group in groups:
        sku_of = {image["image"]: image["sku"] for image in group["images"]}
        skus_of: dict[str, set[str]] = {}
        for image in group["images"]:
            skus_of.setdefault(image["sha256"], set()).add(image["sku"])
        for pair in group["pairs"]:
            found[frozenset((sku_of[pair["a"]], sku_of[pair["b"]]))] = pair["kind"]
        for skus in skus_of.values():
            found |= dict.fromkeys(map(frozenset, combinations(sorted(skus), 2)), IDENTICAL)
    recall: dict[str, Counter[str]] = {}
    truth = {}
    for p in planted:
        # Some groups of the list share a file only by another photo of the product.
        same_file = shas.get(p.a) == shas.get(p.b)
        how = "identical" if same_file else ("listed, other file" if p.how == IDENTICAL else p.how)
        truth[frozenset((p.a, p.b))] = KIND.get(how, "same-product")
        recall.setdefault(how, Counter())[found.get(frozenset((p.a, p.b)), "missed")] += 1
    precision: dict[str, Counter[str]] = {}
    for pair, kind in found.items():
        if len(pair) == 2:
            precision.setdefault(kind, Counter())[truth.get(pair, "unplanned")] += 1
    unplanned = sorted((kind, *sorted(pair)) for pair, kind in found.items() if len(pair) == 2 and pair not in truth)
    return {"recall": recall, "precision": precision, "unplanned": unplanned}


def main() -> None:
    parser = argparse.ArgumentParser(description="Plant duplicates in a catalog of real photos and look for them.")
    parser.add_argument("data", type=Path, help="folder with tfda.csv, tfda_same_photo.csv and the photos")
    parser.add_argument("scratch", type=Path, help="folder for copies, table and home")
    parser.add_argument("--images", type=int, default=1900, help="photos of the catalog before anything is planted")
    parser.add_argument("--each", type=int, default=50, help="copies of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--config", type=Path, help="settings for simsearch")
    options = parser.parse_args()
    home = options.scratch / "home"
    if not (options.scratch / "catalog.csv").is_file():
        plant(options.data.resolve(), options.scratch, options.images, options.each, options.seed)
    if not home.is_dir():
        simsearch(home, options.config, "index", str(options.scratch / "catalog.csv"))
    started = time.perf_counter()
    page = options.scratch / "duplicates.html"
    out = simsearch(home, options.config, "duplicates", "--json", "--html", str(page), "--limit", "1000")
    took = time.perf_counter() - started
    with (options.scratch / "planted.csv").open(encoding="utf-8", newline="") as stream:
        planted = [Planted(**row) for row in csv.DictReader(stream)]
    with (options.scratch / "catalog.csv").open(encoding="utf-8", newline="") as stream:
        files = {row["sku"]: options.scratch / row["image"] for row in csv.DictReader(stream)}
    shas = {sku: hashlib.sha256(path.read_bytes()).hexdigest() for sku, path in files.items()}
    made = report(planted, [json.loads(line) for line in out.splitlines()], shas)
    print(f"{len(files)} photos, {took:.0f} s; pictures: {page}\n")
    print("| planted | pairs | found as | missed |\n| --- | --- | --- | --- |")
    for how, counts in made["recall"].items():
        called = ", ".join(f"{n} {kind}" for kind, n in counts.most_common() if kind != "missed")
        print(f"| {how} | {counts.total()} | {called or 'none'} | {counts['missed']} |")
    print("\n| called | pairs | planted | not planted, to be looked at |\n| --- | --- | --- | --- |")
    for kind, counts in made["precision"].items():
        print(f"| {kind} | {counts.total()} | {counts.total() - counts['unplanned']} | {counts['unplanned']} |")
    for row in made["unplanned"]:
        print("  ".join(row))


if __name__ == "__main__":
    main()
