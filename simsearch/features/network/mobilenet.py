"""MobileNetV2's features without torchvision, whose import takes as long as everything else that a query needs.

Source: Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018), table 2.
Modules are named as in torchvision's `mobilenet_v2`, so that its state dicts fit; a test compares the two.
"""

from __future__ import annotations

from torch import Tensor, nn

_BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, repetitions, stride of the first repetition."""
_FIRST, _LAST = 32, 1280


def _convolution(inward: int, outward: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inward, outward, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outward),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow again without activation; added to the input where the shapes agree."""

    def __init__(self, inward: int, outward: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inward * expansion
        self.adds = stride == 1 and inward == outward
        self.conv = nn.Sequential(
            *([_convolution(inward, wide, 1)] if expansion > 1 else []),
            _convolution(wide, wide, 3, stride, groups=wide),
            nn.Conv2d(wide, outward, 1, bias=False),
            nn.BatchNorm2d(outward),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, inward, h, w) -> (n, outward, h / stride, w / stride)."""
        found: Tensor = self.conv(x)
        return x + found if self.adds else found


def mobilenet_v2() -> nn.Sequential:
    """(n, 3, h, w) -> (n, 1280, h / 32, w / 32), with random weights (drawn after He et al. 2015)."""
    layers: list[nn.Module] = [_convolution(3, _FIRST, 3, 2)]
    inward = _FIRST
    for expansion, outward, repetitions, first in _BLOCKS:
        for number in range(repetitions):
            layers.append(InvertedResidual(inward, outward, 1 if number else first, expansion))
            inward = outward
    layers.append(_convolution(inward, _LAST, 1))
    features = nn.Sequential(*layers)
    for module in features.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
    return features
