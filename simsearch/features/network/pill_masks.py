"""The network that finds loose pills: for each point of a photo whether it lies on a pill, and near a pill's middle.

    photo -> MobileNetV2 up to stride 16, and what all of the photo looks like
          -> strides 8, 4 and 2 added from the finer layers -> two maps at half of the photo's size

The middles tell pills apart that touch. ONNX Runtime computes it where it is installed, in two thirds of the time, else
OpenCV, so that no query waits for PyTorch to be imported; both agree to the fourth decimal. It is trained on drawn
scenes by `scripts/pills/train_masks.py`, batch norms folded into the convolutions.

Sources: feature pyramid networks (Lin et al., CVPR 2017); separable convolutions (Howard et al. 2017).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.errors import WeightsError
from simsearch.core.types import Pixels
from simsearch.features.network import onnx_session
from simsearch.features.network.frames import normalised
from simsearch.features.network.onnx_graph import Arrays, Graph
from simsearch.features.network.plans import PLANS
from simsearch.features.network.weights_file import BUILT_IN, read_header, read_tensors

FORMAT = "simsearch-pill-masks-1"
PATH = BUILT_IN / "pill-masks.safetensors"
PLAN = PLANS["mobilenet_v2"]
MULTIPLE = 16
"""Height and width of a picture are multiples of it."""
STRIDE = 2
"""Pixels of the picture to a point of the maps."""
LAYERS = (1, 3, 6, 13)
"""Blocks of the backbone whose outputs are used: strides 2, 4, 8 and 16."""
WIDE = (24, 32, 48, 64)
"""Channels of the pyramid at these strides."""
_OUTPUT = "maps"


class MaskNetwork:
    """The network of a weights file. May be called from several threads at once."""

    def __init__(self, path: Path = PATH) -> None:
        """
        Raises:
            WeightsError: the file is missing, damaged or of another format, or its tensors do not fit.
        """
        _, self.digest = read_header(path, FORMAT, missing="install simsearch anew", other="install simsearch anew")
        try:
            self._graph = mask_graph(read_tensors(path))
        except WeightsError as error:
            raise WeightsError(f"{path}: {error}") from None
        self._quick = onnx_session.installed()
        self._loading = threading.Lock()
        self._session: onnx_session.Session | None = None
        self._own = threading.local()
        """A network of OpenCV serves one thread."""

    def look(self, pictures: Sequence[Pixels]) -> NDArray[np.float32]:
        """n pictures (h, w, 3) of one shape -> probabilities (n, 2, h / 2, w / 2): on a pill, near a pill's middle."""
        logits = self._logits(np.ascontiguousarray(normalised(pictures)))
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)

    def _logits(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._quick:
            with self._loading:  # comparing what was described never loads it
                self._session = self._session or onnx_session.Session(self._graph)
            return self._session.run(x)
        if not hasattr(self._own, "network"):
            self._own.network = cv2.dnn.readNetFromONNX(np.frombuffer(self._graph, np.uint8))
        self._own.network.setInput(x)
        return np.asarray(self._own.network.forward(), np.float32)


@cache
def built_in() -> MaskNetwork:
    """The network in the package, read once."""
    return MaskNetwork()


def mask_graph(tensors: Arrays) -> bytes:
    """The network as an ONNX model: float32 (n, 3, h, w) -> logits (n, 2, h / 2, w / 2).

    Raises:
        WeightsError: a tensor is missing, of another shape or not finite.
    """
    graph = Graph(tensors, None)
    layers = list(graph.layers(PLAN, LAYERS[-1]))
    widths = [PLAN.width(layer) for layer in LAYERS]
    whole = graph.node("GlobalAveragePool", [layers[-1]])
    whole = graph.convolution(whole, "whole", (WIDE[-1], widths[-1], 1, 1))
    x = ""
    for level in range(len(LAYERS) - 1, -1, -1):
        wide = WIDE[level]
        own = graph.convolution(layers[LAYERS[level]], f"across.{level}", (wide, widths[level], 1, 1))
        if x:
            coarser = graph.doubled(graph.convolution(x, f"down.{level}", (wide, WIDE[level + 1], 1, 1)))
        else:  # OpenCV adds to a convolution what is of its size only
            coarser = graph.node("Expand", [whole, graph.node("Shape", [own])])
        x = graph.node("Relu", [graph.node("Add", [own, coarser])])
        for part in (0, 1):
            name = f"mix.{level}.{part}"
            x = graph.convolution(x, f"{name}.0", (wide, 1, 3, 3), groups=wide)
            x = graph.convolution(x, f"{name}.1", (wide, wide, 1, 1), activation="Relu")
    graph.convolution(x, "out", (2, WIDE[0], 1, 1), output=_OUTPUT)
    return graph.model(_OUTPUT)
