"""Backbones: one row each. A row says how to build it, and how wide its features are.

Only rows that are built with torchvision import it: that takes a second and a half.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from simsearch.features.network.mobilenet import mobilenet_v2


@dataclass(frozen=True)
class Backbone:
    """A fully convolutional feature extractor: (n, 3, h, w) float -> (n, channels, h / 32, w / 32)."""

    build: Callable[[], nn.Sequential]
    """Builds it with random weights. Others are read from a file (`Network.load_start`), never downloaded."""
    channels: int
    strip: str
    """Prefix of the features in torchvision's state dict of the whole classifier."""


def _torchvision(name: str) -> nn.Sequential:
    from torchvision import models

    features: nn.Sequential = getattr(models, name)(weights=None).features
    return features


def _resnet18() -> nn.Sequential:
    from torchvision import models

    net = models.resnet18(weights=None)
    return nn.Sequential(
        nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool), net.layer1, net.layer2, net.layer3, net.layer4
    )


BACKBONES: dict[str, Backbone] = {
    "mobilenet_v2": Backbone(mobilenet_v2, 1280, "features."),
    "mobilenet_v3_small": Backbone(lambda: _torchvision("mobilenet_v3_small"), 576, "features."),
    "mobilenet_v3_large": Backbone(lambda: _torchvision("mobilenet_v3_large"), 960, "features."),
    "resnet18": Backbone(_resnet18, 512, ""),
}
