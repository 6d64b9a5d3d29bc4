"""Convolutions as oneDNN runs them fastest: the activation in the same pass, the weights laid out once.

PyTorch's own layers write the result of a convolution to memory, read it again for ReLU6, and lay the weights out anew
in every call. The operators that avoid this are those that `torch.compile` emits for the CPU (torch.ops.mkldnn). Used
directly they need no compiler. They are private: a minor version of PyTorch may remove them. `fuse` therefore tries
each layer once, and keeps PyTorch's own where an operator is missing or answers otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

_NAMES: dict[type[nn.Module], tuple[str, list[float]]] = {
    nn.ReLU6: ("hardtanh", [0.0, 6.0]),
    nn.ReLU: ("relu", []),
    nn.Hardswish: ("hardswish", []),
}
"""Activation -> oneDNN's name and numbers for it."""
_OPERATORS = ("_reorder_convolution_weight", "_convolution_pointwise")


def available() -> bool:
    """Whether this PyTorch has the operators."""
    return all(hasattr(torch.ops.mkldnn, name) for name in _OPERATORS)


class FusedConvolution(nn.Module):
    """A convolution and the activation behind it, in one pass over memory.

    For inference on the CPU, with input in channels_last. May be called from several threads at once.
    """

    def __init__(self, convolution: nn.Conv2d, activation: nn.Module | None) -> None:
        super().__init__()
        self.name, self.numbers = _NAMES[type(activation)] if activation is not None else ("none", [])
        self.groups = convolution.groups
        self.padding, self.stride, self.dilation = (
            [int(v) for v in pair] for pair in (convolution.padding, convolution.stride, convolution.dilation)
        )
        self.weight: Tensor
        self.bias: Tensor | None
        self.register_buffer("weight", convolution.weight.detach())
        self.register_buffer("bias", None if convolution.bias is None else convolution.bias.detach())
        self._packed: dict[tuple[int, ...], Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, channels, h', w')."""
        shape = tuple(x.shape)
        weight = self._packed.get(shape)
        if weight is None:  # the best layout depends on the shape of the input; two threads may both lay it out
            pack = torch.ops.mkldnn._reorder_convolution_weight
            weight = pack(self.weight, self.padding, self.stride, self.dilation, self.groups, list(shape))
            self._packed[shape] = weight
        run = torch.ops.mkldnn._convolution_pointwise
        found: Tensor = run(
            x, weight, self.bias, self.padding, self.stride, self.dilation, self.groups, self.name, self.numbers, ""
        )  # fmt: skip
        return found


def fuse(module: nn.Module) -> int:
    """Replace the convolutions in `module`, an evaluated network on the CPU, by fused ones; the number replaced."""
    if not available():
        return 0
    done = 0
    with torch.inference_mode():
        for parent in list(module.modules()):
            for name, convolution, following, activation in list(_convolutions(parent)):
                fused = _tried(convolution, activation)
                if fused is not None:
                    setattr(parent, name, fused)
                    if following:
                        setattr(parent, following, nn.Identity())
                    done += 1
    return done


def _convolutions(parent: nn.Module) -> Iterator[tuple[str, nn.Conv2d, str, nn.Module | None]]:
    """Name and module of each child that is a convolution, and of the activation behind it. Skips identities.

    ("", None) stand for the activation where none can be fused.
    """
    children = [(n, c) for n, c in parent.named_children() if not isinstance(c, nn.Identity)]
    for (name, child), (following, other) in pairwise([*children, ("", nn.Identity())]):
        if isinstance(child, nn.Conv2d) and child.padding_mode == "zeros" and not isinstance(child.padding, str):
            # Only a Sequential runs its children in their order.
            joined = isinstance(parent, nn.Sequential) and type(other) in _NAMES
            yield (name, child, following, other) if joined else (name, child, "", None)


def _tried(convolution: nn.Conv2d, activation: nn.Module | None) -> FusedConvolution | None:
    """The fused layer; None where it cannot be made or answers otherwise than the two layers."""
    weight = convolution.weight
    x = torch.linspace(-3, 3, 2 * convolution.in_channels * 81).reshape(2, convolution.in_channels, 9, 9)
    x = x.to(weight.dtype).contiguous(memory_format=torch.channels_last)
    try:
        fused = FusedConvolution(convolution, activation)
        found = fused(x).float()
    except (RuntimeError, TypeError, AttributeError):  # another signature, or a PyTorch without oneDNN
        return None
    wanted = convolution(x)
    wanted = (wanted if activation is None else activation(wanted)).float()
    near = torch.allclose(found, wanted, rtol=0.02, atol=0.02 * float(wanted.abs().max().clamp(min=1e-6)))
    return fused if near and found.shape == wanted.shape else None
