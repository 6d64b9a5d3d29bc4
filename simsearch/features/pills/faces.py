"""What the networks see on the faces of pills: an embedding, and an imprint. They are loaded when the first pill is
found."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.features.network import onnx_session
from simsearch.features.pills import imprint
from simsearch.features.pills.frames import framed, framed_to_read
from simsearch.features.pills.looks import KEPT
from simsearch.features.pills.outlines import Outline
from simsearch.features.pills.weights import PillWeights

if TYPE_CHECKING:
    from simsearch.features.pills.imprint_network import Reader
    from simsearch.features.pills.network import Inference
    from simsearch.features.pills.quick import QuickInference, QuickReader

_UPRIGHT, _LEAST = 0.4, 5.0
"""What a nat of being upright counts, in characters read, where the turn is chosen that is read; nats at most."""


class Faces:
    """The networks of pills. May be called from several threads at once."""

    def __init__(self, weights: PillWeights, reading: PillWeights) -> None:
        """`weights`: of the embeddings; `reading`: of the imprints."""
        self.weights, self.reading = weights, reading
        self._loading = Lock()
        self._networks: tuple[Inference | QuickInference, Reader | QuickReader] | None = None

    def of(self, pixels: Pixels, outline: Outline) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """(KEPT, EMBEDDING) of the pill within `outline`, and (KEPT_MARKS,) of `MARK`, its imprint.

        Kept are the turns that are likeliest upright, likeliest first. An oblong pill has two; they fill the places in
        turns. The imprint is that of the turn at which most is read, and which is likely upright.
        """
        looker, reader = self._loaded()
        faces = framed(pixels, outline)
        embeddings, upright = looker.look(faces)
        order = np.argsort(-upright, kind="stable")[:KEPT]
        maps = reader.read(framed_to_read(pixels, outline, faces, order.tolist()))
        read = [imprint.rows(imprint.marks(one)) for one in maps]
        likely = np.maximum(upright[order] - upright[order[0]], -_LEAST) * _UPRIGHT
        best = int(np.argmax([imprint.evidence(one) + prior for one, prior in zip(read, likely, strict=True)]))
        return embeddings[np.resize(order, KEPT)], imprint.kept(read[best])

    def _loaded(self) -> tuple[Inference | QuickInference, Reader | QuickReader]:
        """By ONNX Runtime where it is installed, else by PyTorch."""
        with self._loading:
            if self._networks is None and onnx_session.installed():
                from simsearch.features.pills import quick

                self._networks = quick.QuickInference(self.weights), quick.QuickReader(self.reading)
            elif self._networks is None:
                from simsearch.features.pills import imprint_network, network

                self._networks = (
                    network.Inference(network.restore(self.weights)),
                    imprint_network.Reader(imprint_network.restore(self.reading)),
                )
            return self._networks
