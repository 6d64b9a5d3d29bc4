"""A backbone as it trains fastest on a CPU, while its batch norms keep their statistics.

Two things cost half of a training step of MobileNetV2 there (docs/benchmarks.md), and neither changes what is computed:
batch norms with fixed statistics, each a scale and a shift that the convolution before it can take over, and the
gradient of depthwise convolutions with a stride, for which oneDNN has no fast path, while it has one for stride 1.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from simsearch.features.network.network import fold


def lean(backbone: nn.Module) -> nn.Module:
    """`backbone` over again, in a form that computes the same faster; parameters and buffers are shared, not copied.

    Whoever trains what this returns trains `backbone`. Only for batch norms that keep their statistics.
    """
    shared: dict[int, Any] = {id(t): t for t in (*backbone.parameters(), *backbone.buffers())}
    out = copy.deepcopy(backbone, shared)
    return fold(out, _Scaled)


class _Scaled(nn.Module):
    """A convolution and the batch norm behind it, w * x + b with w and b made anew in every step."""

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.convolution, self.norm = convolution, norm
        c = convolution
        # With this padding a convolution of stride 1 keeps height and width.
        keeps = tuple(d * (k - 1) // 2 for d, k in zip(c.dilation, c.kernel_size, strict=True))
        odd = all(k % 2 for k in c.kernel_size)
        depthwise = 1 < c.groups == c.in_channels
        self.strided_depthwise = depthwise and c.stride != (1, 1) and c.padding == keeps and odd

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, channels, h', w')."""
        c, norm = self.convolution, self.norm
        assert norm.running_var is not None
        assert norm.running_mean is not None
        scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
        weight = c.weight * scale[:, None, None, None]
        bias = norm.bias - norm.running_mean * scale
        if c.bias is not None:
            bias = bias + c.bias * scale
        if not self.strided_depthwise:
            return functional.conv2d(x, weight, bias, c.stride, c.padding, c.dilation, c.groups)
        if torch.is_autocast_enabled(x.device.type):  # a function of one's own is not cast to by itself
            dtype = torch.get_autocast_dtype(x.device.type)
            x, weight, bias = x.to(dtype), weight.to(dtype), bias.to(dtype)
        out: Tensor = _StridedDepthwise.apply(x, weight, bias, c.stride, c.padding, c.dilation, c.groups)
        return out


class _StridedDepthwise(torch.autograd.Function):
    """A depthwise convolution with a stride, its gradient by way of stride 1.

    With stride s it is the one with stride 1 of which every s-th row and column is kept; so its gradient is that of the
    latter, with zeros at the places that are left out.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.settings = stride, padding, dilation, groups
        return functional.conv2d(x, weight, bias, stride, padding, dilation, groups)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.settings
        shape = x.shape[0], weight.shape[0], x.shape[2], x.shape[3]
        whole = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last).zero_()
        whole[:, :, :: stride[0], :: stride[1]] = gradients[0]
        found = torch.ops.aten.convolution_backward(
            whole, x, weight, [shape[1]], [1, 1], list(padding), list(dilation), False, [0, 0], groups,
            list(ctx.needs_input_grad[:3]),
        )  # fmt: skip
        return (*found, None, None, None, None)
