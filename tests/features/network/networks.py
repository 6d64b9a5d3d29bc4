"""Small networks with drawn weights."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from simsearch.core.types import Pixels
from simsearch.features.network.network import Network, to_input
from simsearch.features.network.weights_file import Architecture

SMALL = Architecture("mobilenet_v3_small", embedding=32, input_size=64, pair_hidden=16)


def squares(n: int, size: int = 64) -> list[Pixels]:
    """Smooth random pictures, far enough apart for a network without training."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (n, 4, 4, 3), np.uint8)
    return [np.kron(c, np.ones((size // 4, size // 4, 1), np.uint8)) for c in coarse]


def settled(architecture: Architecture, seed: int = 0) -> Network:
    """A network with drawn weights whose batch norms have seen the pictures."""
    torch.manual_seed(seed)
    network = Network(architecture)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(to_input(squares(8, architecture.input_size)))
    return network.eval()


def embeddings(network: Network, n: int = 6) -> NDArray[np.float32]:
    with torch.inference_mode():
        return np.asarray(network(to_input(squares(n)))[0].numpy())


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))


def trained(module: nn.Module) -> nn.Module:
    """With running statistics that are not those of a new batch norm, and weights that bfloat16 holds."""
    torch.manual_seed(3)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.running_mean, -0.2, 0.2)  # type: ignore[arg-type]
            nn.init.uniform_(part.running_var, 0.8, 1.2)  # type: ignore[arg-type]
    return module.eval()


def photos(count: int, size: int = 64) -> torch.Tensor:
    torch.manual_seed(5)
    return torch.randn(count, 3, size, size).contiguous(memory_format=torch.channels_last)
