"""The network's embeddings of the faces of pills. It is loaded when the first pill is found."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simsearch.core.threads import SingleThreaded
from simsearch.core.types import Pixels
from simsearch.features.pills.looks import KEPT
from simsearch.features.pills.weights import PillWeights

if TYPE_CHECKING:
    from simsearch.features.pills.network import Inference


class Faces:
    """The network of pills. May be called from several threads at once."""

    def __init__(self, weights: PillWeights) -> None:
        self.weights = weights
        self._loading = Lock()
        self._inference: Inference | None = None

    def of(self, frames: Sequence[Pixels]) -> NDArray[np.float32]:
        """(KEPT, EMBEDDING) of the frames of one pill at all turns: those likeliest to be upright, likeliest first.

        An oblong pill has two turns; they fill the places in turns.
        """
        SingleThreaded.torch()
        embeddings, upright = self._network().look(frames)
        order = np.argsort(-upright, kind="stable")[:KEPT]
        return embeddings[np.resize(order, KEPT)]

    def _network(self) -> Inference:
        with self._loading:
            if self._inference is None:
                from simsearch.features.pills.network import Inference, restore

                self._inference = Inference(restore(self.weights))
            return self._inference
