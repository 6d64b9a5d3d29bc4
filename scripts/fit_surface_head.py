#!/usr/bin/env python3
"""Refit the surface head of trained weights; nothing else of them changes. Run it after each training.

usage: fit_surface_head.py WEIGHTS TABLE.csv DATA_DIR OUT.safetensors [--measure]

It is fitted on four sources:
- labels by eye (surface_training_labels.csv, images below DATA_DIR);
- loose pills of TABLE, which training_manifest.py writes; its other surfaces are too often wrong;
- rendered packages, the only source of backs and tops;
- rendered blister strips, which are rare among the labels by eye and easily taken for loose pills.

Cross-validation on the labels by eye chooses the penalty and the weights of loose pills and packages. --measure prints
accuracy and confusions on surface_labels.csv, whose products are left out of the fit, and the answers for other
rendered strips. docs/surfaces.md has the definitions.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from surface_head import (
    PENALTIES,
    Labelled,
    fit_surface_head,
    held_out_loss,
    pooled_features,
    similar_groups,
)

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.types import Pixels
from simsearch.features.network.network import Network, restore, save
from simsearch.features.network.weights_file import SURFACES, open_weights
from simsearch.synthetic import SyntheticProduct, TrainingPhotos, make_products

HERE = Path(__file__).parent
BY_EYE, EVALUATION = HERE / "surface_training_labels.csv", HERE / "surface_labels.csv"
WEAK = {"pills"}
WEAK_MOST, RENDERED, STRIPS = 600, 900, 400
STRIP_SHARE = 0.3  # weight of a rendered strip; a label by eye has weight 1
SHARES = ((0.1, 0.03), (0.1, 0.1))  # weights of a weak label and of a rendered photo
SAME_BOX = 0.9  # cosine of features from which unlabelled photos stay on one side of the cross-validation
DECODING = ImageSettings(working_size=320)
CODE = {s.value: i for i, s in enumerate(SURFACES)}
BATCH = 64


def rows(path: Path) -> list[dict[str, str]]:
    """The records of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def features(network: Network, number: int, pixels: Callable[[int], Pixels]) -> NDArray[np.float32]:
    """Pooled features (number, channels), with one batch of photos in memory at a time."""
    parts = [
        pooled_features(network, [pixels(i) for i in range(start, min(start + BATCH, number))])
        for start in range(0, number, BATCH)
    ]
    return np.concatenate([np.empty((0, network.surface.in_features), np.float32), *parts])


def of_files(network: Network, paths: Sequence[Path]) -> NDArray[np.float32]:
    """Pooled features of photos on disk."""
    return features(network, len(paths), lambda i: images.load(paths[i], DECODING).pixels)


def by_eye(network: Network, root: Path, skus: dict[str, str], banned: set[str]) -> Labelled:
    """The photos labelled by eye, without those of `banned` products, grouped by product."""
    records = [r for r in rows(BY_EYE) if skus.get(str(root / r["image"]), r["image"]) not in banned]
    found = of_files(network, [root / r["image"] for r in records])
    alike = similar_groups(found, SAME_BOX)
    names = [skus.get(str(root / r["image"]), r["image"]) for r in records]
    # An unlabelled photo has no product: it belongs to the photos that it looks like.
    keys = [str(g) if n.startswith("unlabelled-") else n for g, n in zip(alike, names, strict=True)]
    number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    codes = np.array([CODE[r["surface"]] for r in records], np.int64)
    groups = np.array([number[key] for key in keys], np.int64)
    return Labelled(found, codes, np.ones(len(codes), np.float32), groups)


def extra(found: NDArray[np.float32], codes: Sequence[int]) -> Labelled:
    """Photos that are fitted on and never held out."""
    array = np.array(codes, np.int64)
    return Labelled(found, array, np.ones(len(array), np.float32), np.full(len(array), -1, np.int64))


def weak(network: Network, table: list[dict[str, str]], banned: set[str], known: set[str]) -> Labelled:
    """Photos of the table with a weak label, at most WEAK_MOST, spread evenly over the table."""
    chosen = [r for r in table if r["surface"] in WEAK and r["sku"] not in banned and r["image"] not in known]
    chosen = chosen[:: max(1, len(chosen) // WEAK_MOST)]
    return extra(of_files(network, [Path(r["image"]) for r in chosen]), [CODE[r["surface"]] for r in chosen])


def rendered(network: Network) -> Labelled:
    """Rendered packages in simulated photos. Any face of a bottle is a bottle, as among the labels by eye."""
    return drawn(network, make_products(500, seed=11), RENDERED)


def strips(network: Network, seed: int) -> Labelled:
    """Rendered blister strips in simulated photos, many of them in a hand."""
    return drawn(network, [p for p in make_products(1500, seed) if p.package == "blister"], STRIPS)


def drawn(network: Network, products: Sequence[SyntheticProduct], number: int) -> Labelled:
    """`number` simulated photos of `products`, with their surfaces."""
    package = {p.sku: p.package for p in products}
    source, codes = TrainingPhotos(products, seed=11), []

    def draw(i: int) -> Pixels:
        sample = source.sample(i)
        codes.append(CODE["bottle" if package[sample.sku] == "bottle" else str(sample.surface)])
        return sample.pixels

    return extra(features(network, number, draw), codes)


def together(parts: Sequence[Labelled], shares: Sequence[float]) -> Labelled:
    """All parts as one set; the weights of each part are multiplied by its share."""
    return Labelled(
        np.concatenate([p.features for p in parts]),
        np.concatenate([p.surfaces for p in parts]),
        np.concatenate([p.weights * np.float32(s) for p, s in zip(parts, shares, strict=True)]),
        np.concatenate([p.groups for p in parts]),
    )


def measure(network: Network, root: Path) -> None:
    """Print accuracy on the evaluation labels, with a bootstrap interval over products, and the confusions."""
    records = rows(EVALUATION)
    found = of_files(network, [root / r["image"] for r in records])
    weight, bias = network.surface.weight.detach().numpy(), network.surface.bias.detach().numpy()
    said = [SURFACES[c].value for c in (found @ weight.T + bias).argmax(axis=1)]
    truth = [r["surface"] for r in records]
    right = np.array([a == b for a, b in zip(said, truth, strict=True)], float)
    # The folder of a box and the licence number of a medicine name the product.
    skus = [r["image"].rpartition("/" if r["image"].startswith("boxes/") else "-")[0] for r in records]
    members = [np.flatnonzero(np.array(skus) == s) for s in dict.fromkeys(skus)]
    rng = np.random.default_rng(0)
    draws = rng.integers(len(members), size=(2000, len(members)))
    low, high = np.quantile([right[np.concatenate([members[i] for i in d])].mean() for d in draws], [0.025, 0.975])
    print(f"{right.sum():.0f} of {len(right)} right ({right.mean():.1%}; 95 % interval {low:.1%} to {high:.1%})")
    print("truth, then how often each was said:", ", ".join(s.value for s in SURFACES))
    for surface in SURFACES:
        counts = Counter(s for s, t in zip(said, truth, strict=True) if t == surface.value)
        print(f"  {surface.value:7}" + "".join(f"{counts[s.value]:5}" for s in SURFACES))
    other = strips(network, seed=13)
    called = Counter(SURFACES[c].value for c in (other.features @ weight.T + bias).argmax(axis=1))
    print(f"{len(other.features)} other rendered strips:", dict(called))


def main(weights: Path, table: Path, data: Path, out: Path, *, measured: bool) -> None:
    """Fit, save, and perhaps measure."""
    opened = open_weights(weights)
    network, root = restore(opened), data.resolve()
    listed = rows(table)
    skus = {r["image"]: r["sku"] for r in listed}
    evaluated = {r["image"] for r in rows(EVALUATION)}
    banned = {r["sku"] for name in ("boxes.csv", "tfda.csv") for r in rows(root / name) if r["image"] in evaluated}
    known = {str(root / r["image"]) for r in rows(BY_EYE)}
    parts = (
        by_eye(network, root, skus, banned), weak(network, listed, banned, known), rendered(network),
        strips(network, seed=12),
    )  # fmt: skip
    for name, part in zip(("by eye", "weak", "rendered", "rendered strips"), parts, strict=True):
        print(f"{name}:", dict(Counter(SURFACES[c].value for c in part.surfaces)))
    tried = []
    for shares, l2 in product(SHARES, sorted(PENALTIES, reverse=True)):
        loss, right = held_out_loss(together(parts, (1.0, *shares, STRIP_SHARE)), l2)
        told = f"weak {shares[0]}, rendered {shares[1]}, penalty {l2:g}"
        print(f"  {told}: loss {loss:.4f}, right {right:.1%}", flush=True)
        tried.append((loss, shares, l2))
    _, shares, l2 = min(tried, key=lambda t: t[0])
    print(f"chosen: weak {shares[0]}, rendered {shares[1]}, penalty {l2:g}")
    fit_surface_head(network, together(parts, (1.0, *shares, STRIP_SHARE)), l2=l2)
    save(network, out, opened.card)
    if measured:
        measure(restore(open_weights(out)), root)


if __name__ == "__main__":
    given = [Path(a) for a in sys.argv[1:] if a != "--measure"]
    if len(given) != 4 or any(str(a).startswith("-") for a in given):
        sys.exit(__doc__)
    main(*given, measured="--measure" in sys.argv)
