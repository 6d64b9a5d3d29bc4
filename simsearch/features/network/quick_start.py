"""The network by ONNX Runtime, for a process that describes a few photos: PyTorch takes a second to be imported.

It computes what `network.Inference` does in float32: embeddings agree as those of two precisions do (cosine 0.9999).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simsearch.core.errors import WeightsError
from simsearch.core.types import Pixels
from simsearch.features.network import onnx_session
from simsearch.features.network.frames import MEAN, STD, seen
from simsearch.features.network.onnx_graph import backbone_graph
from simsearch.features.network.plans import PLANS
from simsearch.features.network.weights_file import SURFACES, Weights

_MEAN, _STD = np.array(MEAN, np.float32), np.array(STD, np.float32)


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
        self._p = self._head(weights, "pool.p", (1,)).clip(1.0, 10.0)
        self._embed = self._head(weights, "embed.weight", (width, plan.last))
        self._embed_bias = self._head(weights, "embed.bias", (width,))
        self._surface = self._head(weights, "surface.weight", (len(SURFACES), plan.last))
        self._surface_bias = self._head(weights, "surface.bias", (len(SURFACES),))
        self._session = onnx_session.Session(model)

    @staticmethod
    def _head(weights: Weights, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        found = weights.tensors.get(name)
        if found is None or found.shape != shape:
            raise WeightsError(f"{weights.path}: does not fit its own architecture ({name})")
        if not np.isfinite(found).all():
            raise WeightsError(f"{weights.path}: holds numbers that are not finite")
        return found.astype(np.float32)

    def describe(self, photos: Sequence[Pixels]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `network.Inference.describe`: embeddings (n, d) of length 1 and probabilities (n, len(SURFACES))."""
        pooled = np.stack([self._pooled(seen(photo, self.architecture)) for photo in photos])
        embeddings = pooled @ self._embed.T + self._embed_bias
        embeddings /= np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
        logits = pooled @ self._surface.T + self._surface_bias
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return embeddings, shares / shares.sum(axis=1, keepdims=True)

    def _pooled(self, picture: Pixels) -> NDArray[np.float32]:
        """GeM-pooled features (channels,) of a picture (h, w, 3)."""
        x = ((picture.astype(np.float32) / 255.0 - _MEAN) / _STD).transpose(2, 0, 1)[None]
        features = self._session.run(x)[0]
        raised = np.maximum(features, np.float32(1e-6)).reshape(len(features), -1) ** self._p
        return np.asarray(raised.mean(axis=1) ** (1.0 / self._p), np.float32)
