"""EfficientNet-Lite's features: EfficientNet without squeeze-and-excite, with ReLU6, made for phones.

Sources: Tan, Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019), table 1 and section
3.3; Liu, "Higher accuracy on vision models with EfficientNet-Lite" (TensorFlow blog, 2020): neither stem and head are
scaled, nor the repetitions of the first and last stage.

A convolution with stride 2 is padded alike on both sides. TensorFlow, where the weights come from, pads one pixel less
at the upper left. Inside a picture both compute the same of a picture that is shifted by a pixel.
"""

from __future__ import annotations

import math

from torch import nn

from simsearch.features.network.inverted_residual import InvertedResidual, convolution, drawn

_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
"""Kernel, stride of the first repetition, expansion, channels, repetitions."""
_FIRST, _LAST = 32, 1280
_EPS = 1e-3


def efficientnet_lite(width: float, depth: float) -> nn.Sequential:
    """(n, 3, h, w) -> (n, 1280, h / 32, w / 32), with random weights.

    Args:
        width: of the channels; 1 in Lite0, 1.1 in Lite2.
        depth: of the repetitions; 1 in Lite0, 1.2 in Lite2.
    """
    layers: list[nn.Module] = [convolution(3, _FIRST, 3, 2, eps=_EPS)]
    inward = _FIRST
    for stage, (kernel, stride, expansion, channels, repetitions) in enumerate(_STAGES):
        outward = _eights(channels * width)
        scaled = 0 < stage < len(_STAGES) - 1
        for number in range(math.ceil(repetitions * depth) if scaled else repetitions):
            layers.append(InvertedResidual(inward, outward, 1 if number else stride, expansion, kernel, _EPS))
            inward = outward
    layers.append(convolution(inward, _LAST, 1, eps=_EPS))
    return drawn(layers)


def _eights(channels: float) -> int:
    """The multiple of 8 that is nearest, and not more than a tenth less."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near
