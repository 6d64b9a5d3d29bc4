"""SIFT: keypoints of a difference-of-Gaussians pyramid, each with a histogram of the gradients around it.

Source: Lowe, "Distinctive image features from scale-invariant keypoints" (2004), as in OpenCV. Compared by brute force:
the nearest neighbour by L2 distance is kept where it is clearly nearer than the second (Lowe's ratio test).
Root-SIFT: Arandjelović, Zisserman (2012).

OpenCV rounds gradients differently with and without AVX2: values then differ by one, and a keypoint may come or go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import setting
from simsearch.core.images import resized
from simsearch.core.types import Descriptor, Image, Similarities
from simsearch.features.base import fingerprint
from simsearch.features.keypoints import SUBPIXEL, column, matched_share, one_to_one

KEYPOINT = np.dtype([("xy", "<u2", 2), ("gradients", "u1", 128)])
"""One keypoint, 132 bytes: position in 1/32 pixel of the scaled photo, and Lowe's 4 x 4 x 8 gradient histogram."""

_LENGTH = 512.0
"""L2 length of a descriptor. OpenCV scales to it so that values fit into a byte; root-SIFT is scaled to it too."""


@dataclass(frozen=True)
class SiftSettings:
    """Settings of SIFT.

    keypoints: at most this many in a photo.
    size: longer side in pixels to which a photo is scaled first.
    ratio: of Lowe's test: how near a match must be, compared with the second nearest keypoint.
    root: root-SIFT: the square root of each L1-normalised value, so that L2 distance becomes Hellinger's.
    """

    keypoints: int = setting(500, low=8, high=5000)
    size: int = setting(512, low=64, high=1023)
    contrast: float = setting(0.04, low=0.0, high=1.0)
    ratio: float = setting(0.75, low=0.1, high=1.0)
    root: bool = False


class Sift:
    """kept / min(n_a, n_b), 0 to 1: matches that pass the ratio test, of those possible.

    Descriptor: :data:`KEYPOINT` (n,). A keypoint of the other photo is counted once. 0 where a photo has no keypoints.
    Equal descriptors give 1, though keypoints of a repeated pattern fail the ratio test against each other. Not
    symmetric: neighbours are sought from query to other.
    """

    name: ClassVar[str] = "sift"
    Settings: ClassVar[type] = SiftSettings
    similarity_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    dtype: np.dtype[Any] = KEYPOINT
    shape: tuple[int, ...] = (-1,)

    def __init__(self, settings: SiftSettings) -> None:
        self.settings = settings
        self.fingerprint = fingerprint(self.name, settings)

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        return [self._describe(image) for image in images]

    def _describe(self, image: Image) -> Descriptor:
        # A detector must not be shared between threads. Making one costs microseconds.
        detector = cv2.SIFT.create(nfeatures=self.settings.keypoints, contrastThreshold=self.settings.contrast)
        points, gradients = detector.detectAndCompute(resized(image.grey, self.settings.size), None)
        count = min(len(points), self.settings.keypoints)  # OpenCV keeps more where scores are equal at the limit
        out = np.zeros(count, KEYPOINT)
        if count:
            out["xy"] = np.maximum(np.array([p.pt for p in points[:count]]), 0) * SUBPIXEL + 0.5
            out["gradients"] = self._bytes(gradients[:count])
        return out

    def _bytes(self, gradients: NDArray[Any]) -> NDArray[np.uint8]:
        if self.settings.root:
            gradients = np.sqrt(gradients / np.maximum(gradients.sum(axis=1, keepdims=True), 1.0)) * _LENGTH
        return np.asarray(np.clip(gradients.round(), 0, 255), dtype=np.uint8)

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        own = _Side.of(query)
        kept = [len(self._matches(own, _Side.of(other))) for other in others]
        return np.array([matched_share(query, o, n) for o, n in zip(others, kept, strict=True)], np.float32)

    def matches(self, query: Descriptor, other: Descriptor) -> NDArray[np.int64]:
        """Pairs of keypoint indices (n, 2) that pass the ratio test; each of `other` is taken once, by its nearest."""
        return self._matches(_Side.of(query), _Side.of(other))

    def _matches(self, own: _Side, theirs: _Side) -> NDArray[np.int64]:
        if len(own.vectors) < 2 or len(theirs.vectors) < 2:
            return np.zeros((0, 2), np.int64)
        # |a|² + |b|² - 2 a·b. All are whole numbers below 2**24: float32 is exact, on every machine. The product is
        # OpenCV's: NumPy shares even this little among threads, which on a busy machine takes twenty times longer.
        product = cv2.gemm(own.vectors, theirs.vectors, -2.0, None, 0.0, flags=cv2.GEMM_2_T)  # type: ignore[call-overload]
        squared = np.asarray(product, np.float32)
        squared += theirs.squares
        rows = np.arange(len(squared))
        nearest = squared.argmin(axis=1)
        first = squared[rows, nearest] + own.squares
        squared[rows, nearest] = np.inf
        second = squared.min(axis=1) + own.squares
        kept = np.flatnonzero(first < self.settings.ratio**2 * second)
        return one_to_one(kept, nearest[kept], first[kept])


@dataclass(frozen=True, eq=False)
class _Side:
    """One photo's gradients as float32, and their squared lengths."""

    vectors: NDArray[np.float32]
    squares: NDArray[np.float32]

    @classmethod
    def of(cls, descriptor: Descriptor) -> _Side:
        vectors = column(descriptor, "gradients").astype(np.float32)
        return cls(vectors, np.einsum("ij,ij->i", vectors, vectors))


METHODS = (Sift,)
