"""A backbone with folded batch norms, for training on a CPU while the norms keep their statistics.

It computes the same and halves the time of a training step of MobileNetV2 (docs/benchmarks.md), by two changes. A batch
norm with fixed statistics is a scale and a shift, which the convolution before it takes over. Gradients of depthwise
convolutions for which oneDNN has no fast path, with a stride or with kernels of 5x5, are computed by way of stride 1
and of kernels of 3x3, for which it has one.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from simsearch.features.network.network import fold


def with_folded_norms(backbone: nn.Module) -> nn.Module:
    """A copy of `backbone` with its batch norms folded, for norms that keep their statistics.

    Parameters and buffers are shared: training the copy trains `backbone`.
    """
    shared: dict[int, Any] = {id(t): t for t in (*backbone.parameters(), *backbone.buffers())}
    out = copy.deepcopy(backbone, shared)
    return fold(out, _Scaled)


class _Scaled(nn.Module):
    """A convolution and the batch norm behind it as one, whose weight and bias are computed in each step."""

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.convolution, self.norm = convolution, norm
        c = convolution
        # With this padding a convolution of stride 1 keeps height and width.
        keeps = tuple(d * (k - 1) // 2 for d, k in zip(c.dilation, c.kernel_size, strict=True))
        odd = all(k % 2 for k in c.kernel_size)
        depthwise = 1 < c.groups == c.in_channels
        large = c.kernel_size == _LARGE and c.dilation == (1, 1)
        self.slow_gradient = depthwise and (c.stride != (1, 1) or large) and c.padding == keeps and odd

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
        if not self.slow_gradient:
            return functional.conv2d(x, weight, bias, c.stride, c.padding, c.dilation, c.groups)
        if torch.is_autocast_enabled(x.device.type):  # autocast does not apply to custom autograd functions
            dtype = torch.get_autocast_dtype(x.device.type)
            x, weight, bias = x.to(dtype), weight.to(dtype), bias.to(dtype)
        out: Tensor = _Depthwise.apply(x, weight, bias, c.stride, c.padding, c.dilation, c.groups)
        return out


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution whose gradient is computed by way of stride 1 and of kernels of 3x3.

    Stride s keeps every s-th row and column of the result of stride 1. The gradient is therefore that of stride 1, with
    zeros at the places that are left out.
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
        whole = gradients[0]
        if stride != (1, 1):
            whole = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last).zero_()
            whole[:, :, :: stride[0], :: stride[1]] = gradients[0]
        of_input, of_weight, of_bias = ctx.needs_input_grad[:3]
        large = of_weight and weight.shape[2:] == _LARGE and tuple(dilation) == (1, 1)
        found = torch.ops.aten.convolution_backward(
            whole, x, weight, [shape[1]], [1, 1], list(padding), list(dilation), False, [0, 0], groups,
            [of_input, of_weight and not large, of_bias and not large],
        )  # fmt: skip
        if large:  # the bias apart: asked for alone, oneDNN computes the kernel's gradient with it
            found = found[0], _large_gradient(x, whole, weight), whole.sum(dim=(0, 2, 3)) if of_bias else None
        return (*found, None, None, None, None)


_LARGE = (5, 5)


def _large_gradient(x: Tensor, gradient: Tensor, weight: Tensor) -> Tensor:
    """Gradient (channels, 1, 5, 5) of a depthwise kernel, put together from those of the four 3x3 in its corners.

    They overlap in the middle row and column, where all say the same.
    """
    height, width = gradient.shape[2:]
    padded = functional.pad(x, (2, 2, 2, 2))
    out = torch.empty_like(weight)
    corner = weight[:, :, :3, :3].contiguous(memory_format=torch.channels_last)
    for top in (0, 2):
        for left in (0, 2):
            part = padded[:, :, top : top + height + 2, left : left + width + 2]
            _, found, _ = torch.ops.aten.convolution_backward(
                gradient, part.contiguous(memory_format=torch.channels_last), corner, None, [1, 1], [0, 0], [1, 1],
                False, [0, 0], len(weight), [False, True, False],
            )  # fmt: skip
            out[:, :, top : top + 3, left : left + 3] = found
    return out
