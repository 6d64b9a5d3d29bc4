"""The Siamese network as a method: one backbone pass a photo, pairs judged from the stored embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import setting
from simsearch.core.numbers import sigmoid
from simsearch.core.types import Descriptor, Image, Metric, Pixels, Similarities, Surface
from simsearch.features.base import fingerprint
from simsearch.features.network.weights_file import BUILT_IN, open_weights

if TYPE_CHECKING:
    from simsearch.features.network.network import Inference


@dataclass(frozen=True)
class SiameseSettings:
    """`weights`: a .safetensors file, "" for that in the package. `crop_pills`: loose pills are found and described
    from near. The others do not change what is computed.
    """

    weights: str = ""
    crop_pills: bool = True
    precision: str = setting("auto", choices=("auto", "float32", "bfloat16"))
    device: str = "auto"
    batch: int = setting(32, low=1, high=4096)


@dataclass(frozen=True)
class _Computed:
    """The settings that change what is computed, and how crops are chosen."""

    crop_pills: bool
    crops: str = "checked"


class Siamese:
    """The paper's improved Siamese network. Similarity: sigmoid of the pair head on |f1 - f2|, 0 to 1, symmetric."""

    name: ClassVar[str] = "siamese"
    Settings: ClassVar[type] = SiameseSettings
    similarity_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    dtype: np.dtype[Any] = np.dtype(np.float32)
    metric: Metric = "cosine"
    batched: ClassVar[bool] = True

    def __init__(self, settings: SiameseSettings) -> None:
        self.settings = settings
        self._loading = Lock()
        self._inference: Inference | None = None
        self.weights = open_weights(
            Path(settings.weights) if settings.weights else BUILT_IN / f"{self.name}.safetensors"
        )
        self.calibration_path = self.weights.path.with_name(f"{self.weights.path.stem}.calibration.json")
        self.dim = self.weights.architecture.embedding
        self.shape = (self.dim,)
        # Precision and device do not enter: they agree (cosine >= 0.999), and catalogs move between machines.
        self.fingerprint = fingerprint(self.name, _Computed(settings.crop_pills), digest=self.weights.digest)

    @property
    def inference(self) -> Inference:
        """Loaded at first use, once for all threads: what only compares stored embeddings never loads torch."""
        with self._loading:
            if self._inference is None:
                from simsearch.features.network.network import Inference, restore

                self._inference = Inference(
                    restore(self.weights), precision=self.settings.precision, device=self.settings.device
                )
            return self._inference

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        return [embedding for embedding, _, _ in self.describe_with_surface(images)]

    def describe_with_surface(self, images: Sequence[Image]) -> list[tuple[Descriptor, Surface, float]]:
        """Embedding, most likely surface and its probability of each image.

        From one pass of the network; loose pills, which fill a twentieth of many photos, get a second one on the crop
        to them.
        """
        from simsearch.features.network.network import SURFACES

        out: list[tuple[Descriptor, Surface, float]] = []
        for i in range(0, len(images), self.settings.batch):
            pixels = [image.pixels for image in images[i : i + self.settings.batch]]
            embeddings, surfaces = self._pass(pixels)
            best = surfaces.argmax(axis=1)
            if self.settings.crop_pills:
                self._look_closer(pixels, [SURFACES[b] is Surface.PILLS for b in best], embeddings)
            out += [(e, SURFACES[b], float(p[b])) for e, b, p in zip(embeddings, best, surfaces, strict=True)]
        return out

    def _pass(self, pixels: Sequence[Pixels]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        from simsearch.features.network.network import letterbox

        return self.inference.describe([letterbox(p, self.inference.size) for p in pixels])

    def _look_closer(self, pixels: Sequence[Pixels], pills: Sequence[bool], embeddings: NDArray[np.float32]) -> None:
        """Replaces the embeddings of those photos in which pills are found.

        A crop that the network does not take for pills itself is a wrong one: blister strips in a hand are cropped so,
        and their whole photos are recognised better.
        """
        from simsearch.features.network.network import SURFACES
        from simsearch.features.network.pill_crop import crop_to_pills

        crops = {i: crop_to_pills(pixels[i]) for i, shown in enumerate(pills) if shown}
        found = {i: crop for i, crop in crops.items() if crop.shape != pixels[i].shape}
        if found:
            near, surfaces = self._pass(list(found.values()))
            kept = surfaces.argmax(axis=1) == SURFACES.index(Surface.PILLS)
            embeddings[np.array(list(found))[kept]] = near[kept]

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        return sigmoid(self.pair_logits(query, others))

    def pair_logits(self, query: Descriptor, others: Sequence[Descriptor]) -> NDArray[np.float32]:
        """Pair head before its sigmoid, (n,): of one embedding (d,), or of one for each (n, d), against `others`."""
        if not len(others):
            return np.zeros(0, np.float32)
        return self.weights.pair_head.logits(query.astype(np.float32), np.stack(others).astype(np.float32))


class SiameseContrastive(Siamese):
    """The paper's contrastive Siamese network: trained with margin 2, compared by Euclidean distance.

    Similarity: 1 - |f1 - f2| / 2, 0 to 1, symmetric; embeddings have length 1, so the distance is at most 2.
    """

    name: ClassVar[str] = "siamese-contrastive"

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        if not len(others):
            return np.zeros(0, np.float32)
        distance = np.linalg.norm(np.stack(others).astype(np.float64) - query.astype(np.float64), axis=1)
        similarity: Similarities = np.clip(1.0 - distance / 2.0, 0.0, 1.0).astype(np.float32)
        return similarity


METHODS = (Siamese, SiameseContrastive)
