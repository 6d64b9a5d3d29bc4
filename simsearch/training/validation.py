"""Validation of a training run: R@1 on held-out products, and the curves."""

from __future__ import annotations

import copy
import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.features.network.network import Inference, Network
from simsearch.training.batches import TrainingPhoto


@dataclass(frozen=True)
class Validation:
    """Gallery: the first photos of held-out and of other products. Queries: further photos of the held-out ones."""

    gallery: list[Pixels]
    gallery_skus: list[str]
    queries: list[Pixels]
    query_skus: list[str]
    query_groups: list[str]

    @staticmethod
    def of(
        photos: Sequence[TrainingPhoto], pixels: Sequence[Pixels], aside: Sequence[bool], most: int = 1500
    ) -> Validation:
        """`aside` (photos,): whether a photo is held out. At most about `most` products are distractors."""
        seen: set[str] = set()
        own: list[int] = []
        distractors: list[int] = []
        queries: list[int] = []
        for i, photo in enumerate(photos):
            first = photo.sku not in seen
            seen.add(photo.sku)
            if aside[i]:
                (own if first else queries).append(i)
            elif first:
                distractors.append(i)
        distractors = distractors[:: max(1, len(distractors) // most)]
        queries = queries[:: max(1, len(queries) // 600)]
        gallery = own + distractors
        return Validation(
            [pixels[i] for i in gallery], [photos[i].sku for i in gallery],
            [pixels[i] for i in queries], [photos[i].sku for i in queries], [photos[i].group for i in queries],
        )  # fmt: skip

    def run(self, network: Network, device: torch.device) -> dict[str, float]:
        """`r1` over all queries and `r1_<set>` for each set, 0 to 1; empty where there are no queries."""
        if not self.queries:
            return {}
        gallery, queries = (embed(network, p, device) for p in (self.gallery, self.queries))
        best = (queries @ gallery.T).argmax(axis=1)
        right = np.array([self.gallery_skus[g] == sku for g, sku in zip(best, self.query_skus, strict=True)])
        groups = np.array(self.query_groups)
        names = sorted(set(self.query_groups))
        return {"r1": float(right.mean()), **{f"r1_{n or 'all'}": float(right[groups == n].mean()) for n in names}}


def embed(
    network: Network, pixels: Sequence[Pixels], device: torch.device, *, size: int = 0, batch: int = 64
) -> NDArray[np.float32]:
    """Embeddings (n, d) float32 of RGB photos of any size, computed as for a catalog: folded, in its precision.

    `size` is another one than the network's `input_size`; 0: that.
    """
    copied = copy.deepcopy(network).eval()
    if size:
        copied.architecture = replace(copied.architecture, input_size=size)
    ready = Inference(copied, device=str(device))
    parts = (pixels[i : i + batch] for i in range(0, len(pixels), batch))
    return np.concatenate([ready.describe(part)[0] for part in parts])


def draw_curves(run: Path) -> None:
    """Draw `curves.png` (losses and validation R@1 over the steps) from `metrics.csv`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with (run / "metrics.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = [int(r["step"]) for r in rows]
    for name in rows[0]:
        if name in ("total", "metric", "pair", "surface"):
            left.plot(steps, [float(r[name]) for r in rows], label=name)
        elif name.startswith("r1"):
            label = name.replace("r1_", "R@1 ").replace("r1", "R@1 all")
            right.plot(steps, [float(r[name]) for r in rows], label=label)
    left.set(xlabel="step", ylabel="loss", title="training loss")
    right.set(xlabel="step", ylabel="R@1", ylim=(0, 1), title="held-out products")
    for axes in (left, right):
        if axes.lines:
            axes.legend(fontsize=8, loc="upper right" if axes is left else "lower right")
        axes.grid(alpha=0.3)
    FigureCanvasAgg(figure).print_png(str(run / "curves.png"))  # type: ignore[no-untyped-call]
