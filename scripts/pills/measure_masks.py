"""How well loose pills are found: on drawn scenes of looks, and on pieces of photos, that nothing was learned from.

    PYTHONPATH=. python scripts/pills/measure_masks.py ../shared/data/rximage.csv --photos ../shared/data/boxes.csv

A pill counts as found where an outline overlaps it by more than 0.6 (intersection over union). Pills that others cover,
or that the rim cuts, by more than a third are left out; an outline on them is neither right nor wrong.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from cutouts import cut_out, rows
from numpy.typing import NDArray
from scenes import scene
from train_masks import made, packages

from simsearch.features.network.pill_search import search

SIDE, SEED = 480, 17
SIZES = (0.0, 0.1, 0.2, 0.4, 2.0)
"""Bounds of the classes of size: longest extent over the scene's side."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studio", type=Path, help="table of studio photos")
    parser.add_argument("--photos", type=Path, required=True, help="table of photos of packages")
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--split", default="eval")
    asked = parser.parse_args()
    cutouts = made(*cut_out(asked.studio, [row for row in rows(asked.studio) if row["split"] == asked.split]))
    photos = packages(asked.photos, asked.split)
    overlaps: list[tuple[float, float]] = []
    wrong = 0
    for number in range(asked.scenes):
        one = scene(cutouts, photos, SIDE, np.random.default_rng([SEED, number]))
        found = [painted(outline) for outline in search(one.picture)]
        taken = [False] * len(found)
        for own in one.pills:
            each = [float((own & other).sum() / (own | other).sum()) for other in found]
            best = int(np.argmax(each)) if each else -1
            if best >= 0 and each[best] > 0.3:
                taken[best] = True
            extent = max(int(np.ptp(at)) for at in np.nonzero(own)) / SIDE
            overlaps.append((extent, max(each, default=0.0)))
        seen = one.mask > 0.5
        beside = [other for other, hit in zip(found, taken, strict=True) if not hit]
        wrong += sum(float((other & seen).sum() / other.sum()) < 0.5 for other in beside)
    table = np.array(overlaps)
    print(f"{asked.scenes} scenes, {len(table)} pills; outlines where there is no pill: {wrong}")
    for low, high in pairwise(SIZES):
        own = table[(table[:, 0] >= low) & (table[:, 0] < high), 1]
        right = own[own > 0.6]
        print(f"{low:.1f} to {high:.1f} of the side: {len(own)}, found {len(right) / max(1, len(own)):.3f}", end=", ")
        print(f"overlap of those {right.mean():.3f}, above 0.9 {np.mean(own > 0.9):.3f}")


def painted(outline: NDArray[np.float32]) -> NDArray[np.bool_]:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1)
    return mask.astype(bool)


if __name__ == "__main__":
    main()
