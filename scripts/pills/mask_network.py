"""The network that finds loose pills (`simsearch.features.network.pill_masks`), to be trained by PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from simsearch.features.network.inverted_residual import built
from simsearch.features.network.network import fold
from simsearch.features.network.pill_masks import LAYERS, PLAN, WIDE


class _Separable(nn.Sequential):
    """Each channel filtered by itself, then mixed: (n, c, h, w) -> (n, c, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels), nn.Conv2d(channels, channels, 1), nn.ReLU()
        )


class MaskNetwork(nn.Module):
    """Backbone and pyramid."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = fold(built(PLAN)[: LAYERS[-1] + 1].eval())
        widths = [PLAN.width(layer) for layer in LAYERS]
        self.across = nn.ModuleList(nn.Conv2d(width, wide, 1) for width, wide in zip(widths, WIDE, strict=True))
        self.down = nn.ModuleList(nn.Conv2d(WIDE[i + 1], WIDE[i], 1) for i in range(len(WIDE) - 1))
        self.mix = nn.ModuleList(nn.Sequential(_Separable(wide), _Separable(wide)) for wide in WIDE)
        self.whole = nn.Conv2d(widths[-1], WIDE[-1], 1)
        self.out = nn.Conv2d(WIDE[0], 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised photos (n, 3, h, w) -> logits (n, 2, h / 2, w / 2): on a pill, and near a pill's middle."""
        return self.maps(self.layers(x))

    def layers(self, x: Tensor, first: int = 0) -> list[Tensor]:
        """Photos, or the output of layer `first` - 1 -> the outputs of the layers that are used, from `first` on."""
        found = []
        assert isinstance(self.backbone, nn.Sequential)
        for number, layer in enumerate(self.backbone[first:], first):
            x = layer(x)
            if number in LAYERS:
                found.append(x)
        return found

    def maps(self, found: Sequence[Tensor]) -> Tensor:
        """The outputs of all layers that are used -> what `forward` gives."""
        whole = self.whole(found[-1].mean(dim=(2, 3), keepdim=True))
        x: Tensor = self.mix[-1](functional.relu(self.across[-1](found[-1]) + whole))
        for level in range(len(LAYERS) - 2, -1, -1):
            finer = functional.interpolate(self.down[level](x), size=found[level].shape[2:], mode="nearest")
            x = self.mix[level](functional.relu(self.across[level](found[level]) + finer))
        maps: Tensor = self.out(x)
        return maps
