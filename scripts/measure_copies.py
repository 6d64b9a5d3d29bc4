"""Make edited copies of photos, let `simsearch duplicates` look for them, and print how many of each kind it found.

    python scripts/measure_copies.py DATA SCRATCH [--photos 120] [--seed 23]

DATA is a folder with `boxes_unlabelled/`, `boxes.csv` (image), `tfda.csv` (sku, image, split), `tfda_same_photo.csv`.
Half of the photos are phone photos of boxes, half official photos. Each photo and each copy gets an SKU of its own, so
that every pair of copies counts: precision over all pairs, recall by kind against the unedited photo. SCRATCH keeps the
files and the home; a second call uses them again.

    grey        without colour            border      a white border of 8 % of the side
    banner      a dark strip of 9 % at the lower rim, with words
    quarter     turned by a quarter       watermark   words across the middle, half transparent
    screenshot  in the frame of a telephone's screen, with bars above and below
    light70     a crop of 70 % of each side, brighter and warmer

`--mirrored` adds a mirror image of each, and sets `duplicates.mirrored`.
"""

from __future__ import annotations

import argparse
import csv
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from pathlib import Path

from PIL import Image, ImageDraw, ImageEnhance, ImageOps

Edit = Callable[[Image.Image, random.Random], Image.Image]


def grey(photo: Image.Image, rng: random.Random) -> Image.Image:
    return photo.convert("L").convert("RGB")


def border(photo: Image.Image, rng: random.Random) -> Image.Image:
    return ImageOps.expand(photo, max(photo.size) * 8 // 100, (255, 255, 255))


def banner(photo: Image.Image, rng: random.Random) -> Image.Image:
    made, (width, height) = photo.copy(), photo.size
    top = height - height * 9 // 100
    draw = ImageDraw.Draw(made)
    draw.rectangle((0, top, width, height), fill=(20, 40, 110))
    draw.text(
        (width // 20, top + 4), "free delivery today", fill=(255, 255, 255), font_size=max(8, (height - top) * 2 // 3)
    )
    return made


def quarter(photo: Image.Image, rng: random.Random) -> Image.Image:
    return photo.transpose(Image.Transpose.ROTATE_90)


def watermark(photo: Image.Image, rng: random.Random) -> Image.Image:
    layer = Image.new("RGBA", photo.size, (0, 0, 0, 0))
    width, height = photo.size
    place = (width // 8, height * 45 // 100)
    ImageDraw.Draw(layer).text(place, "PHARMA SHOP", fill=(255, 255, 255, 110), font_size=width // 10)
    return Image.alpha_composite(photo.convert("RGBA"), layer).convert("RGB")


def screenshot(photo: Image.Image, rng: random.Random) -> Image.Image:
    width, height = photo.size
    screen = Image.new("RGB", (width, height + height // 3), (18, 18, 20))
    screen.paste(photo, (0, height // 6))
    draw = ImageDraw.Draw(screen)
    draw.text((width // 20, height // 24), "12:41", fill=(240, 240, 240), font_size=max(8, height // 18))
    draw.rounded_rectangle(
        (width // 3, screen.height - height // 20, width * 2 // 3, screen.height - height // 30), 4, (230, 230, 230)
    )
    return screen


def light70(photo: Image.Image, rng: random.Random) -> Image.Image:
    width, height = photo.size
    left, top = int(width * rng.uniform(0, 0.3)), int(height * rng.uniform(0, 0.3))
    cut = photo.crop((left, top, left + width * 7 // 10, top + height * 7 // 10))
    red, green, blue = ImageEnhance.Brightness(cut).enhance(1.1).split()
    return Image.merge("RGB", (red, green, blue.point(lambda value: value * 0.93)))


def mirror(photo: Image.Image, rng: random.Random) -> Image.Image:
    return ImageOps.mirror(photo)


FURTHER: dict[str, Edit] = {f.__name__: f for f in (grey, border, banner, quarter, watermark, screenshot, light70)}


def chosen(data: Path, count: int, rng: random.Random) -> list[Path]:
    """Half phone photos of boxes, half official photos; none that is listed for several products."""
    shared = {sku for row in _rows(data / "tfda_same_photo.csv") for sku in row["skus"].split("|")}
    official = [
        data / r["image"] for r in _rows(data / "tfda.csv") if r["split"] == "catalog" and r["sku"] not in shared
    ]
    labelled = {row["image"] for row in _rows(data / "boxes.csv")}
    boxes = [p for p in sorted((data / "boxes_unlabelled").iterdir()) if f"boxes_unlabelled/{p.name}" not in labelled]
    return rng.sample(boxes, count // 2) + rng.sample(official, count - count // 2)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def plant(data: Path, scratch: Path, count: int, seed: int, edits: Mapping[str, Edit] = FURTHER) -> None:
    """Write the photos, their copies and catalog.csv."""
    rng = random.Random(seed)
    folder = scratch / "photos"
    folder.mkdir(parents=True, exist_ok=True)
    with (scratch / "catalog.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("sku", "name", "image"))
        for number, path in enumerate(chosen(data, count, rng)):
            photo = Image.open(path).convert("RGB")
            for kind, made in [("0", photo), *((name, edit(photo, rng)) for name, edit in edits.items())]:
                made.save(folder / f"{number:04d}_{kind}.jpg", quality=88)
                table.writerow((f"{number:04d}_{kind}", f"photo {number:04d}", f"photos/{number:04d}_{kind}.jpg"))


def simsearch(home: Path, *rest: str) -> float:
    """Run the program; its processor time in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    call = [sys.executable, "-c", "from simsearch.cli.main import main; main()", "--quiet", "--home", str(home), *rest]
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def report(skus: Iterable[str], found: Iterable[tuple[str, str]]) -> str:
    """Precision and recall over all pairs, and recall against the unedited photo by kind."""
    photos: dict[str, list[str]] = {}
    for sku in skus:
        photos.setdefault(sku[:4], []).append(sku)
    true = {frozenset(pair) for members in photos.values() for pair in combinations(members, 2)}
    pairs = {frozenset(pair) for pair in found}
    right = pairs & true
    precision, recall = len(right) / max(1, len(pairs)), len(right) / len(true)
    lines = [f"precision {precision:.4f} ({len(pairs - true)} wrong), recall {recall:.4f}"]
    for kind in sorted({sku[5:] for members in photos.values() for sku in members} - {"0"}):
        wanted = [frozenset((f"{n}_0", f"{n}_{kind}")) for n in photos]
        per = [
            sum(pair in pairs for pair in half) / max(1, len(half))
            for half in (wanted[: len(wanted) // 2], wanted[len(wanted) // 2 :])
        ]
        every = sum(pair in pairs for pair in wanted) / len(wanted)
        lines.append(f"| {kind} | {every:.3f} | boxes {per[0]:.3f} | official {per[1]:.3f} |")
    lines += [f"wrong: {' '.join(sorted(pair))}" for pair in sorted(pairs - true, key=sorted)]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Edited copies of photos, and how many of them are found.")
    parser.add_argument("data", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--photos", type=int, default=120)
    parser.add_argument("--seed", type=int, default=23)
    parser.add_argument("--mirrored", action="store_true")
    options = parser.parse_args()
    edits = {**FURTHER, "mirror": mirror} if options.mirrored else FURTHER
    config = options.scratch / "config.toml"
    home, table = options.scratch / "home", options.scratch / "pairs.csv"
    if not (options.scratch / "catalog.csv").is_file():
        plant(options.data.resolve(), options.scratch, options.photos, options.seed, edits)
    config.write_text(f"[duplicates]\nmirrored = {str(options.mirrored).lower()}\n", encoding="utf-8")
    if not home.is_dir():
        described = simsearch(home, "index", str(options.scratch / "catalog.csv"), "--no-reading", "--no-rebuild")
        print(f"describing: {described:.0f} s of processor time")
    started = time.perf_counter()
    compared = simsearch(home, "--config", str(config), "duplicates", "--csv", str(table))
    print(f"comparing: {compared:.1f} s of processor time, {time.perf_counter() - started:.0f} s")
    skus = [row["sku"] for row in _rows(options.scratch / "catalog.csv")]
    print(report(skus, [(row["sku_a"], row["sku_b"]) for row in _rows(table) if row["sku_a"] != row["sku_b"]]))


if __name__ == "__main__":
    main()
