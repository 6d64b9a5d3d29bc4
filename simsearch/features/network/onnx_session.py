"""Sessions of ONNX Runtime, which is installed with the extra `read`."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core import denormals


def installed() -> bool:
    """Whether ONNX Runtime is."""
    return importlib.util.find_spec("onnxruntime") is not None


class Session:
    """A model with one input and one output, on the calling thread. May be called from several threads at once."""

    def __init__(self, model: bytes) -> None:
        """`model`: as `onnx_graph.Graph.model` gives it."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # On the calling thread: the other cores describe other photos, or keypoints, meanwhile.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input: str = self._session.get_inputs()[0].name

    def run(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """The output for one input."""
        with denormals.as_zero():
            return np.asarray(self._session.run(None, {self._input: np.ascontiguousarray(x)})[0], np.float32)
