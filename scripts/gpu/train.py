#!/usr/bin/env python3
"""Train within a number of minutes on what pack.py packed. Needs NumPy, OpenCV, Pillow and PyTorch, and no network.

usage: train.py PACK_FOLDER RUN_FOLDER [--minutes 7] [--config configs/siamese-gpu.toml] [--device auto] [--photos N]

RUN_FOLDER gets best.safetensors, card.json, metrics.csv, curves.png and checkpoint.pt, as `simsearch train` writes
them; no calibration, which is fitted where the evaluation is. How many steps fit into the minutes is measured by a
short run first, so that the learning rate comes down within them; the steps of the config are at most taken.
`--photos` takes the first photos alone, to try the script where there is no GPU.
"""

from __future__ import annotations

import argparse
import csv
import os
import tarfile
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from simsearch.core import images
from simsearch.core.config import ImageSettings, parse_settings, read_toml
from simsearch.core.types import Pixels
from simsearch.features.network.network import pick_device
from simsearch.synthetic import TrainingPhotos, make_products
from simsearch.training.augment import with_strategy
from simsearch.training.batches import TrainingPhoto
from simsearch.training.settings import TrainSettings
from simsearch.training.trainer import train

PROBE = 60
"""Steps of the short run. The first third warms up and is not counted."""
SPARE = 0.8
"""Of the minutes, for the steps: validation and mining take the rest."""


def loaded(path: Path) -> Pixels:
    return images.load(path, ImageSettings()).pixels


def photos(folder: Path, most: int | None) -> list[TrainingPhoto]:
    """The packed photos, as unpacked into `folder`."""
    with (folder / "photos.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))[:most]
    return [
        TrainingPhoto(r["sku"], partial(loaded, folder / r["image"]), r["group"], r["surface"], r["image"])
        for r in rows
    ]


def rendered(part: tuple[int, int, TrainSettings]) -> list[tuple[str, str, Pixels]]:
    """SKU, surface and pixels of the rendered photos from one place to another."""
    first, last, settings = part
    source = TrainingPhotos(
        make_products(settings.rendered_products, settings.seed), settings.seed, size=settings.cache_side
    )
    samples = (source.sample(i) for i in range(first, last))
    return [(f"rendered-{s.sku}", str(s.surface), np.asarray(s.pixels)) for s in samples]


def rendered_photos(settings: TrainSettings, cores: int) -> list[TrainingPhoto]:
    """Rendered packages, drawn on all cores."""
    count = settings.rendered_products * settings.rendered_photos
    bounds = np.linspace(0, count, 4 * cores + 1).astype(int).tolist()
    parts = [(a, b, settings) for a, b in pairwise(bounds) if b > a]
    with ProcessPoolExecutor(cores) as pool:
        drawn = [one for part in pool.map(rendered, parts) for one in part]
    return [TrainingPhoto(sku, partial(np.asarray, p), "rendered", surface) for sku, surface, p in drawn]


class Pace:
    """Seconds a step, from the reports of a run."""

    def __init__(self) -> None:
        self.at: dict[int, float] = {}

    def __call__(self, done: int, total: int, text: str) -> None:
        self.at[done] = time.perf_counter()

    def seconds(self) -> float:
        first, last = max(1, PROBE // 3), max(self.at)
        return (self.at[last] - self.at[first]) / (last - first)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train within a number of minutes.")
    parser.add_argument("pack", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--config", type=Path, default=Path("configs/siamese-gpu.toml"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--photos", type=int, help="the first photos alone")
    options = parser.parse_args()
    cores = os.cpu_count() or 1
    tables = with_strategy(read_toml(options.config), where=str(options.config))
    settings = parse_settings(TrainSettings, tables, where=str(options.config))
    settings = replace(settings, start=str(options.pack / "start.pth"), loader_workers=max(1, cores - 1))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as unpacked:
        with tarfile.open(options.pack / "photos.tar") as tar:
            tar.extractall(unpacked, filter="data")
        given = photos(Path(unpacked), options.photos) + rendered_photos(settings, cores)
        print(f"{len(given)} photos after {time.perf_counter() - began:.0f} s", flush=True)
        device = pick_device(options.device).type
        pace = Pace()
        short = replace(
            settings, optimiser=replace(settings.optimiser, steps=PROBE), validate_every=10**9,
            checkpoint_every=10**9, validation_share=0.0,
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as probe:
            train(short, given, Path(probe), device=device, progress=pace)
        left = 60 * options.minutes - (time.perf_counter() - began)
        steps = max(1, min(settings.optimiser.steps, int(SPARE * left / pace.seconds())))
        print(f"{pace.seconds():.3f} s a step; {steps} steps in {left:.0f} s", flush=True)
        if left <= 0:
            raise SystemExit(f"--minutes {options.minutes:g}: reading the photos and the short run took longer")
        settings = replace(settings, optimiser=replace(settings.optimiser, steps=steps))
        settings = replace(settings, mine_every=max(1, steps // 6), validate_every=max(1, steps // 8))
        result = train(settings, given, options.run, device=device, progress=told)
    print(
        f"{result.steps} steps, best R@1 on held-out products {result.best_r1:.3f}, {time.perf_counter() - began:.0f} s"
    )


def told(done: int, total: int, text: str) -> None:
    if done % 100 == 0:
        print(f"{done}/{total} {text}", flush=True)


if __name__ == "__main__":
    main()
