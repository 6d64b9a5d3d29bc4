"""Cosine of the pixels: two photos of one size as two long vectors, and the angle between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import setting
from simsearch.core.types import Descriptor, Image, Metric, Similarities
from simsearch.features.base import fingerprint


@dataclass(frozen=True)
class CosineSettings:
    """`size`: side in pixels of the square to which a photo is scaled; `channels`: luma, or red, green and blue."""

    size: int = setting(64, low=1, high=256)
    channels: str = setting("grey", choices=("grey", "rgb"))


class Cosine:
    """a·b / (|a| |b|) of the pixel values, 0 to 1 since none is negative; the paper calls 0.8 and above alike.

    Descriptor: float32 (dim,) of L2 length 1, so that the similarity is a·b. All flat photos have the same direction.
    A black one would have none, and is given theirs.
    """

    name: ClassVar[str] = "cosine"
    Settings: ClassVar[type] = CosineSettings
    similarity_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    symmetric: ClassVar[bool] = True
    dtype: np.dtype[Any] = np.dtype(np.float32)
    metric: Metric = "cosine"

    def __init__(self, settings: CosineSettings) -> None:
        self.settings = settings
        self.dim = settings.size**2 * (3 if settings.channels == "rgb" else 1)
        self.shape = (self.dim,)
        self.fingerprint = fingerprint(self.name, settings)

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        return [self._describe(image) for image in images]

    def _describe(self, image: Image) -> NDArray[np.float32]:
        pixels = image.pixels if self.settings.channels == "rgb" else image.grey
        square = cv2.resize(pixels, (self.settings.size, self.settings.size), interpolation=cv2.INTER_AREA)
        vector = square.reshape(-1).astype(np.float64)
        if not vector.any():
            vector += 1.0
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        if not len(others):
            return np.zeros(0, np.float32)
        # In float64: over thousands of numbers a float32 product of a photo with itself misses 1 by up to 1e-5.
        products = np.stack(others).astype(np.float64) @ query.astype(np.float64)
        return np.asarray(np.clip(products, 0.0, 1.0), np.float32)


METHODS = (Cosine,)
