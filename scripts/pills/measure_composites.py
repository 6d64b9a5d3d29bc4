"""How well a pill is recognised on a drawn photo: looks, and grounds, that nothing was learned from.

    PYTHONPATH=. python scripts/pills/measure_composites.py HOME ../shared/data/rximage.csv \\
        --photos ../shared/data/boxes.csv

HOME holds all studio photos, both sides of each pill, as `simsearch index` has put them there. Each drawn photo shows
one studio face of the split eval, on a ground of any kind, among them pieces of photos of packages of the split eval,
in any light (`scenes.py`). It is asked as a user's photo is; another pack of the same look is right, too.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from cutouts import cut_out, rows
from numpy.typing import NDArray
from scenes import Scene, scene
from train_masks import made, packages

from simsearch import Decision, open_app

SIDE, SEED = 480, 23
LEAST = 0.15
"""Longest extent of the pill over the side of the photo."""
LISTED = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("studio", type=Path, help="table of studio photos, with sku, look_id and split")
    parser.add_argument("--photos", type=Path, required=True, help="table of photos of packages")
    parser.add_argument("--count", type=int, default=300)
    asked = parser.parse_args()
    table = rows(asked.studio)
    packs: dict[str, set[str]] = defaultdict(set)
    for row in table:
        packs[row["look_id"]].add(row["sku"])
    faces, stored = cut_out(asked.studio, [row for row in table if row["split"] == "eval"])
    photos = packages(asked.photos, "eval")
    ranks, wrong = [], 0
    with open_app(asked.home) as app:
        for number in range(asked.count):
            g = np.random.default_rng([SEED, number])
            shown: Scene | None = None
            while shown is None:
                face = faces[int(g.integers(len(faces)))]
                if cutouts := made([face], stored):
                    shown = alone(scene(cutouts, photos, SIDE, g))
            data = cv2.imencode(".png", np.ascontiguousarray(shown.picture[..., ::-1]))[1].tobytes()
            [answer] = app.query([data], k=LISTED, record=False)
            assert isinstance(answer, Decision)
            right = packs[face.row["look_id"]]
            listed = [hit.sku in right for hit in answer.hits]
            ranks.append(listed.index(True) + 1 if any(listed) else LISTED + 1)
            wrong += answer.sku is not None and answer.outcome.value == "match" and answer.sku not in right
    found: NDArray[np.int64] = np.array(ranks)
    shares = ", ".join(f"R@{k} {np.mean(found <= k):.3f}" for k in (1, 3, 10, LISTED))
    print(f"{len(found)} drawn photos: {shares}; wrong matches {wrong}")


def alone(drawn: Scene) -> Scene | None:
    """The scene, where it shows one pill and that whole and large enough."""
    if len(drawn.pills) != 1 or (drawn.mask > 0.5).sum() > 1.2 * drawn.pills[0].sum():
        return None
    extent = max(int(np.ptp(at)) for at in np.nonzero(drawn.pills[0]))
    return drawn if extent >= LEAST * SIDE else None


if __name__ == "__main__":
    main()
