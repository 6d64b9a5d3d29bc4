#!/usr/bin/env python3
"""Measure what the reader of print finds, how long it takes, and how much memory it keeps.

    python scripts/measure_reading.py DATA boxes|packs [--split train] [--photos 60] [--set size=640 ...] [--stock]
    python scripts/measure_reading.py DATA memory [--threads 4]

DATA holds the sets that docs/recognition.md describes. `boxes` and `packs` compare the text of each photo with what
people read on that product, printed on that face or not:

    name      a word of the brand within two edits in ten
    strength  all its numbers; "with units": each number with its unit behind it
    pack      all numbers of the pack size

Only photos of `--split train` may choose settings. Times are of the processor, one thread, so that a busy machine
distorts them little. `--stock` reads with the pipeline of rapidocr instead, at the same size and on one thread.
`memory` reads 200 pictures of print, all of different shapes.
"""

from __future__ import annotations

import argparse
import csv
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from simsearch.core.config import parse_settings
from simsearch.core.threads import SingleThreaded
from simsearch.core.types import Pixels
from simsearch.features.reading import PpOcr, ReaderSettings, ppocr
from simsearch.features.reading.text import normalised
from simsearch.synthetic.typefaces import SMALL_BOLD, text_mask

NUMBER = r"\d+(?:\.\d+)?"
UNIT = r"(?:mg|mcg|µg|g|kg|ml|l|iu|%)"
NO_NAMES = frozenset("tablets tablet capsules sachet pakistan vitamin cream".split())

Sample = tuple[Path, Mapping[str, str]]
"""A photo, and what is printed on the product: name, strength, pack."""


def records(path: Path) -> list[dict[str, str]]:
    """The records of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def samples(data: Path, which: str, split: str, photos: int) -> list[Sample]:
    """Photos of a set, shuffled, with what is printed on their products."""
    if which == "packs":
        rows = [r for r in records(data / "packs.csv") if r["split"] == split and r["face"] != "several"]
        found = {r["image"]: r for r in rows}
    else:
        printed = {r["product"]: r for r in records(data / "boxes_print.csv")}
        rows = [r for r in records(data / "boxes.csv") if r["split"] == split and r["sku"] in printed]
        found = {r["image"]: printed[r["sku"]] for r in rows if r["face"] in ("front", "bottle")}
    listed: list[Sample] = [(data / image, found[image]) for image in sorted(found)]
    random.Random(3).shuffle(listed)
    return listed[:photos] if photos else listed


# -- what counts as read ----------------------------------------------------------------------------------------------


def edits(a: str, b: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def without_brackets(label: str) -> str:
    """A label without what stands in brackets: ingredients, remarks."""
    return normalised(re.sub(r"\(.*?\)", " ", label))


def has_name(label: str, text: str) -> bool | None:
    """Whether a word of the brand was read; None where the label has none."""
    words = [w for w in re.findall(r"[^\W\d_]{3,}", without_brackets(label)) if w not in NO_NAMES]
    read = normalised(text).split()
    joined = "".join(read)
    near = (edits(word, other) <= len(word) * 2 // 10 for word in words for other in read)
    return (any(word in joined for word in words) or any(near)) if words else None


def has_numbers(label: str, text: str) -> bool | None:
    """Whether all numbers of the label were read; None where it has none."""
    wanted = re.findall(NUMBER, without_brackets(label))
    return set(wanted) <= set(re.findall(NUMBER, normalised(text))) if wanted else None


def has_units(label: str, text: str) -> bool | None:
    """Whether each number of the label was read with its unit behind it; None where it has no number."""
    wanted = re.findall(rf"({NUMBER})\s*({UNIT})?(?!\w)", without_brackets(label))
    read = normalised(text)
    found = (re.search(rf"(?<![\d.]){re.escape(n)}\s*{u}(?!\w)", read) is not None for n, u in wanted)
    return all(found) if wanted else None


CHECKS: dict[str, tuple[str, Callable[[str, str], bool | None]]] = {
    "name": ("name", has_name),
    "strength": ("strength", has_numbers),
    "strength with units": ("strength", has_units),
    "pack": ("pack", has_numbers),
}


# -- measuring --------------------------------------------------------------------------------------------------------


def timed(spent: dict[str, list[float]], name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """`call`, adding its processor seconds and one call to `spent[name]`."""
    entry = spent.setdefault(name, [0.0, 0])

    def run(*given: Any) -> Any:
        begun = time.process_time()
        try:
            return call(*given)
        finally:
            entry[0] += time.process_time() - begun
            entry[1] += 1

    return run


def stock(size: int) -> Callable[[Pixels], str]:
    """The pipeline of rapidocr, with its classifier of upside-down lines."""
    from rapidocr import RapidOCR

    engine = RapidOCR(
        params={
            "Global.log_level": "error", "Det.limit_type": "max", "Det.limit_side_len": size,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1, "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )  # fmt: skip

    def read(pixels: Pixels) -> str:
        found: Any = engine(pixels[:, :, ::-1], use_det=True, use_cls=True, use_rec=True)
        return "\n".join(found.txts or ())

    return read


def measure(chosen: Sequence[Sample], read: Callable[[Pixels], str], spent: dict[str, list[float]]) -> None:
    """Print the share of each check, and milliseconds a photo."""
    found: dict[str, list[bool]] = {name: [] for name in CHECKS}
    reading = timed(spent, "all", read)
    for path, facts in chosen:
        text = reading(pixels_of(path))
        for name, (field, check) in CHECKS.items():
            said = check(facts[field], text)
            found[name] += [] if said is None else [said]
    print("; ".join(f"{name} {np.mean(said):.3f} of {len(said)}" for name, said in found.items() if said))
    for name, (seconds, calls) in spent.items():
        print(f"{name}: {1e3 * seconds / len(chosen):.0f} ms in {calls / len(chosen):.1f} calls")


def pixels_of(path: Path) -> Pixels:
    """The photo at its full resolution."""
    with Image.open(path) as opened:
        return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))


def memory(threads: int) -> None:
    """Print the resident memory while pictures of 200 shapes are read."""
    reader, sizes = PpOcr(), np.random.default_rng(5).integers(200, 1600, (200, 2))

    def resident() -> float:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 2**20

    def one(number: int) -> None:
        height, width = sizes[number]
        picture = np.full((height, width, 3), 230, np.uint8)
        for row in range(number % 8 + 1):
            mask = text_mask(f"HEMIPAN {number} mg {row}" * (1 + number % 2), SMALL_BOLD, 24)[:, : width - 10]
            if 30 * row + mask.shape[0] < height:
                picture[30 * row : 30 * row + mask.shape[0], 5 : 5 + mask.shape[1]][mask > 128] = 20
        reader.read(picture)

    print(f"before: {resident():.0f} MiB", flush=True)
    with ThreadPoolExecutor(threads) as pool:
        for part in range(8):
            list(pool.map(one, range(25 * part, 25 * part + 25)))
            print(f"after {25 * part + 25} pictures, {threads} threads: {resident():.0f} MiB", flush=True)


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("what", choices=("boxes", "packs", "memory"))
    parser.add_argument("--split", default="train", choices=("train", "eval"))
    parser.add_argument("--photos", type=int, default=0, help="at most this many; 0: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", nargs="*", default=[], help="settings of the reader, for instance size=640")
    parser.add_argument("--stock", action="store_true")
    given = parser.parse_args()
    with SingleThreaded():
        if given.what == "memory":
            memory(given.threads)
            return
        values = {key: float(value) if "." in value else int(value) for key, value in (s.split("=") for s in given.set)}
        settings = parse_settings(ReaderSettings, values, where="--set")
        spent: dict[str, list[float]] = {}
        for name in ("detect", "recognise", "_second_look"):
            setattr(ppocr, name, timed(spent, name.strip("_"), getattr(ppocr, name)))
        reader = PpOcr(settings)
        read = stock(settings.size) if given.stock else lambda pixels: reader.read(pixels).text
        read(np.zeros((64, 64, 3), np.uint8))
        for entry in spent.values():
            entry[:] = 0.0, 0
        measure(samples(given.data, given.what, given.split, given.photos), read, spent)


if __name__ == "__main__":
    main()
