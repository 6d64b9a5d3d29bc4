"""The networks of pills by ONNX Runtime: in two thirds of PyTorch's time, which need not be imported then.

They compute what `network.Inference` and `imprint_network.Reader` do, to the fourth decimal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from simsearch.core.errors import WeightsError
from simsearch.core.types import Pixels
from simsearch.features.network import onnx_session
from simsearch.features.network.frames import MEAN, STD
from simsearch.features.network.onnx_graph import Arrays, Graph
from simsearch.features.network.plans import PLANS, Plan
from simsearch.features.pills.imprint_network_plan import CHARACTERS, LAYERS, WIDE
from simsearch.features.pills.looks import EMBEDDING
from simsearch.features.pills.network_plan import BACKBONE, CELLS, DEEP, MIDDLE
from simsearch.features.pills.weights import PillWeights

Floats = NDArray[np.float32]

_PLAN = PLANS["mobilenet_v2"]
_MEAN, _STD = np.array(MEAN, np.float32), np.array(STD, np.float32)
_MAPS, _FEATURES, _GRID = "maps", "features", "grid"


class QuickInference:
    """The network of faces. May be called from several threads at once."""

    def __init__(self, weights: PillWeights) -> None:
        """
        Raises:
            WeightsError: the tensors do not fit, or are not finite.
        """
        tensors = weights.tensors
        self._session = onnx_session.Session(_checked(face_graph, weights))
        both = PLANS[BACKBONE].last + CELLS
        shapes = {
            "pool.p": (1,), "pool2.p": (1,), "embed.weight": (EMBEDDING, both), "embed.bias": (EMBEDDING,),
            "upright.weight": (1, both), "upright.bias": (1,),
        }  # fmt: skip
        for name, shape in shapes.items():
            if name not in tensors or tensors[name].shape != shape or not np.isfinite(tensors[name]).all():
                raise WeightsError(f"{weights.path}: does not fit its own architecture ({name})")
        self._heads: dict[str, Floats] = {name: tensors[name].astype(np.float32) for name in shapes}

    def look(self, frames: Sequence[Pixels]) -> tuple[Floats, Floats]:
        """As `network.Inference.look`: embeddings (n, EMBEDDING), logits (n,) of being upright."""
        features, grid = self._session.run_all(_input(frames))
        h = self._heads
        pooled = np.concatenate([_pooled(features, h["pool.p"]), _pooled(grid, h["pool2.p"])], axis=1)
        embeddings = pooled @ h["embed.weight"].T + h["embed.bias"]
        embeddings /= np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
        return embeddings, (pooled @ h["upright.weight"].T + h["upright.bias"])[:, 0]


class QuickReader:
    """The network of imprints. May be called from several threads at once."""

    def __init__(self, weights: PillWeights) -> None:
        """
        Raises:
            WeightsError: the tensors do not fit, or are not finite.
        """
        self._session = onnx_session.Session(_checked(imprint_graph, weights))

    def read(self, frames: Sequence[Pixels]) -> Floats:
        """As `imprint_network.Reader.read`: maps (n, 40, h / 4, w / 4)."""
        return self._session.run(_input(frames))


def _checked(graph: Callable[[Arrays], bytes], weights: PillWeights) -> bytes:
    try:
        return graph(weights.tensors)
    except WeightsError as error:
        raise WeightsError(f"{weights.path}: {error}") from None


def _input(frames: Sequence[Pixels]) -> Floats:
    """n frames (h, w, 3) of one shape -> (n, 3, h, w), normalised as ImageNet is."""
    x = (np.stack(frames).astype(np.float32) / np.float32(255) - _MEAN) / _STD
    return np.asarray(x.transpose(0, 3, 1, 2), np.float32)


def _pooled(maps: Floats, p: Floats) -> Floats:
    """GeM (n, c) of maps (n, c, h, w)."""
    power = p.clip(1.0, 10.0)
    raised = np.maximum(maps, np.float32(1e-6)).reshape(*maps.shape[:2], -1) ** power
    return np.asarray(raised.mean(axis=2) ** (1.0 / power), np.float32)


def face_graph(tensors: Arrays) -> bytes:
    """Float32 (n, 3, h, w) -> what is pooled: the backbone's features, and the grid.

    The grid's convolution of both strides, joined, is the sum of two, of which the coarser one is computed before it is
    made larger.

    Raises:
        WeightsError: a tensor is missing, of another shape or not finite.
    """
    name, plan = "join", PLANS[BACKBONE]
    widths = _outward(plan, MIDDLE), _outward(plan, DEEP)
    joined = tensors.get(f"{name}.weight")
    if joined is None or joined.shape != (CELLS, sum(widths), 1, 1):
        raise WeightsError(f"does not fit its own architecture ({name})")
    halves = {
        f"{name}.middle.weight": joined[:, : widths[0]], f"{name}.middle.bias": tensors.get(f"{name}.bias"),
        f"{name}.deep.weight": joined[:, widths[0] :], f"{name}.deep.bias": np.zeros(CELLS, np.float32),
    }  # fmt: skip
    graph = Graph({**tensors, **{key: value for key, value in halves.items() if value is not None}}, None)
    *layers, x = graph.layers(plan, len(plan.blocks))
    layers.append(x)
    middle = graph.convolution(layers[MIDDLE], f"{name}.middle", (CELLS, widths[0], 1, 1))
    deep = graph.convolution(layers[DEEP], f"{name}.deep", (CELLS, widths[1], 1, 1))
    graph.node("Relu", [graph.node("Add", [middle, graph.resized(deep, middle)])], output=_GRID)
    last = f"backbone.{len(plan.blocks) + 1}.0"
    graph.convolution(x, last, (plan.last, widths[1], 1, 1), activation="Clip", output=_FEATURES)
    return graph.model(_FEATURES, _GRID)


def imprint_graph(tensors: Arrays) -> bytes:
    """Float32 (n, 3, h, w) -> maps (n, 40, h / 4, w / 4).

    Raises:
        WeightsError: a tensor is missing, of another shape or not finite.
    """
    graph = Graph(tensors, None)
    layers = list(graph.layers(_PLAN, LAYERS[-1]))
    x, coarsest = "", len(LAYERS) - 1
    for level in range(coarsest, -1, -1):
        own = graph.convolution(layers[LAYERS[level]], f"across.{level}", (WIDE, _outward(_PLAN, LAYERS[level]), 1, 1))
        if x:
            own = graph.node("Relu", [graph.node("Add", [own, graph.resized(x, own)])])
            own = graph.convolution(own, f"mix.{level}", (WIDE, WIDE, 3, 3), activation="Relu")
        x = own
    x = graph.convolution(x, "last", (WIDE, WIDE, 3, 3), activation="Relu")
    graph.convolution(x, "out", (len(CHARACTERS) + 4, WIDE, 1, 1), output=_MAPS)
    return graph.model(_MAPS)


def _outward(plan: Plan, layer: int) -> int:
    """Channels that come out of a layer; 0 is the first convolution."""
    return plan.blocks[layer - 1].outward if layer else plan.first
