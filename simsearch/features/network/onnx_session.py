"""Sessions of ONNX Runtime, which is installed with the extra `read`."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simsearch.core import denormals

if TYPE_CHECKING:
    import onnxruntime


def installed() -> bool:
    """Whether ONNX Runtime is."""
    return importlib.util.find_spec("onnxruntime") is not None


def opened(model: bytes, *, many_shapes: bool = False) -> onnxruntime.InferenceSession:
    """A session that computes on the calling thread: results do not depend on the number of cores, and the other cores
    describe other photos meanwhile.

    `many_shapes`: without patterns of memory, which are kept for each shape of the input, so that memory stays flat.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_mem_pattern = not many_shapes
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Session:
    """A model with one input, on the calling thread. May be called from several threads at once."""

    def __init__(self, model: bytes) -> None:
        """`model`: as `onnx_graph.Graph.model` gives it."""
        self._session = opened(model)
        self._input: str = self._session.get_inputs()[0].name

    def run(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """The first output for one input."""
        return self.run_all(x)[0]

    def run_all(self, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """All outputs for one input."""
        with denormals.as_zero():
            found = self._session.run(None, {self._input: np.ascontiguousarray(x)})
        return [np.asarray(one, np.float32) for one in found]
