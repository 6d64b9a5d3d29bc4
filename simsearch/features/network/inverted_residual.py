"""Backbones of inverted residuals in PyTorch, without torchvision, whose import takes as long as all else of a query.

Modules are named as in torchvision's `mobilenet_v2`, so that its state dicts fit; a test compares the two.
"""

from __future__ import annotations

from torch import Tensor, nn

from simsearch.features.network.plans import Block, Plan


def built(plan: Plan) -> nn.Sequential:
    """(n, 3, h, w) -> (n, plan.last, h / 32, w / 32), with random convolutions (He et al. 2015)."""
    layers = [
        _convolution(3, plan.first, 3, plan.eps, 2),
        *(InvertedResidual(block, plan.eps) for block in plan.blocks),
        _convolution(plan.blocks[-1].outward, plan.last, 1, plan.eps),
    ]
    features = nn.Sequential(*layers)
    for module in features.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
    return features


def _convolution(inward: int, outward: int, kernel: int, eps: float, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU6: (n, inward, h, w) -> (n, outward, h / stride, w / stride)."""
    return nn.Sequential(
        nn.Conv2d(inward, outward, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outward, eps=eps),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow again without activation; added to the input where the shapes agree."""

    def __init__(self, block: Block, eps: float) -> None:
        super().__init__()
        wide = block.wide
        self.adds = block.adds
        self.conv = nn.Sequential(
            *([_convolution(block.inward, wide, 1, eps)] if block.expansion > 1 else []),
            _convolution(wide, wide, block.kernel, eps, block.stride, groups=wide),
            nn.Conv2d(wide, block.outward, 1, bias=False),
            nn.BatchNorm2d(block.outward, eps=eps),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, inward, h, w) -> (n, outward, h / stride, w / stride)."""
        found: Tensor = self.conv(x)
        return x + found if self.adds else found
