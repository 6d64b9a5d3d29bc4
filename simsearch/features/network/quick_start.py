"""The network by ONNX Runtime, for a process that describes a few photos: PyTorch takes a second to be imported.

It computes what `network.Inference` does in float32: embeddings agree as those of two precisions do (cosine 0.9999).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simsearch.core.errors import WeightsError
from simsearch.core.types import Pixels
from simsearch.features.network import onnx_session
from simsearch.features.network.frames import normalised, seen
from simsearch.features.network.onnx_graph import backbone_graph
from simsearch.features.network.plans import PLANS
from simsearch.features.network.weights_file import SURFACES, Weights

if TYPE_CHECKING:
    from simsearch.features.pills.weights import PillWeights


def can_start(weights: Weights) -> bool:
    """Whether this backbone has a plan, and ONNX Runtime is installed (the extra `read`)."""
    return weights.architecture.backbone in PLANS and onnx_session.installed()


class QuickInference:
    """A network made ready to describe photos one at a time. May be called from several threads at once."""

    def __init__(self, weights: Weights) -> None:
        """
        Raises:
            WeightsError: the tensors do not fit the architecture, or are not finite.
        """
        self.architecture = weights.architecture
        plan, tensors = PLANS[self.architecture.backbone], weights.tensors
        try:
            model = backbone_graph(plan, tensors)
        except WeightsError as error:
            raise WeightsError(f"{weights.path}: {error}") from None
        width = self.architecture.embedding
        self._p = head(weights, "pool.p", (1,))
        self._embed = head(weights, "embed.weight", (width, plan.last))
        self._embed_bias = head(weights, "embed.bias", (width,))
        self._surface = head(weights, "surface.weight", (len(SURFACES), plan.last))
        self._surface_bias = head(weights, "surface.bias", (len(SURFACES),))
        self._session = onnx_session.Session(model)

    def describe(self, photos: Sequence[Pixels]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `network.Inference.describe`: embeddings (n, d) of length 1 and probabilities (n, len(SURFACES))."""
        pooled = np.stack([self._pooled(seen(photo, self.architecture)) for photo in photos])
        embeddings = unit(pooled @ self._embed.T + self._embed_bias)
        logits = pooled @ self._surface.T + self._surface_bias
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return embeddings, shares / shares.sum(axis=1, keepdims=True)

    def _pooled(self, picture: Pixels) -> NDArray[np.float32]:
        """GeM-pooled features (channels,) of a picture (h, w, 3)."""
        pooled: NDArray[np.float32] = gem(self._session.run(normalised([picture])), self._p)[0]
        return pooled


def head(weights: Weights | PillWeights, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A tensor of a weights file that a graph has no part in.

    Raises:
        WeightsError: it is missing, of another shape or not finite.
    """
    found = weights.tensors.get(name)
    if found is None or found.shape != shape:
        raise WeightsError(f"{weights.path}: does not fit its own architecture ({name})")
    if not np.isfinite(found).all():
        raise WeightsError(f"{weights.path}: holds numbers that are not finite ({name})")
    return found.astype(np.float32)


def gem(maps: NDArray[np.float32], p: NDArray[np.float32]) -> NDArray[np.float32]:
    """Maps (n, c, h, w) pooled to (n, c), as `network.GeM` does; `p` (1,)."""
    power = p.clip(1.0, 10.0)
    raised = np.maximum(maps, np.float32(1e-6)).reshape(*maps.shape[:2], -1) ** power
    return np.asarray(raised.mean(axis=2) ** (1.0 / power), np.float32)


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows (n, d) of length 1."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)
