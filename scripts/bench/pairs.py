"""Pairs a second of the two label generations, at several numbers of classes.

    python scripts/bench/pairs.py [--json]

`balanced` has 10 images a class; `long-tailed` has one image in nine classes of ten, and 2 to 50 in the others.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.training.pairs import ALGORITHMS, LabelledImages

CLASSES = (100, 1_000, 10_000)


def balanced(classes: int) -> NDArray[np.int64]:
    """The class of each image."""
    return np.repeat(np.arange(classes), 10)


def long_tailed(classes: int) -> NDArray[np.int64]:
    """The class of each image."""
    rng = np.random.default_rng(0)
    counts = np.where(np.arange(classes) % 10 == 0, rng.integers(2, 51, classes), 1)
    return np.repeat(np.arange(classes), counts)


def pairs_per_second(algorithm: str, images: LabelledImages, seconds: float) -> float:
    """By the median of three batches. A batch has at least 32 pairs and takes about a third of `seconds`."""
    draw, rng, count = ALGORITHMS[algorithm], np.random.default_rng(1), 32
    took: list[float] = []
    while True:
        started = time.perf_counter()
        draw(images, count, rng)
        elapsed = time.perf_counter() - started
        if elapsed >= seconds / 3 or took:
            took.append(elapsed)
            if len(took) == 3:
                return count / float(np.median(took))
        else:
            count = max(count + 1, int(count * min(10.0, seconds / 3 / max(elapsed, 1e-6) * 1.1)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Pairs a second of the two label generations.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each figure")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for shape, make in (("balanced", balanced), ("long-tailed", long_tailed)):
        for classes in CLASSES:
            images = LabelledImages(make(classes))
            speeds = {name: round(pairs_per_second(name, images, options.seconds), 1) for name in ALGORITHMS}
            rows.append({"shape": shape, "classes": classes, "images": len(images), **speeds})
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'shape':<12}{'classes':>8}{'images':>8}{'algorithm-1':>14}{'algorithm-2':>14}   pairs/s")
    for row in rows:
        one, two = row["algorithm-1"], row["algorithm-2"]
        print(f"{row['shape']:<12}{row['classes']:>8,}{row['images']:>8,}{one:>14,.0f}{two:>14,.0f}")


if __name__ == "__main__":
    main()
