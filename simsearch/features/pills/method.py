"""Loose pills as a method: each pill's colours, shape and faces, compared pill by pill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from simsearch.core.types import Descriptor, Image, Similarities, Surface
from simsearch.features.base import NoSettings, fingerprint
from simsearch.features.keypoints import column
from simsearch.features.network.pill_masks import built_in
from simsearch.features.pills import ruler
from simsearch.features.pills.faces import Faces
from simsearch.features.pills.imprint_network_plan import CHARACTERS
from simsearch.features.pills.likeness import LEAST, Pills, log_likelihoods, together
from simsearch.features.pills.looks import LOOK, look_of
from simsearch.features.pills.outlines import pills_in
from simsearch.features.pills.weights import IMPRINTS, open_pill_weights


class PillLooks:
    """Likelihood that another photo shows the medicine of a photo's pills: of each by the one that is most like it.

    Descriptor: `LOOK` (n,), one element a pill, largest first; empty where no pill is found. Similarity: natural
    logarithm of how likely photos of one medicine differ as much, over that of no difference, and above 0 where
    imprints or sizes agree; -60 at least, and there where either photo shows no pill.
    """

    name: ClassVar[str] = "pills"
    Settings: ClassVar[type] = NoSettings
    similarity_range: ClassVar[tuple[float, float]] = (LEAST, float("inf"))
    dtype: np.dtype[Any] = LOOK
    shape: tuple[int, ...] = (-1,)
    surface: ClassVar[Surface] = Surface.PILLS
    """Only photos of this surface are described where another method tells it (`features.description`)."""
    batched: ClassVar[bool] = True
    """Follows the network, which tells the surface."""

    def __init__(self, settings: NoSettings) -> None:
        self.settings = settings
        self._faces = Faces(open_pill_weights(), open_pill_weights(IMPRINTS))
        digests = self._faces.weights.digest + self._faces.reading.digest + built_in().digest
        self.fingerprint = fingerprint(self.name, settings, version=5, digest=digests)

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        return [self._describe(image) for image in images]

    def _describe(self, image: Image) -> Descriptor:
        outlines = pills_in(image)
        if not outlines:
            return np.zeros(0, LOOK)
        looks = np.array([look_of(image.pixels, outline) for outline in outlines], LOOK)
        scale = ruler.scale(image.pixels)
        for look, outline in zip(looks, outlines, strict=True):
            look["size"] = ruler.size(outline, scale)
            look["faces"], look["imprint"] = self._faces.of(image.pixels, outline)
        return looks

    def is_sound(self, descriptor: Descriptor) -> bool:
        """Whether all numbers are finite and the ratios what ratios can be."""
        numbers = [name for name in LOOK.names or () if name != "imprint"]
        finite = all(np.isfinite(column(descriptor, name)).all() for name in numbers)
        known = bool((column(descriptor, "imprint")["classes"] < len(CHARACTERS)).all())
        return finite and known and bool((column(descriptor, "ratio") >= 1).all())

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        found = np.full(len(others), LEAST, np.float32)
        filled = [i for i, other in enumerate(others) if len(other)]
        if not len(query) or not filled:
            return found
        sizes = [len(others[i]) for i in filled]
        table = log_likelihoods(Pills.of(query), Pills.of(np.concatenate([others[i] for i in filled])))
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        found[filled] = together(np.maximum.reduceat(table, starts, axis=1))
        return found
