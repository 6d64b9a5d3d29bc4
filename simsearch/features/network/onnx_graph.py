"""Backbones as ONNX graphs, written without PyTorch and without the `onnx` package, for ONNX Runtime and OpenCV.

Source of the format: ONNX's onnx.proto (IR version 8, operators of version 13), of which a dozen fields are needed, and
the wire format of Protocol Buffers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.errors import WeightsError
from simsearch.features.network.plans import Block, Plan

INPUT, OUTPUT = "pictures", "features"
_IR, _OPERATORS = 8, 13
_FLOAT32, _AN_INT, _A_STRING, _INTS = 1, 2, 3, 7

Arrays = Mapping[str, NDArray[Any]]


def backbone_graph(plan: Plan, tensors: Arrays) -> bytes:
    """A model: float32 (n, 3, h, w) -> float32 (n, plan.last, h / 32, w / 32); batch norms folded.

    Weights are rounded to bfloat16, as PyTorch's inference does.

    Args:
        plan: of the backbone.
        tensors: of a weights file, by name.

    Raises:
        WeightsError: one is missing, of another shape or not finite.
    """
    graph = Graph(tensors, plan.eps)
    *_, x = graph.layers(plan, len(plan.blocks))
    last = f"backbone.{len(plan.blocks) + 1}"
    graph.convolution(
        x, f"{last}.0", (plan.last, plan.blocks[-1].outward, 1, 1), norm=f"{last}.1", activation="Clip", output=OUTPUT
    )
    return graph.model()


class Graph:
    """Nodes and weights of a graph with one input, gathered in order.

    Args:
        tensors: of a weights file, by name.
        eps: of the batch norms that are folded in, weights then being rounded to bfloat16; none: the file has none.
    """

    def __init__(self, tensors: Arrays, eps: float | None) -> None:
        self.tensors, self.eps = tensors, eps
        self.nodes: list[bytes] = []
        self.weights = [
            _tensor("low", np.float32(0.0)), _tensor("high", np.float32(6.0)),
            _tensor("twice", np.array([1, 1, 2, 2], np.float32)),
        ]  # fmt: skip

    def layers(self, plan: Plan, last: int) -> Iterator[str]:
        """Adds the backbone up to block `last`; the name of each block's output, that of the stem first."""
        x = self.convolution(
            INPUT, "backbone.0.0", (plan.first, 3, 3, 3), norm="backbone.0.1", stride=2, activation="Clip"
        )
        yield x
        for number, block in enumerate(plan.blocks[:last], 1):
            x = self._block(x, f"backbone.{number}.conv", block)
            yield x

    def _block(self, entry: str, name: str, block: Block) -> str:
        x, inner = entry, 0
        if block.expansion > 1:
            shape = (block.wide, block.inward, 1, 1)
            x, inner = self.convolution(x, f"{name}.0.0", shape, norm=f"{name}.0.1", activation="Clip"), 1
        filters, narrow, norm = f"{name}.{inner}.0", f"{name}.{inner + 1}", f"{name}.{inner + 2}"
        shape = (block.wide, 1, block.kernel, block.kernel)
        x = self.convolution(
            x, filters, shape, norm=f"{name}.{inner}.1", stride=block.stride, groups=block.wide, activation="Clip"
        )
        x = self.convolution(x, narrow, (block.outward, block.wide, 1, 1), norm=norm)
        return self.node("Add", [x, entry]) if block.adds else x

    def convolution(
        self,
        x: str,
        name: str,
        shape: tuple[int, ...],
        *,
        norm: str = "",
        stride: int = 1,
        groups: int = 1,
        activation: str = "",
        output: str = "",
    ) -> str:
        """A convolution with the batch norm behind it folded in, then its activation, "Clip" being ReLU6; its name."""
        weight, bias = self._folded(name, norm, shape)
        self.weights += [_tensor(f"{name}.weight", weight), _tensor(f"{name}.bias", bias)]
        pad = (shape[2] - 1) // 2
        settings = [
            _ints("strides", [stride] * 2), _ints("pads", [pad] * 4), _ints("kernel_shape", shape[2:]),
            _int("group", groups),
        ]  # fmt: skip
        inputs = [x, f"{name}.weight", f"{name}.bias"]
        if not activation:
            return self.node("Conv", inputs, settings, output=output)
        out = self.node("Conv", inputs, settings)
        return self.node(activation, [out, "low", "high"] if activation == "Clip" else [out], output=output)

    def doubled(self, x: str) -> str:
        """A map with each place repeated twice along both sides; the name of the output."""
        return self.node("Resize", [x, "", "twice"], _NEAREST)

    def resized(self, x: str, like: str) -> str:
        """A map as large as another one of as many channels, by its nearest places; the name of the output."""
        return self.node("Resize", [x, "", "", self.node("Shape", [like])], _NEAREST)

    def node(self, operator: str, inputs: Sequence[str], settings: Sequence[bytes] = (), output: str = "") -> str:
        """Add a node; the name of its output."""
        output = output or f"x{len(self.nodes)}"
        parts = [_text(1, name) for name in inputs]
        parts += [_text(2, output), _text(4, operator), *(_bytes(5, each) for each in settings)]
        self.nodes.append(b"".join(parts))
        return output

    def _folded(self, name: str, norm: str, shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        weight = self._tensor(f"{name}.weight", shape)
        if self.eps is None:
            return weight, self._tensor(f"{name}.bias", shape[:1])
        gain, shift, mean, variance = (
            self._tensor(f"{norm}.{part}", shape[:1]) for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / np.sqrt(variance + np.float32(self.eps))
        folded = weight * scale[:, None, None, None], shift - mean * scale
        if not all(np.isfinite(part).all() for part in folded):
            raise WeightsError(f"{name} holds numbers that are not finite")
        return _rounded(folded[0]), _rounded(folded[1])

    def _tensor(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        found = self.tensors.get(name)
        if found is None or found.shape != shape:
            raise WeightsError(f"does not fit its own architecture ({name})")
        if not np.isfinite(found).all():
            raise WeightsError(f"{name} holds numbers that are not finite")
        return found.astype(np.float32)

    def model(self, *outputs: str) -> bytes:
        """The model with the graph, serialised; `outputs`: the names of what comes out; none: OUTPUT."""
        graph = b"".join(
            [
                *(_bytes(1, node) for node in self.nodes),
                _text(2, "network"),
                *(_bytes(5, weight) for weight in self.weights),
                _bytes(11, _pictures(INPUT)),
                *(_bytes(12, _pictures(output)) for output in outputs or (OUTPUT,)),
            ]
        )
        return _varint_field(1, _IR) + _bytes(7, graph) + _bytes(8, _varint_field(2, _OPERATORS))


def _rounded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The nearest numbers of bfloat16, ties to even, as float32."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    bits = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return np.asarray((bits & np.uint32(0xFFFF0000)).view(np.float32))


# -- onnx.proto --------------------------------------------------------------------------------------------------------


def _tensor(name: str, values: NDArray[np.float32] | np.float32) -> bytes:
    array = np.asarray(values, "<f4")
    dims = b"".join(_varint_field(1, side) for side in array.shape)
    return dims + _varint_field(2, _FLOAT32) + _text(8, name) + _bytes(9, array.tobytes())


def _pictures(name: str) -> bytes:
    """A float32 input or output of four dimensions that are not known beforehand."""
    dims = b"".join(_bytes(1, _text(2, f"{name}{i}")) for i in range(4))
    return _text(1, name) + _bytes(2, _bytes(1, _varint_field(1, _FLOAT32) + _bytes(2, dims)))


def _int(name: str, value: int) -> bytes:
    return _text(1, name) + _varint_field(3, value) + _varint_field(20, _AN_INT)


def _string(name: str, value: str) -> bytes:
    return _text(1, name) + _text(4, value) + _varint_field(20, _A_STRING)


def _ints(name: str, values: Sequence[int]) -> bytes:
    return _text(1, name) + b"".join(_varint_field(8, value) for value in values) + _varint_field(20, _INTS)


# -- Protocol Buffers --------------------------------------------------------------------------------------------------


def _varint_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())


def _varint(value: int) -> bytes:
    return bytes(_septets(value))


def _septets(value: int) -> Iterator[int]:
    while value > 0x7F:
        yield value & 0x7F | 0x80
        value >>= 7
    yield value


_NEAREST = (
    _string("mode", "nearest"), _string("coordinate_transformation_mode", "asymmetric"),
    _string("nearest_mode", "floor"),
)  # fmt: skip
"""As PyTorch's "nearest" interpolates."""
