#!/usr/bin/env python3
"""Measure keypoint geometry alone on the training boxes: which score tells right pairs from hard wrong ones.

usage: measure_geometry.py DATA_DIR [--every N] [--set NAME=VALUE ...]

Each photo of a training product is compared with the other photos of its product and with hard wrong photos: the 25
nearest embeddings and the 25 images with the most keypoint votes, among the first photos of other products and the
unlabelled photos. Pairs of boxes_ambiguous.csv and of scripts/doubtful_pairs.csv (found by eye) are left out. `--set`
changes settings of the `orb` method, for instance keypoints=800. The network was trained on these products; here it
only chooses the wrong photos.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.types import Descriptor
from simsearch.features import create
from simsearch.features.homography import sane
from simsearch.features.keypoints import column
from simsearch.features.orb import Orb
from simsearch.indexes.catalog_keypoints import indexed_keypoints
from simsearch.indexes.keypoint_votes import VoteIndex, nearest

HARD = 25
SCORES = ("matches", "their inliers", "guided inliers", "support")


def table(path: Path) -> list[dict[str, str]]:
    """The records of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def doubtful(data: Path) -> set[tuple[str, str]]:
    """(sku, image without suffix, or folder of images): photos that may show the product."""
    own = table(Path(__file__).with_name("doubtful_pairs.csv"))
    return {(r["sku"], r["image"].rsplit(".", 1)[0]) for r in (*table(data / "boxes_ambiguous.csv"), *own)}


def plain_inliers(orb: Orb, query: Descriptor, other: Descriptor) -> tuple[int, int]:
    """Number of matches of the ratio test, and of those that one sane homography explains, without guided matching."""
    pairs = orb.matches(query, other)
    if len(pairs) < 6:
        return len(pairs), 0
    a, b = (column(d, "xy")[pairs[:, k]].astype(np.float32) / 32 for k, d in enumerate((query, other)))
    found, mask = cv2.findHomography(a, b, cv2.USAC_MAGSAC, orb.settings.tolerance, maxIters=1000, confidence=0.999)
    inside = np.zeros(len(a), bool) if found is None else mask.reshape(-1).astype(bool)
    good = inside.sum() >= 6 and sane(np.asarray(found, np.float64), a[inside])
    return len(pairs), int(inside.sum()) if good else 0


def report(scores: NDArray[np.float64], same: NDArray[np.bool_], query: NDArray[np.int64]) -> dict[str, float]:
    """Shares of right pairs with a higher score than wrong pairs.

    `own`: than every wrong pair of the same photo. `all but n%`: than the best wrong pair of all but n % of the photos.
    """
    best = np.array([scores[(query == q) & ~same].max() for q in query])
    worst = np.sort([scores[(query == q) & ~same].max() for q in np.unique(query)])[::-1]
    right = scores[same]
    out = {"own": float((right > best[same]).mean())}
    for share in (0.01, 0.02, 0.05):
        out[f"all but {share:.0%}"] = float((right > worst[int(share * len(worst))]).mean())
    return out


def main(data: Path, every: int, settings: Mapping[str, float]) -> None:
    """Describe, compare, print."""
    orb, siamese = create("orb", settings), create("siamese")
    assert isinstance(orb, Orb)
    train = [(r["sku"], r["image"]) for r in table(data / "boxes.csv") if r["split"] == "train"]
    loose = [("", f"boxes_unlabelled/{p.name}") for p in sorted((data / "boxes_unlabelled").iterdir())]
    photos, unsure = train + loose, doubtful(data)
    skus, names = [s for s, _ in photos], [n.rsplit(".", 1)[0] for _, n in photos]
    keypoints: list[Descriptor] = []
    embeddings = []
    took = 0.0
    for _, name in photos:
        image = images.load(data / name, ImageSettings())
        started = time.process_time()
        keypoints += orb.describe([image])
        took += time.process_time() - started
        embeddings += siamese.describe([image])
    print(f"{len(photos)} photos, {took / len(photos) * 1e3:.1f} ms of keypoints each")
    vectors = np.stack(embeddings)
    shelf = [i for i in range(len(photos)) if skus[i] not in skus[:i] or not skus[i]]
    index = VoteIndex(expected=200 * len(shelf))
    bits = [indexed_keypoints(keypoints[i], 200) for i in shelf]
    index.add(np.repeat(np.array(shelf), [len(b) for b in bits]), np.concatenate(bits))

    def unlike(i: int, j: int) -> bool:
        ways = ((skus[i], names[j]), (skus[j], names[i]))
        return skus[i] != skus[j] and not any({(s, n), (s, str(Path(n).parent))} & unsure for s, n in ways)

    rows: list[tuple[float, ...]] = []
    same: list[bool] = []
    asked: list[int] = []
    spent = 0.0
    for i in range(0, len(train), every):
        wrong = [j for j in shelf if unlike(i, j)]
        near = sorted(wrong, key=lambda j: -float(vectors[i] @ vectors[j]))[:HARD]
        around = nearest((index,), column(keypoints[i], "bits"), k=17, without=frozenset((i,)))
        voted = around.tally[0].tolist()
        allowed = set(wrong)
        hard = sorted({*near, *[j for j in voted if j in allowed][:HARD]})
        right = [j for j in range(len(train)) if j != i and skus[j] == skus[i] and (skus[i], names[j]) not in unsure]
        others = right + hard
        started = time.process_time()
        elsewhere = [around.elsewhere([k for k in shelf if k == j or (skus[j] and skus[k] == skus[j])]) for j in others]
        found = orb.geometries(keypoints[i], [keypoints[j] for j in others], elsewhere)
        spent += time.process_time() - started
        plain = [plain_inliers(orb, keypoints[i], keypoints[j]) for j in others]
        rows += [(*p, g.inliers, g.support) for p, g in zip(plain, found, strict=True)]
        same += [skus[j] == skus[i] for j in others]
        asked += [i] * len(others)
    _print(np.array(rows), np.array(same), np.array(asked))
    print(f"{len(rows)} pairs, {sum(same)} of them right; {spent / len(rows) * 1e3:.2f} ms a pair")


def _print(rows: NDArray[np.float64], same: NDArray[np.bool_], query: NDArray[np.int64]) -> None:
    for k, name in enumerate(SCORES):
        figures = report(rows[:, k], same, query)
        print(f"{name:16s}" + "".join(f"{what}: {value:.3f}  " for what, value in figures.items()))


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    return parser.parse_args(given)


if __name__ == "__main__":
    named = arguments()
    numbers = {k: float(v) if "." in v else int(v) for k, v in (pair.split("=") for pair in named.set)}
    main(named.data, named.every, numbers)
