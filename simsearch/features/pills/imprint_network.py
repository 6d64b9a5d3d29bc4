"""The network that reads imprints: which character's middle lies in each cell of a pill's frame, how high it is, and
which way it stands.

    frame -> MobileNetV2 up to stride 32 -> strides 16, 8 and 4 added from the finer layers -> a cell for 4 x 4 pixels

Characters are told cell by cell and joined to rows afterwards (`imprint`), since an imprint lies in one row or in
three, along a rim, or across a capsule. It is trained on drawn and on real imprints by
`scripts/pills/train_imprint.py`, batch norms folded into the convolutions.

Source: feature pyramid networks (Lin et al., CVPR 2017); characters by their middles as objects are in "Objects as
Points" (Zhou, Wang, Krähenbühl 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from simsearch.core.threads import SingleThreaded
from simsearch.core.types import Pixels
from simsearch.features.network.backbones import BACKBONES
from simsearch.features.network.network import fill, fold, to_input
from simsearch.features.network.onednn import fuse
from simsearch.features.network.plans import PLANS
from simsearch.features.pills.imprint_network_plan import CHARACTERS, LAYERS, WIDE
from simsearch.features.pills.network_plan import BACKBONE
from simsearch.features.pills.weights import PillWeights


class ImprintNetwork(nn.Module):
    """Backbone, pyramid and heads."""

    def __init__(self) -> None:
        super().__init__()
        whole = BACKBONES[BACKBONE].build().eval()
        widths = [PLANS[BACKBONE].width(layer) for layer in LAYERS]
        self.backbone = fold(whole[: LAYERS[-1] + 1])
        self.across = nn.ModuleList(nn.Conv2d(width, WIDE, 1) for width in widths)
        self.mix = nn.ModuleList(nn.Conv2d(WIDE, WIDE, 3, padding=1) for _ in widths[:-1])
        self.last = nn.Conv2d(WIDE, WIDE, 3, padding=1)
        self.out = nn.Conv2d(WIDE, len(CHARACTERS) + 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised frames (n, 3, h, w) -> (n, 40, h / 4, w / 4).

        Channels: logits of the characters, then of none; log(height / HEIGHT); cosine and sine of the way it stands.
        """
        return self.maps(self.layers(x))

    def layers(self, x: Tensor, first: int = 0) -> list[Tensor]:
        """Frames, or the output of layer `first` - 1 -> the outputs of the layers that are used, from `first` on."""
        found = []
        assert isinstance(self.backbone, nn.Sequential)
        for number, layer in enumerate(self.backbone[first:], first):
            x = layer(x)
            if number in LAYERS:
                found.append(x)
        return found

    def maps(self, found: Sequence[Tensor]) -> Tensor:
        """The outputs of all layers that are used -> what `forward` gives."""
        x = self.across[-1](found[-1])
        for level in range(len(LAYERS) - 2, -1, -1):
            finer = functional.interpolate(x, size=found[level].shape[2:], mode="nearest")
            x = functional.relu(self.mix[level](functional.relu(self.across[level](found[level]) + finer)))
        maps: Tensor = self.out(functional.relu(self.last(x)))
        return maps


def restore(weights: PillWeights) -> ImprintNetwork:
    """The network of a weights file, in evaluation mode.

    Raises:
        WeightsError: the tensors do not fit, or are not finite.
    """
    network = ImprintNetwork()
    fill(network, weights.tensors, weights.path)
    return network.eval()


class Reader:
    """A network made ready, in float32 on the CPU. May be called from several threads at once."""

    def __init__(self, network: ImprintNetwork) -> None:
        self.network = network.to(memory_format=torch.channels_last)
        fuse(self.network.backbone)

    def read(self, frames: Sequence[Pixels]) -> NDArray[Any]:
        """n frames (h, w, 3) of one shape -> maps (n, 40, h / 4, w / 4). See `ImprintNetwork.forward`."""
        SingleThreaded.torch()
        with torch.inference_mode():
            maps: NDArray[Any] = self.network(to_input(frames)).numpy()
        return maps
