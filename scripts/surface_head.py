"""The fit of the surface classifier, which says what face of a package, or what kind of thing, a photo shows.

It is a linear layer on the pooled features of the backbone, fitted after training with the backbone frozen: the labels
are few, and the embedding must not bend to them. Multinomial logistic regression with an L2 penalty, weighted by source
and by class (weighting: King, Zeng, "Logistic Regression in Rare Events Data", 2001, section 4). The penalty is chosen
by cross-validation that keeps the photos of one product together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from simsearch.core.types import Pixels
from simsearch.features.network.frames import seen
from simsearch.features.network.network import Network, to_input
from simsearch.features.network.weights_file import SURFACES

PENALTIES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
FEWEST = 10  # photos of a surface held out before its mean counts: one odd photo must not choose the penalty
NEVER = -1e4  # the bias of a surface without a label; half precision holds it


@dataclass(frozen=True, eq=False)
class Labelled:
    """Photos with known surfaces, as the features that the head sees."""

    features: NDArray[np.float32]
    """(n, channels) pooled features."""
    surfaces: NDArray[np.int64]
    """(n,) places in SURFACES."""
    weights: NDArray[np.float32]
    """(n,) weight of a photo by its source, above 0; 1 for a label by eye."""
    groups: NDArray[np.int64]
    """(n,) photos that may show one product share a number. Below 0: fitted on, and never held out."""

    def part(self, chosen: NDArray[np.bool_]) -> Labelled:
        """The rows that are `chosen` (n,)."""
        return Labelled(self.features[chosen], self.surfaces[chosen], self.weights[chosen], self.groups[chosen])


def pooled_features(network: Network, pixels: Sequence[Pixels]) -> NDArray[np.float32]:
    """Features (n, channels) that the surface head sees, of RGB photos of any size."""
    network.eval()
    out = np.empty((len(pixels), network.surface.in_features), np.float32)
    with torch.inference_mode():
        for i, photo in enumerate(pixels):
            out[i] = network.features(to_input([seen(photo, network.architecture)])).numpy()[0]
    return out


def solve(photos: Labelled, l2: float, *, steps: int = 300) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weight (surfaces, channels) and bias (surfaces,) of the head on raw features.

    Surfaces without a label keep a bias so low that they are never answered. Deterministic: full batches, from zero.
    """
    mean, scale = photos.features.mean(axis=0), photos.features.std(axis=0) + 1e-6
    x, y = torch.from_numpy((photos.features - mean) / scale), torch.from_numpy(photos.surfaces)
    mass = np.bincount(photos.surfaces, photos.weights, minlength=len(SURFACES))
    # The root of the inverse mass lifts rare surfaces without letting a handful of labels rule.
    lift = 1 / np.sqrt(np.maximum(mass, 1.0))
    each = torch.from_numpy((photos.weights * lift[photos.surfaces]).astype(np.float32))
    each = each / each.sum()
    layer = torch.nn.Linear(x.shape[1], len(SURFACES))
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = (functional.cross_entropy(layer(x), y, reduction="none") * each).sum()
        value = value + l2 * layer.weight.pow(2).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    weight = layer.weight.detach().numpy() / scale
    bias = layer.bias.detach().numpy() - weight @ mean
    weight[mass == 0], bias[mass == 0] = 0, NEVER
    return weight.astype(np.float32), bias.astype(np.float32)


def held_out_loss(photos: Labelled, l2: float, *, folds: int = 5, steps: int = 100) -> tuple[float, float]:
    """Cross-entropy and share right on photos whose group was held out; every surface counts the same.

    Group g is held out in fold g modulo `folds`. Both figures are means over the surfaces with FEWEST or more held-out
    photos.

    Raises:
        ValueError: no surface has so many; cross-validation needs two groups.
    """
    losses, right = np.full(len(photos.surfaces), np.nan), np.zeros(len(photos.surfaces))
    for fold in range(folds):
        out = (photos.groups >= 0) & (photos.groups % folds == fold)
        if not out.any() or out.all():
            continue
        weight, bias = solve(photos.part(~out), l2, steps=steps)
        truth = torch.from_numpy(photos.surfaces[out])
        logits = torch.from_numpy(photos.features[out] @ weight.T + bias)
        # A surface that only this fold holds was never seen in the fit: cap its loss, which would be about 10,000.
        losses[out] = functional.cross_entropy(logits, truth, reduction="none").clamp(max=20).numpy()
        right[out] = (logits.argmax(dim=1) == truth).numpy()
    seen = ~np.isnan(losses)
    kinds = [k for s in range(len(SURFACES)) if (k := seen & (photos.surfaces == s)).sum() >= FEWEST]
    if not kinds:
        raise ValueError("too little could be held out: cross-validation needs two groups")
    return float(np.mean([losses[k].mean() for k in kinds])), float(np.mean([right[k].mean() for k in kinds]))


def choose_penalty(photos: Labelled, penalties: Sequence[float] = PENALTIES) -> float:
    """The penalty with the least held-out loss; of equal ones the strongest."""
    return min(sorted(penalties, reverse=True), key=lambda l2: held_out_loss(photos, l2)[0])


def fit_surface_head(network: Network, photos: Labelled, *, l2: float) -> None:
    """Fit `network.surface` in place; nothing else of the network changes."""
    weight, bias = solve(photos, l2)
    with torch.no_grad():
        network.surface.weight.copy_(torch.from_numpy(weight))
        network.surface.bias.copy_(torch.from_numpy(bias))


def similar_groups(features: NDArray[np.float32], least: float) -> NDArray[np.int64]:
    """(n,) group numbers of photos without a product: centred features with a cosine of `least` or more are joined.

    The same box, photographed again, must not stand on both sides of a cross-validation.
    """
    x = features - features.mean(axis=0)
    x /= np.linalg.norm(x, axis=1, keepdims=True) + 1e-9
    near = x @ x.T >= least
    groups = np.full(len(x), -1, np.int64)
    for start in range(len(x)):
        waiting = [start] if groups[start] < 0 else []
        while waiting:
            i = waiting.pop()
            groups[i] = start
            waiting += [int(j) for j in np.flatnonzero(near[i] & (groups < 0))]
            groups[near[i]] = start
    return groups
