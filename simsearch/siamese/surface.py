"""The surface classifier: which face of a package, or what kind of thing, a photo shows.

A linear layer on the pooled features of the backbone, fitted after training with the backbone frozen: the labels are
few and weak, and the embedding must not bend to them. Multinomial logistic regression with an L2 penalty and weighted
classes, since loose pills outnumber the rest by far.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from simsearch.datatypes import Pixels
from simsearch.siamese.network import SURFACES, Network, letterbox, to_input


def pooled_features(network: Network, pixels: Sequence[Pixels], batch: int = 32) -> NDArray[np.float32]:
    """Features (n, channels) that the surface head sees, of photos in any size."""
    network.eval()
    size, out = network.architecture.input_size, []
    with torch.inference_mode():
        for i in range(0, len(pixels), batch):
            squares = [letterbox(p, size) for p in pixels[i : i + batch]]
            out.append(network.features(to_input(squares)).numpy())
    return np.concatenate(out)


def fit_surface_head(
    network: Network, features: NDArray[np.float32], surfaces: NDArray[np.int64], *, l2: float = 1e-3, steps: int = 300
) -> None:
    """Fit `network.surface` in place on `features` (n, channels) with labels (n,), indices into SURFACES.

    Classes without a label keep a bias so low that they are never answered. Deterministic: full batches, from zero.
    """
    present = np.bincount(surfaces, minlength=len(SURFACES)) > 0
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    x = torch.from_numpy((features - mean) / scale)
    y = torch.from_numpy(surfaces)
    counts = torch.bincount(y, minlength=len(SURFACES)).clamp(min=1)
    # The root of the inverse count: rare classes are lifted, but a handful of weak labels does not rule.
    weights = counts.float().rsqrt()
    layer = torch.nn.Linear(x.shape[1], len(SURFACES))
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = functional.cross_entropy(layer(x), y, weight=weights) + l2 * layer.weight.pow(2).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        weight = layer.weight / torch.from_numpy(scale)
        bias = layer.bias - weight @ torch.from_numpy(mean)
        bias[torch.from_numpy(~present)] = -1e4
        network.surface.weight.copy_(weight)
        network.surface.bias.copy_(bias)
