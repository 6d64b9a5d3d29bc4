"""Measure parting photos into packages, from outside: `simsearch index` and `simsearch query --json` alone.

usage: python scripts/measure_packages.py DATA WORK --split train|eval [--singles N] [--assembled N] [--distractors N]
           [--simsearch BINARY]

DATA holds packs.csv, boxes.csv and their photos; WORK gets the catalogs, which a second call uses again. The catalog is
the first photo of each `print` and `cut` product of packs.csv, the first of each training product of boxes.csv (with
--split train), and the photos of boxes_unlabelled that show neither an evaluation product nor one of these.

Several: with --split eval the photos of packs.csv with face `several`, one row a package. There are none to tune on, so
--split train assembles some: packages cut out of training photos by their print, turned, and put beside each other. A
package is right where one of the answered packages has its SKU first, matched where that one is a MATCH. A MATCH with a
SKU that is not in the photo is wrong.

Single: other photos of boxes.csv and packs.csv (print, carton), which show one package, with few exceptions. The share
of them that is parted.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Packages = dict[str, list[str]]
"""Photo -> SKUs of the packages in it."""
_BATCH = 32
_LETTERS = 12  # of a package that is cut out


def rows(data: Path, name: str) -> list[dict[str, str]]:
    """The rows of a table."""
    with (data / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def photos_of(data: Path, table: str, split: str, faces: Sequence[str] = ()) -> dict[str, list[str]]:
    """SKU -> its photos in a split, in the order of the table; only of `faces`, where some are given."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows(data, table):
        if row["split"] == split and (not faces or row["face"] in faces):
            found[row["sku"]].append(str(data / row["image"]))
    return dict(found)


def catalog(data: Path, split: str, distractors: int | None) -> list[tuple[str, str]]:
    """(SKU, photo) of the catalog, with at most so many photos of other products."""
    groups: dict[tuple[str, str], str] = {}
    for row in rows(data, "packs.csv"):
        if row["face"] in ("print", "cut"):
            groups.setdefault((row["sku"], row["split"]), str(data / row["image"]))
    items = [(sku, photo) for (sku, _), photo in groups.items()]
    known = {str(data / row["image"]) for row in rows(data, "boxes.csv") if row["split"] == "eval"}
    if split == "train":
        training = photos_of(data, "boxes.csv", "train")
        items += [(sku, photos[0]) for sku, photos in training.items()]
        known |= {photo for photos in training.values() for photo in photos}
        known |= {photo for _, photo in items}
    others = sorted((data / "boxes_unlabelled").iterdir())
    return items + [(f"x-{photo.stem}", str(photo)) for photo in others if str(photo) not in known][:distractors]


class Program:
    """simsearch with one home."""

    def __init__(self, binary: str, home: Path) -> None:
        self.binary, self.home = binary, home

    def index(self, items: Sequence[tuple[str, str]]) -> None:
        """Index the catalog; what is indexed already is not read again."""
        table = self.home.with_suffix(".csv")
        with table.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([("sku", "image"), *items])
        command = [self.binary, "--home", str(self.home), "index", str(table)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def ask(self, photos: Sequence[str]) -> list[dict[str, Any]]:
        """One answer a photo."""
        answers: list[dict[str, Any]] = []
        for start in range(0, len(photos), _BATCH):
            batch = photos[start : start + _BATCH]
            command = [self.binary, "--home", str(self.home), "query", "--json", "--no-record", *batch]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            answers += [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if len(answers) != len(photos):
            raise SystemExit(f"{len(answers)} answers to {len(photos)} photos")
        return answers


# -- photos of several packages, assembled ---------------------------------------------------------------------------


def cut_out(photo: str, answer: dict[str, Any]) -> Pixels | None:
    """The package of a photo, upright, by where its print stands; None where there is too little of it."""
    picture = cv2.imread(photo)
    lines = (answer.get("read") or {}).get("lines", [])
    if picture is None or sum(len(line["text"]) for line in lines) < _LETTERS:
        return None
    size = np.array([picture.shape[1], picture.shape[0]], np.float32)
    corners = np.concatenate([np.array(line["place"], np.float32) * size for line in lines])
    (x, y), (across, down), turn = cv2.minAreaRect(corners)
    if turn > 45:
        turn, across, down = turn - 90, down, across
    rim = 0.24 * max(across, down)
    width, height = round(across + rim), round(down + rim)
    there = cv2.getRotationMatrix2D((x, y), turn, 1.0)
    there[:, 2] += np.array([width / 2 - x, height / 2 - y])
    out = cv2.warpAffine(picture, there, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.uint8)


def assembled(packages: Sequence[Pixels], rng: random.Random, noise: np.random.Generator) -> Pixels:
    """The packages beside each other on an uneven ground, each turned, 1600 by 1200 pixels."""
    width, height = (1600, 1200) if rng.random() < 0.5 else (1200, 1600)
    spots = noise.normal(0, 14, (height // 60, width // 60, 3)).astype(np.float32)
    ground = noise.integers(60, 230, 3) + cv2.resize(spots, (width, height), interpolation=cv2.INTER_CUBIC)
    sheet = np.clip(ground + noise.normal(0, 5, (height, width, 1)), 0, 255)
    beside = (width > height) == (rng.random() < 0.7)
    for i, package in enumerate(packages):
        room = (width / len(packages), height) if beside else (width, height / len(packages))
        corner = (i * room[0], 0.0) if beside else (0.0, i * room[1])
        high, wide = package.shape[:2]
        turn = rng.gauss(0, 12) + rng.choice([0, 0, 0, 180]) + 90 * ((wide > high) != (room[0] > room[1]))
        sine, cosine = abs(np.sin(np.deg2rad(turn))), abs(np.cos(np.deg2rad(turn)))
        covered = wide * cosine + high * sine, wide * sine + high * cosine
        scale = min(1.6, min(room[0] / covered[0], room[1] / covered[1]) * rng.uniform(0.82, 1.0))
        middle = [
            corner[axis] + room[axis] / 2 + rng.uniform(-0.5, 0.5) * (room[axis] - scale * covered[axis])
            for axis in (0, 1)
        ]
        there = cv2.getRotationMatrix2D((wide / 2, high / 2), turn, scale)
        there[:, 2] += np.array(middle) - np.array([wide / 2, high / 2])
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        over = cv2.warpAffine(package, there, (width, height), flags=way)
        share = cv2.warpAffine(np.ones((high, wide), np.float32), there, (width, height))[..., None]
        sheet = sheet * (1 - share) + over * share
    return np.asarray(np.clip(sheet + noise.normal(0, 3, sheet.shape), 0, 255), np.uint8)


def assemble(program: Program, data: Path, folder: Path, number: int) -> Packages:
    """`number` photos of two or three packages from training photos that the catalog does not hold."""
    rng, noise = random.Random(7), np.random.default_rng(7)
    pool = [
        (sku, rng.choice(photos[1:])) for sku, photos in photos_of(data, "boxes.csv", "train").items() if photos[1:]
    ]
    strips = photos_of(data, "packs.csv", "train", ("print", "carton"))
    pool += [(sku, photo) for sku, photos in strips.items() for photo in photos[1:]]
    cut = [(sku, cut_out(photo, a)) for (sku, photo), a in zip(pool, program.ask([p for _, p in pool]), strict=True)]
    whole = [(sku, package) for sku, package in cut if package is not None]
    folder.mkdir(parents=True, exist_ok=True)
    made: Packages = {}
    for n in range(number):
        chosen: dict[str, Pixels] = {}
        while len(chosen) < (2 if n % 3 else 3):
            sku, package = rng.choice(whole)
            chosen.setdefault(sku, package)
        photo = folder / f"{n}.jpg"
        cv2.imwrite(str(photo), assembled(list(chosen.values()), rng, noise), [cv2.IMWRITE_JPEG_QUALITY, 85])
        made[str(photo)] = list(chosen)
    return made


# -- figures ---------------------------------------------------------------------------------------------------------


def first(package: dict[str, Any]) -> str | None:
    """The product that comes first."""
    return package["hits"][0]["sku"] if package["hits"] else None


def several(program: Program, asked: Packages) -> dict[str, Any]:
    """How the packages of photos are answered, one by one, and the first answer to each photo."""
    found: Counter[str] = Counter()
    for skus, answer in zip(asked.values(), program.ask(list(asked)), strict=True):
        packages = answer["packages"]
        found["photos"] += 1
        found["packages"] += len(skus)
        found["answered"] += len(packages)
        found["photos with as many answers"] += len(packages) == len(skus)
        for sku in skus:
            own = [p for p in packages if first(p) == sku]
            found["right"] += bool(own)
            found["matched"] += any(p["decision"] == "match" for p in own)
        found["wrong matches"] += sum(p["decision"] == "match" and p["sku"] not in skus for p in packages)
        found["photos whose first answer is right"] += first(answer) in skus
        found["photos whose first answer is a match"] += answer["decision"] == "match" and answer["sku"] in skus
    shares = {name: round(found[name] / found["packages"], 3) for name in ("right", "matched")}
    return {**found, **{f"{name}, share": share for name, share in shares.items()}}


def single(program: Program, photos: Sequence[str]) -> dict[str, Any]:
    """The share of photos of one package that are parted, and which."""
    answers = program.ask(photos)
    parted = [answer["query"] for answer in answers if len(answer["packages"]) > 1]
    second = sum(len(answer["packages"]) > 1 for answer in answers)
    return {"photos": len(photos), "parted": second, "share": round(second / len(photos), 4), "which": parted}


def main() -> None:
    """Measure, and print one JSON line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--split", choices=("train", "eval"), default="train")
    parser.add_argument("--singles", type=int, default=200, help="photos of one package of boxes.csv at most")
    parser.add_argument("--assembled", type=int, default=60, help="photos to assemble of training photos")
    parser.add_argument("--distractors", type=int, help="photos of other products in the catalog; default: all")
    parser.add_argument("--simsearch", default="simsearch", metavar="BINARY")
    options = parser.parse_args()
    data, split = options.data.resolve(), options.split
    options.work.mkdir(parents=True, exist_ok=True)
    program = Program(options.simsearch, options.work / f"{split}.home")
    program.index(catalog(data, split, options.distractors))
    if split == "train":
        asked = assemble(program, data, options.work / "assembled", options.assembled)
    else:
        asked = {}
        for row in rows(data, "packs.csv"):
            if row["face"] == "several" and row["split"] == split:
                asked.setdefault(str(data / row["image"]), []).append(row["sku"])
    print(json.dumps({"several": several(program, asked)}), flush=True)
    boxes = [photo for photos in photos_of(data, "boxes.csv", split).values() for photo in photos[1:]]
    boxes = random.Random(5).sample(boxes, min(options.singles, len(boxes)))
    print(json.dumps({"single, boxes": single(program, boxes)}), flush=True)
    packs = photos_of(data, "packs.csv", split, ("print", "carton"))
    print(json.dumps({"single, packs": single(program, [p for ps in packs.values() for p in ps[1:]])}), flush=True)


if __name__ == "__main__":
    main()
