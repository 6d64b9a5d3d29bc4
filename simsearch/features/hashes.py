"""Perceptual hashes: 64 bits that hardly change when a photo is re-encoded, resized or slightly edited.

The bits are imagehash's. It resizes with Pillow's Lanczos filter, which is slow on a large photo: area averaging first
brings the shared grey image to 128 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from simsearch.core.config import setting
from simsearch.core.types import Descriptor, Image, Metric, Similarities
from simsearch.features.base import NoSettings, fingerprint

_DCT = 2 * np.cos(np.pi / 64 * np.outer(np.arange(8), 2 * np.arange(32) + 1))
"""The 8 lowest frequencies of SciPy's DCT-II of 32 numbers, (8, 32). SciPy's own takes a fifth of a second to load."""
_SURE = 1e-6
"""A coefficient nearer than this to the median may fall on its other side by rounding. Coefficients go up to 1e6, and
rounding moves them by some 1e-10."""


def _small(image: Image) -> Pillow.Image:
    return Pillow.fromarray(cv2.resize(image.grey, (128, 128), interpolation=cv2.INTER_AREA))


class _Hash:
    """64 bits packed into 8 bytes, row by row, first bit highest; similarity 1 - Hamming distance / 64, 0 to 1."""

    similarity_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    symmetric: ClassVar[bool] = True
    dtype: np.dtype[Any] = np.dtype(np.uint8)
    shape: tuple[int, ...] = (8,)
    dim = 64
    metric: Metric = "hamming"

    def _bits(self, image: Image) -> NDArray[np.bool_]:
        raise NotImplementedError

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        return [np.packbits(self._bits(image).reshape(-1)) for image in images]

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        if not len(others):
            return np.zeros(0, np.float32)
        differing = np.bitwise_xor(np.stack(others).astype(np.uint8), query.astype(np.uint8))
        distance = np.bitwise_count(differing).sum(axis=1)
        return np.asarray(1.0 - distance / 64.0, np.float32)


class AHash(_Hash):
    """aHash: grey 8 x 8; a bit is 1 where a pixel is brighter than the mean of all. Source: imagehash.average_hash."""

    name: ClassVar[str] = "ahash"
    Settings: ClassVar[type] = NoSettings

    def __init__(self, settings: NoSettings) -> None:
        self.settings = settings
        self.fingerprint = fingerprint(self.name, settings)

    def _bits(self, image: Image) -> NDArray[np.bool_]:
        return np.asarray(imagehash.average_hash(_small(image)).hash)


class DHash(_Hash):
    """dHash: grey 9 wide, 8 high; a bit is 1 where brighter than the left neighbour. Source: imagehash.dhash."""

    name: ClassVar[str] = "dhash"
    Settings: ClassVar[type] = NoSettings

    def __init__(self, settings: NoSettings) -> None:
        self.settings = settings
        self.fingerprint = fingerprint(self.name, settings)

    def _bits(self, image: Image) -> NDArray[np.bool_]:
        return np.asarray(imagehash.dhash(_small(image)).hash)


@dataclass(frozen=True)
class PHashSettings:
    """`statistic`: the value that coefficients are compared with; imagehash takes the median, the paper the mean."""

    statistic: str = setting("median", choices=("median", "mean"))


class PHash(_Hash):
    """pHash: grey 32 x 32, two-dimensional DCT-II, the 8 x 8 lowest frequencies against their median (or mean).

    Source: imagehash.phash. The paper takes the mean, which the large constant term dominates.
    """

    name: ClassVar[str] = "phash"
    Settings: ClassVar[type] = PHashSettings

    def __init__(self, settings: PHashSettings) -> None:
        self.settings = settings
        self.fingerprint = fingerprint(self.name, settings)

    def _bits(self, image: Image) -> NDArray[np.bool_]:
        small = _small(image)
        pixels = np.asarray(small.resize((32, 32), Pillow.Resampling.LANCZOS), np.float64)
        if self.settings.statistic == "mean":
            low = cv2.dct(pixels.astype(np.float32))[:8, :8]
            return np.asarray(low > low.mean())
        low = _DCT @ pixels @ _DCT.T
        above = low - np.median(low)
        if np.abs(above).min() < _SURE:  # a flat or mirrored picture: SciPy's rounding decides its bits
            return np.asarray(imagehash.phash(small).hash)
        return np.asarray(above > 0)


def mirrored(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """About the pHashes (n, 8) of the mirror images, left to right, of the pictures with these.

    Mirroring turns the sign of every coefficient of an odd horizontal frequency, and the median is near 0: of 40 photos
    the bits differed in 10 of 64 places at most, and in 3 on average.
    """
    return hashes ^ np.uint8(0b01010101)


METHODS = (AHash, DHash, PHash)
