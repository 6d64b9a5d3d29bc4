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
from simsearch.features.network.frames import normalised
from simsearch.features.network.onnx_graph import Arrays, Graph
from simsearch.features.network.plans import PLANS
from simsearch.features.network.quick_start import gem, head, unit
from simsearch.features.pills.imprint_network_plan import CHARACTERS, LAYERS, WIDE
from simsearch.features.pills.looks import EMBEDDING
from simsearch.features.pills.network_plan import BACKBONE, CELLS, DEEP, MIDDLE
from simsearch.features.pills.weights import PillWeights

Floats = NDArray[np.float32]

_PLAN = PLANS[BACKBONE]
"""Of both networks."""
_MAPS, _FEATURES, _GRID = "maps", "features", "grid"


class QuickInference:
    """The network of faces. May be called from several threads at once."""

    def __init__(self, weights: PillWeights) -> None:
        """
        Raises:
            WeightsError: the tensors do not fit, or are not finite.
        """
        self._session = onnx_session.Session(_checked(face_graph, weights))
        both = _PLAN.last + CELLS
        self._pool, self._pool2 = head(weights, "pool.p", (1,)), head(weights, "pool2.p", (1,))
        self._embed = head(weights, "embed.weight", (EMBEDDING, both))
        self._embed_bias = head(weights, "embed.bias", (EMBEDDING,))
        self._upright = head(weights, "upright.weight", (1, both))
        self._upright_bias = head(weights, "upright.bias", (1,))

    def look(self, frames: Sequence[Pixels]) -> tuple[Floats, Floats]:
        """As `network.Inference.look`: embeddings (n, EMBEDDING), logits (n,) of being upright."""
        features, grid = self._session.run_all(normalised(frames))
        pooled = np.concatenate([gem(features, self._pool), gem(grid, self._pool2)], axis=1)
        return unit(pooled @ self._embed.T + self._embed_bias), (pooled @ self._upright.T + self._upright_bias)[:, 0]


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
        return self._session.run(normalised(frames))


def _checked(graph: Callable[[Arrays], bytes], weights: PillWeights) -> bytes:
    try:
        return graph(weights.tensors)
    except WeightsError as error:
        raise WeightsError(f"{weights.path}: {error}") from None


def face_graph(tensors: Arrays) -> bytes:
    """Float32 (n, 3, h, w) -> what is pooled: the backbone's features, and the grid.

    The grid's convolution of both strides, joined, is the sum of two, of which the coarser one is computed before it is
    made larger.

    Raises:
        WeightsError: a tensor is missing, of another shape or not finite.
    """
    name, widths = "join", (_PLAN.width(MIDDLE), _PLAN.width(DEEP))
    joined = tensors.get(f"{name}.weight")
    if joined is None or joined.shape != (CELLS, sum(widths), 1, 1):
        raise WeightsError(f"does not fit its own architecture ({name})")
    halves = {
        f"{name}.middle.weight": joined[:, : widths[0]], f"{name}.middle.bias": tensors.get(f"{name}.bias"),
        f"{name}.deep.weight": joined[:, widths[0] :], f"{name}.deep.bias": np.zeros(CELLS, np.float32),
    }  # fmt: skip
    graph = Graph({**tensors, **{key: value for key, value in halves.items() if value is not None}}, None)
    layers = list(graph.layers(_PLAN, len(_PLAN.blocks)))
    middle = graph.convolution(layers[MIDDLE], f"{name}.middle", (CELLS, widths[0], 1, 1))
    deep = graph.convolution(layers[DEEP], f"{name}.deep", (CELLS, widths[1], 1, 1))
    graph.node("Relu", [graph.node("Add", [middle, graph.resized(deep, middle)])], output=_GRID)
    last = f"backbone.{len(_PLAN.blocks) + 1}.0"
    graph.convolution(layers[-1], last, (_PLAN.last, widths[1], 1, 1), activation="Clip", output=_FEATURES)
    return graph.model(_FEATURES, _GRID)


def imprint_graph(tensors: Arrays) -> bytes:
    """Float32 (n, 3, h, w) -> maps (n, 40, h / 4, w / 4).

    Raises:
        WeightsError: a tensor is missing, of another shape or not finite.
    """
    graph = Graph(tensors, None)
    layers = list(graph.layers(_PLAN, LAYERS[-1]))
    x = ""
    for level in range(len(LAYERS) - 1, -1, -1):
        layer = LAYERS[level]
        own = graph.convolution(layers[layer], f"across.{level}", (WIDE, _PLAN.width(layer), 1, 1))
        if x:
            own = graph.node("Relu", [graph.node("Add", [own, graph.resized(x, own)])])
            own = graph.convolution(own, f"mix.{level}", (WIDE, WIDE, 3, 3), activation="Relu")
        x = own
    x = graph.convolution(x, "last", (WIDE, WIDE, 3, 3), activation="Relu")
    graph.convolution(x, "out", (len(CHARACTERS) + 4, WIDE, 1, 1), output=_MAPS)
    return graph.model(_MAPS)
