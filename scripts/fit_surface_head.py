#!/usr/bin/env python3
"""Refit the surface head of trained weights on a table's `surface` column and on rendered packages; measure it.

usage: fit_surface_head.py WEIGHTS TABLE.csv OUT.safetensors [LABELS.csv ROOT]

At most 900 photos a surface are taken from the table. LABELS.csv (image,surface; images below ROOT) is only measured.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np

from simsearch import images
from simsearch.catalog.manifest import read_table
from simsearch.config import ImageSettings
from simsearch.datatypes import Pixels
from simsearch.siamese.network import SURFACES, restore, save
from simsearch.siamese.surface import fit_surface_head, pooled_features
from simsearch.siamese.weightfile import open_weights
from simsearch.synthetic import TrainingPhotos, make_products

MOST = 900
RENDERED = 1500
DECODING = ImageSettings(working_size=320)


def labelled(table: Path) -> tuple[list[Pixels], list[int]]:
    """Photos of the table whose surface is known, and index into SURFACES; taken evenly over the table."""
    records, _ = read_table(table, ("image", "surface"))
    known: dict[str, list[str]] = {s.value: [] for s in SURFACES}
    for _, record in records:
        if record["surface"] in known:
            known[record["surface"]].append(str(table.parent / record["image"]))
    pixels, codes = [], []
    for code, surface in enumerate(SURFACES):
        paths = known[surface.value]
        for path in paths[:: max(1, len(paths) // MOST)]:
            pixels.append(images.load(Path(path), DECODING).pixels)
            codes.append(code)
    return pixels, codes


def rendered() -> tuple[list[Pixels], list[int]]:
    """Drawn packages in simulated photos, with the surface that was drawn."""
    source = TrainingPhotos(make_products(500, seed=11), seed=11)
    samples = [source.sample(i) for i in range(RENDERED)]
    index = {s.value: i for i, s in enumerate(SURFACES)}
    return [s.pixels for s in samples], [index[str(s.surface)] for s in samples]


def main(weights: Path, table: Path, out: Path, labels: Path | None, root: Path | None) -> None:
    """Fit, save, and print the confusion on the labels."""
    opened = open_weights(weights)
    network = restore(opened)
    real, drawn = labelled(table), rendered()
    features = pooled_features(network, real[0] + drawn[0])
    codes = np.array(real[1] + drawn[1], np.int64)
    print("fitted on", dict(Counter(SURFACES[c].value for c in codes)))
    fit_surface_head(network, features, codes)
    save(network, out, opened.card)
    if labels and root:
        records, _ = read_table(labels, ("image", "surface"))
        found = pooled_features(network, [images.load(root / r["image"], DECODING).pixels for _, r in records])
        weight, bias = network.surface.weight.detach().numpy(), network.surface.bias.detach().numpy()
        said = [SURFACES[c].value for c in (found @ weight.T + bias).argmax(axis=1)]
        truth = [r["surface"] for _, r in records]
        right = sum(a == b for a, b in zip(said, truth, strict=True))
        print(f"{right} of {len(truth)} right ({right / len(truth):.1%})")
        for pair, n in Counter(zip(truth, said, strict=True)).most_common():
            print(f"{n:5} {pair[0]:8} said to be {pair[1]}")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 6):
        sys.exit(__doc__)
    given = [Path(a) for a in sys.argv[1:]]
    main(given[0], given[1], given[2], *(given[3:] or (None, None)))
