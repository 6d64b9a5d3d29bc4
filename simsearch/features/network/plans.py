"""Plans of the backbones that are made of inverted residuals: what PyTorch builds them from, and ONNX Runtime's graph.

Sources: MobileNetV2: Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks"
(2018), table 2. EfficientNet-Lite, which is EfficientNet without squeeze-and-excite, with ReLU6: Tan, Le,
"EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019), table 1 and section 3.3; Liu, "Higher
accuracy on vision models with EfficientNet-Lite" (TensorFlow blog, 2020): neither stem and head are scaled, nor the
repetitions of the first and last stage.

A convolution with stride 2 is padded alike on both sides. TensorFlow, where EfficientNet-Lite's weights come from, pads
one pixel less at the upper left. Inside a picture both compute the same of a picture that is shifted by a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """One inverted residual."""

    inward: int
    outward: int
    stride: int
    expansion: int
    kernel: int

    @property
    def wide(self) -> int:
        """Channels between the two narrow ends."""
        return self.inward * self.expansion

    @property
    def adds(self) -> bool:
        """Whether the input is added to what comes out."""
        return self.stride == 1 and self.inward == self.outward


@dataclass(frozen=True)
class Plan:
    """A 3x3 convolution with stride 2, blocks, a 1x1 convolution."""

    first: int
    """Channels of the first convolution."""
    blocks: tuple[Block, ...]
    last: int
    eps: float
    """Of the batch norms."""

    def width(self, layer: int) -> int:
        """Channels that come out of a layer; 0 is the first convolution."""
        return self.blocks[layer - 1].outward if layer else self.first


def _plan(stages: Sequence[tuple[int, int, int, int, int]], eps: float) -> Plan:
    """Of stages: kernel, stride of the first repetition, expansion, channels, repetitions."""
    blocks: list[Block] = []
    inward = _FIRST
    for kernel, stride, expansion, channels, repetitions in stages:
        for number in range(repetitions):
            blocks.append(Block(inward, channels, 1 if number else stride, expansion, kernel))
            inward = channels
    return Plan(_FIRST, tuple(blocks), _LAST, eps)


def efficientnet_lite(width: float, depth: float) -> Plan:
    """EfficientNet-Lite of any size.

    Args:
        width: of the channels; 1 in Lite0, 1.1 in Lite2.
        depth: of the repetitions; 1 in Lite0, 1.2 in Lite2.
    """
    last = len(_LITE) - 1
    scaled = [
        (*rest, _eights(channels * width), math.ceil(times * depth) if 0 < i < last else times)
        for i, (*rest, channels, times) in enumerate(_LITE)
    ]
    return _plan([(kernel, stride, expansion, c, n) for kernel, stride, expansion, c, n in scaled], 1e-3)


def _eights(channels: float) -> int:
    """The multiple of 8 that is nearest, and not more than a tenth less."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near


_FIRST, _LAST = 32, 1280
_MOBILE = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (3, 2, 6, 32, 3),
    (3, 2, 6, 64, 4),
    (3, 1, 6, 96, 3),
    (3, 2, 6, 160, 3),
    (3, 1, 6, 320, 1),
)
_LITE = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
PLANS = {
    "mobilenet_v2": _plan(_MOBILE, 1e-5),
    "efficientnet_lite0": efficientnet_lite(1.0, 1.0),
    "efficientnet_lite2": efficientnet_lite(1.1, 1.2),
}
"""By the name of the backbone."""
