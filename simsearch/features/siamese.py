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
from simsearch.features.network import processor
from simsearch.features.network.pill_masks import built_in
from simsearch.features.network.weights_file import BUILT_IN, SURFACES, open_weights

if TYPE_CHECKING:
    from simsearch.features.network.network import Inference
    from simsearch.features.network.quick_start import QuickInference

_PILLS, _OTHER = SURFACES.index(Surface.PILLS), SURFACES.index(Surface.OTHER)
_PERHAPS_PILLS = 0.03
"""Probability of loose pills from which pills are looked for where something else is likelier. Of 504 photos of boxes
and 33 of strips none has so much."""
_LIKELY_PILLS = 0.2
"""Probability from which what no package is likelier than is pills where pills are found."""
_FEW = 8
"""Photos that ONNX Runtime describes before PyTorch has been imported."""
_FromNear = dict[int, tuple[Descriptor, bool]]
"""Number of a photo -> the embedding of the crop to its pills, and whether the network calls that pills."""
_MOST_LOOSE = 4
"""Pills that are taken for loose ones in such a photo: more of them are likelier those of a blister strip."""


@dataclass(frozen=True)
class SiameseSettings:
    """Only `weights` and `crop_pills` change what is computed.

    weights: a .safetensors file; "" is the one in the package.
    crop_pills: find loose pills in a photo and describe a crop to them.
    batch: photos in one call of the network.
    runtime: what computes the network: "pytorch"; "onnx": ONNX Runtime on the CPU in float32, which starts a second
        sooner, where it is installed and the backbone has a plan; "auto": PyTorch where there is a GPU or the processor
        multiplies bfloat16, in which it describes more photos a second, but for `simsearch query` and `index` of a few
        photos.
    """

    weights: str = ""
    crop_pills: bool = True
    precision: str = setting("auto", choices=("auto", "float32", "bfloat16"))
    device: str = "auto"
    batch: int = setting(32, low=1, high=4096)
    runtime: str = setting("auto", choices=("auto", "pytorch", "onnx"))


@dataclass(frozen=True)
class _Computed:
    """What the fingerprint is made of, beside the weights: the settings that change the embedding."""

    crop_pills: bool
    crops: str
    """How crops are chosen: by the network that finds pills, checked by this one (`Siamese._look_closer`)."""


class Siamese:
    """The paper's improved Siamese network.

    Descriptor: embedding, float32 (d,) of length 1. Similarity: sigmoid of the pair head on |f1 - f2|, 0 to 1,
    symmetric.
    """

    name: ClassVar[str] = "siamese"
    Settings: ClassVar[type] = SiameseSettings
    similarity_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    dtype: np.dtype[Any] = np.dtype(np.float32)
    metric: Metric = "cosine"
    batched: ClassVar[bool] = True

    def __init__(self, settings: SiameseSettings) -> None:
        self.settings = settings
        self._loading = Lock()
        self._few = False
        self._inference: Inference | QuickInference | None = None
        self.weights = open_weights(
            Path(settings.weights) if settings.weights else BUILT_IN / f"{self.name}.safetensors"
        )
        self.calibration_path = self.weights.path.with_name(f"{self.weights.path.stem}.calibration.json")
        self.dim = self.weights.architecture.embedding
        self.shape = (self.dim,)
        # Precision and device stay out of the fingerprint: their embeddings agree (cosine >= 0.999), and catalogs move
        # between machines.
        computed = _Computed(settings.crop_pills, built_in().digest if settings.crop_pills else "")
        self.fingerprint = fingerprint(self.name, computed, version=3, digest=self.weights.digest)

    @property
    def inference(self) -> Inference | QuickInference:
        """The network, loaded at first use, once for all threads. Comparing stored embeddings never loads it."""
        with self._loading:
            if self._inference is None:
                self._inference = self._quick() or self._by_pytorch()
            return self._inference

    def expect(self, photos: int) -> None:
        """Say how many photos will be described before anything else is: what starts soonest describes a few.

        That holds where the settings leave the choice. PyTorch takes its place when many are expected.
        """
        if (self.settings.runtime, self.settings.device) != ("auto", "auto"):
            return
        with self._loading:
            if self._few and photos > _FEW:
                self._inference = None
            self._few = photos <= _FEW and (self._few or self._inference is None)

    def _quick(self) -> QuickInference | None:
        """The network by ONNX Runtime; None where the settings, the backbone or the installation are not for it."""
        s = self.settings
        wanted = self._few or s.runtime == "onnx" or (s.runtime == "auto" and processor.float32_only())
        if not wanted or s.device not in ("auto", "cpu") or s.precision == "bfloat16":
            return None
        from simsearch.features.network.quick_start import QuickInference, can_start

        return QuickInference(self.weights) if can_start(self.weights) else None

    def _by_pytorch(self) -> Inference:
        from simsearch.features.network.network import Inference, restore

        return Inference(restore(self.weights), precision=self.settings.precision, device=self.settings.device)

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        return [embedding for embedding, _, _ in self.describe_with_surface(images)]

    def describe_with_surface(self, images: Sequence[Image]) -> list[tuple[Descriptor, Surface, float]]:
        """For each image its embedding, its most likely surface and the probability of that surface, 0 to 1.

        One pass of the network gives all three. A photo of loose pills gets a second pass on a crop to them, because
        pills often fill a twentieth of a photo.
        """
        out: list[tuple[Descriptor, Surface, float]] = []
        for i in range(0, len(images), self.settings.batch):
            batch = images[i : i + self.settings.batch]
            embeddings, surfaces = self._pass([image.pixels for image in batch])
            if self.settings.crop_pills:
                seen = self._settle(batch, surfaces)
                self._look_closer(batch, surfaces.argmax(axis=1) == _PILLS, embeddings, seen)
            best = surfaces.argmax(axis=1)
            out += [(e, SURFACES[b], float(p[b])) for e, b, p in zip(embeddings, best, surfaces, strict=True)]
        return out

    def _settle(self, images: Sequence[Image], surfaces: NDArray[np.float32]) -> _FromNear:
        """Where a photo may show loose pills or anything else, the network that finds pills decides.

        A pill on cloth or in a page of print is often taken for something else. What is found must be called pills when
        it is seen from near, or fill a photo that is called no package, unless pills are likely anyway (docs/pills.md).
        Returns what was seen from near.
        """
        from simsearch.features.network.pill_crop import cropped

        best = surfaces.argmax(axis=1)
        doubtful = np.flatnonzero((best != _PILLS) & (surfaces[:, _PILLS] >= _PERHAPS_PILLS)).tolist()
        found = [i for i in doubtful if 0 < len(images[i].once(cropped).outlines) <= _MOST_LOOSE]
        seen = self._from_near(images, found)
        for i in found:
            no_package = bool(best[i] == _OTHER)
            likely = no_package and surfaces[i, _PILLS] >= _LIKELY_PILLS
            if likely or (seen[i][1] if i in seen else no_package):
                surfaces[i, [_PILLS, best[i]]] = surfaces[i, [_PILLS, best[i]]].sum(), 0
        return seen

    def _pass(self, pixels: Sequence[Pixels]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Embeddings (n, d) and probabilities (n, len(SURFACES)) of n photos of any size."""
        return self.inference.describe(pixels)

    def _from_near(self, images: Sequence[Image], which: Sequence[int]) -> _FromNear:
        """What the network says of the crops to pills of some photos; a photo that is not cropped is left out."""
        from simsearch.features.network.pill_crop import cropped

        crops = {i: images[i].once(cropped).pixels for i in which}
        found = {i: np.ascontiguousarray(crop) for i, crop in crops.items() if crop.shape != images[i].pixels.shape}
        if not found:
            return {}
        embeddings, surfaces = self._pass(list(found.values()))
        return {i: (e, bool(s.argmax() == _PILLS)) for i, e, s in zip(found, embeddings, surfaces, strict=True)}

    def _look_closer(
        self, images: Sequence[Image], pills: NDArray[np.bool_], embeddings: NDArray[np.float32], seen: _FromNear
    ) -> None:
        """Replace the embedding of each photo in which pills are found by that of the crop to them.

        The network must call the crop loose pills too. A blister strip in a hand is cropped to something else, and its
        whole photo is recognised better. `seen`: what was seen from near already.
        """
        loose = np.flatnonzero(pills).tolist()
        near = seen | self._from_near(images, [i for i in loose if i not in seen])
        for i in loose:
            if i in near and near[i][1]:
                embeddings[i] = near[i][0]

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        return sigmoid(self.pair_logits(query, others))

    def pair_logits(self, query: Descriptor, others: Sequence[Descriptor]) -> NDArray[np.float32]:
        """Output (n,) of the pair head before its sigmoid.

        `query` is one embedding (d,) against all of `others`, or one for each of them (n, d).
        """
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
