"""The block that MobileNetV2 and EfficientNet-Lite are made of.

Source: Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018), fig. 4.
"""

from __future__ import annotations

from torch import Tensor, nn


def convolution(
    inward: int, outward: int, kernel: int, stride: int = 1, groups: int = 1, eps: float = 1e-5
) -> nn.Sequential:
    """Convolution, batch norm, ReLU6: (n, inward, h, w) -> (n, outward, h / stride, w / stride)."""
    return nn.Sequential(
        nn.Conv2d(inward, outward, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outward, eps=eps),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow again without activation; added to the input where the shapes agree.

    Modules are named as in torchvision's `mobilenet_v2`, so that its state dicts fit.
    """

    def __init__(
        self, inward: int, outward: int, stride: int, expansion: int, kernel: int = 3, eps: float = 1e-5
    ) -> None:
        super().__init__()
        wide = inward * expansion
        self.adds = stride == 1 and inward == outward
        self.conv = nn.Sequential(
            *([convolution(inward, wide, 1, eps=eps)] if expansion > 1 else []),
            convolution(wide, wide, kernel, stride, groups=wide, eps=eps),
            nn.Conv2d(wide, outward, 1, bias=False),
            nn.BatchNorm2d(outward, eps=eps),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, inward, h, w) -> (n, outward, h / stride, w / stride)."""
        found: Tensor = self.conv(x)
        return x + found if self.adds else found


def drawn(layers: list[nn.Module]) -> nn.Sequential:
    """The layers in a row, with random convolutions (He et al. 2015)."""
    features = nn.Sequential(*layers)
    for module in features.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
    return features
