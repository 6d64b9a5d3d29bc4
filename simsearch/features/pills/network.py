"""The network that looks at one face of a pill: its embedding, and whether it is the right way up.

    frame -> MobileNetV2 -> GeM ----------------------------┐
               └ strides 16 and 32, joined -> grid -> GeM --┴-> linear -> L2 norm = embedding; linear -> upright

The grid is fine enough for the characters of an imprint. Batch norms are folded into the convolutions, and the network
is trained so, by `scripts/pills/train_network.py`.

Source: GeM pooling: Radenović, Tolias, Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation" (2018), eq. 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from simsearch.core.threads import SingleThreaded
from simsearch.core.types import Pixels
from simsearch.features.network.backbones import BACKBONES
from simsearch.features.network.network import GeM, fill, fold, to_input
from simsearch.features.network.onednn import fuse
from simsearch.features.network.plans import PLANS
from simsearch.features.pills.looks import EMBEDDING
from simsearch.features.pills.network_plan import BACKBONE, CELLS, DEEP, MIDDLE
from simsearch.features.pills.weights import PillWeights


class PillNetwork(nn.Module):
    """Backbone and heads."""

    def __init__(self) -> None:
        super().__init__()
        row = BACKBONES[BACKBONE]
        self.backbone = fold(row.build().eval())
        self.join = nn.Conv2d(PLANS[BACKBONE].width(MIDDLE) + PLANS[BACKBONE].width(DEEP), CELLS, 1)
        self.pool, self.pool2 = GeM(), GeM()
        self.embed = nn.Linear(row.channels + CELLS, EMBEDDING)
        self.upright = nn.Linear(row.channels + CELLS, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised frames (n, 3, h, w) -> embeddings (n, EMBEDDING) of length 1, logits (n,) of being upright."""
        return self.heads(self.features(x))

    def features(self, x: Tensor, first: int = 0) -> Tensor:
        """Frames, or the output of layer `first` - 1 -> pooled features (n, c)."""
        assert isinstance(self.backbone, nn.Sequential)
        middle = deep = x
        for number, layer in enumerate(self.backbone[first:], first):
            x = layer(x)
            middle = x if number == MIDDLE else middle
            deep = x if number == DEEP else deep
        wide = functional.interpolate(deep, size=middle.shape[2:], mode="nearest")
        grid = functional.relu(self.join(torch.cat([middle, wide], dim=1)))
        return torch.cat([self.pool(x), self.pool2(grid)], dim=1)

    def heads(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled features -> what `forward` gives."""
        return functional.normalize(self.embed(pooled), dim=1), self.upright(pooled)[:, 0]


def restore(weights: PillWeights) -> PillNetwork:
    """The network of a weights file, in evaluation mode.

    Raises:
        WeightsError: the tensors do not fit, or are not finite.
    """
    network = PillNetwork()
    fill(network, weights.tensors, weights.path)
    return network.eval()


class Inference:
    """A network made ready, in float32 on the CPU. May be called from several threads at once."""

    def __init__(self, network: PillNetwork) -> None:
        self.network = network.to(memory_format=torch.channels_last)
        fuse(self.network.backbone)

    def look(self, frames: Sequence[Pixels]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """n frames (h, w, 3) of one shape -> embeddings (n, EMBEDDING), logits (n,) of being upright."""
        SingleThreaded.torch()
        with torch.inference_mode():
            embeddings, upright = self.network(to_input(frames))
        return embeddings.numpy(), upright.numpy()
