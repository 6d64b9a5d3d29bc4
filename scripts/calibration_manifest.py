#!/usr/bin/env python3
"""Write the table that the shipped calibration is fitted on: `sku,image,group,surface,role`.

usage: calibration_manifest.py TRAIN.csv OUT.csv

It takes three groups from the table of training_manifest.py. First, the products that training held out; of the studio
photos of pills only those of looks that people photographed ask, since of the others nothing is known but the two
sides, which look different: they are distractors. Second, the unlabelled photos, as distractors that do not ask, since
many show what another of them shows; those that show a labelled product by eye (doubtful_pairs.csv) are left out.
Third, all medicines with one photo, which ask: a photo of a drug that the catalog lacks is taken for a sibling, another
drug of the maker in the same design.

It adds 200 rendered packages that training never drew, one studio and two phone photos each, written beside OUT. They
hold no look-alike families: these descriptors cannot tell which of two strengths a photo shows.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from simsearch.core.types import Pixels
from simsearch.synthetic import PhotoConditions, SyntheticProduct, make_products, photograph, studio_photo, surfaces
from simsearch.training.batches import held_out

SHARE = 0.15
"""validation_share of configs/siamese.toml."""
RENDERED = 200
SEED = 99


def phone(product: SyntheticProduct, rng: np.random.Generator) -> Pixels:
    """A simulated phone photo of the main surface on plain ground.

    Patterned grounds and the small print on the backs repeat to the pixel from photo to photo, unlike real tables and
    most real texts: their keypoints would agree.
    """
    conditions = PhotoConditions.draw(rng, 0.5)
    plain = replace(conditions, background=str(rng.choice(["paper", "gradient", "dark"])))
    return photograph(product, surfaces(product)[0], rng, plain)


def main(train: Path, out: Path) -> None:
    """Pick the rows, render, write."""
    with train.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    counts = Counter(r["sku"] for r in rows)
    aside = [r for r in rows if counts[r["sku"]] > 1 and held_out(r["sku"], SHARE)]
    asking = {r["sku"] for r in aside if r["group"] != "rximage"}
    chosen = [r if r["sku"] in asking else {**r, "role": "distractor"} for r in aside]
    alone = [r for r in rows if counts[r["sku"]] == 1]
    with Path(__file__).with_name("doubtful_pairs.csv").open(encoding="utf-8", newline="") as stream:
        doubtful = {r["image"] for r in csv.DictReader(stream)}
    loose = [r for r in alone if r["group"] == "unlabelled"]
    shown = [r for r in loose if "/".join(Path(r["image"]).with_suffix("").parts[-2:]) not in doubtful]
    chosen += [{**r, "role": "distractor"} for r in shown]
    chosen += [r for r in alone if r["group"] == "tfda"]
    folder = out.parent / f"{out.stem}_rendered"
    folder.mkdir(parents=True, exist_ok=True)
    for number, product in enumerate(make_products(RENDERED, SEED, family_share=0.0)):
        studio = studio_photo(product, surfaces(product)[0], np.random.default_rng([SEED, number]))
        views = [studio, *(phone(product, np.random.default_rng([SEED, number, k])) for k in range(2))]
        for k, pixels in enumerate(views):
            path = folder / f"{product.sku}-{k}.jpg"
            Image.fromarray(pixels).save(path, quality=90)
            chosen.append({"sku": f"R-{product.sku}", "image": str(path.resolve()), "group": "rendered", "surface": ""})
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["sku", "image", "group", "surface", "role"], restval="")
        writer.writeheader()
        writer.writerows(chosen)
    print(f"{len(chosen)} photos, {len({r['sku'] for r in chosen})} products")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
