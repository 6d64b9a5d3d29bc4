"""MobileNetV2's features without torchvision, whose import takes as long as everything else that a query needs.

Source: Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018), table 2.
Modules are named as in torchvision's `mobilenet_v2`, so that its state dicts fit; a test compares the two.
"""

from __future__ import annotations

from torch import nn

from simsearch.features.network.inverted_residual import InvertedResidual, convolution, drawn

_BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, repetitions, stride of the first repetition."""
_FIRST, _LAST = 32, 1280


def mobilenet_v2() -> nn.Sequential:
    """(n, 3, h, w) -> (n, 1280, h / 32, w / 32), with random weights."""
    layers: list[nn.Module] = [convolution(3, _FIRST, 3, 2)]
    inward = _FIRST
    for expansion, outward, repetitions, first in _BLOCKS:
        for number in range(repetitions):
            layers.append(InvertedResidual(inward, outward, 1 if number else first, expansion))
            inward = outward
    layers.append(convolution(inward, _LAST, 1))
    return drawn(layers)
