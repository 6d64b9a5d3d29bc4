"""ORB: oriented FAST keypoints with rotated BRIEF bits, compared by how many match, or agree with one viewpoint.

Source: Rublee, Rabaud, Konolige, Bradski (2011). Keypoints from a pyramid of factor 1.2, ranked by the Harris measure,
turned by the intensity centroid; 256 BRIEF bits; brute-force Hamming. Geometry: MAGSAC++ (Barath et al. 2020).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import setting
from simsearch.core.threads import in_threads
from simsearch.core.types import Descriptor, Elsewhere, Image, Similarities
from simsearch.features.base import fingerprint

KEYPOINT = np.dtype([("xy", "<u2", 2), ("angle", "u1"), ("octave", "u1"), ("bits", "u1", 32)])
"""One keypoint, 38 bytes: position in 1/32 pixel of the scaled photo, angle in 256ths of a turn, octave, BRIEF."""

_SUBPIXEL = 32.0
_LEAST_INLIERS = 6
"""Four matches fix a homography, so four always agree: below six nothing has been shown."""
_WIDER = 1.6
"""Tolerances that a keypoint may lie off a homography that stands already: packages bend."""
_ALIKE_BITS = 80
"""Of 256, below which a keypoint is taken for the same where the homography leads to expect it."""
_SLACK_BITS = 8
_REGISTER = 2.0
"""Pixels of the scaled photos within which points lie at one place."""
_DOUBT = 0.5
"""What keypoints count of which it is not known whether they are common, as one more that was looked up."""


@dataclass(frozen=True)
class OrbMatchingSettings:
    """`size`: longer side in pixels for the search of keypoints; `ratio`: Lowe's test, nearest against second nearest.

    `keep`: what makes a nearest neighbour a match: the ratio test, or "cross-check": being each other's nearest.
    """

    keypoints: int = setting(500, low=8, high=5000)
    size: int = setting(512, low=64, high=1023)
    fast_threshold: int = setting(12, low=1, high=100)
    ratio: float = setting(0.85, low=0.1, high=1.0)
    keep: str = setting("ratio", choices=("ratio", "cross-check"))


@dataclass(frozen=True)
class OrbSettings:
    """As in :class:`OrbMatchingSettings`; `tolerance`: pixels by which a match may miss the homography."""

    keypoints: int = setting(500, low=8, high=5000)
    size: int = setting(512, low=64, high=1023)
    fast_threshold: int = setting(12, low=1, high=100)
    ratio: float = setting(0.85, low=0.1, high=1.0)
    tolerance: float = setting(5.0, low=0.5, high=50.0)


@dataclass(frozen=True)
class Geometry:
    """Matches between two photos that one homography explains."""

    query_xy: NDArray[np.float32]
    """(n, 2) pixels in the scaled query."""
    other_xy: NDArray[np.float32]
    """(n, 2) pixels in the scaled other photo."""
    matches: int
    """Before geometry."""
    homography: NDArray[np.float64] | None
    """(3, 3), query to other; None where there is no sane one, and then n = 0."""
    rarity: float = 1.0
    """0 to 1: mean over the matches of how little photos of other products hold that keypoint too."""

    @property
    def inliers(self) -> int:
        """n: matches that agree."""
        return len(self.query_xy)

    @property
    def in_register(self) -> bool:
        """Whether the matches lie at the same pixels: as in one photo, or on a ruler, frame or form drawn over two.

        No camera is held in one place to two pixels.
        """
        apart = np.abs(self.query_xy - self.other_xy).max(axis=1, initial=0.0)
        return self.inliers > 0 and float(np.quantile(apart, 0.8)) < _REGISTER

    @property
    def support(self) -> float:
        """Inliers, those that many photos share counted less: 0 to n."""
        return self.inliers * self.rarity


_NOTHING = np.zeros((0, 2), np.float32)


class _Keypoints:
    """What both methods share: detection, and the ratio test."""

    name: ClassVar[str]
    dtype: np.dtype[Any] = KEYPOINT
    shape: tuple[int, ...] = (-1,)

    def __init__(self, settings: OrbSettings | OrbMatchingSettings) -> None:
        self.settings = settings
        self.fingerprint = fingerprint(self.name, settings)

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        return [self._describe(image) for image in images]

    def _describe(self, image: Image) -> Descriptor:
        grey = scaled(image.grey, self.settings.size)
        if min(grey.shape) < 16:  # the pyramid of a thread-like picture has empty levels, on which OpenCV raises
            return np.zeros(0, KEYPOINT)
        # Not kept between calls: a detector is not safe to share between threads, and making one costs microseconds.
        detector = cv2.ORB.create(
            nfeatures=self.settings.keypoints, scaleFactor=1.2, nlevels=8, fastThreshold=self.settings.fast_threshold
        )
        points, bits = detector.detectAndCompute(grey, None)
        out = np.zeros(len(points), KEYPOINT)
        if len(points):
            out["xy"] = np.array([p.pt for p in points]) * _SUBPIXEL + 0.5
            turns = np.array([p.angle for p in points]) / 360
            out["angle"] = (turns * 256).astype(np.int64) & 255  # & 255: a full turn is none
            out["octave"] = [p.octave & 255 for p in points]
            out["bits"] = bits
        return out

    def matches(self, query: Descriptor, other: Descriptor) -> NDArray[np.int64]:
        """Pairs of keypoint indices (n, 2) that pass the ratio test; each of `other` is taken once, by its nearest."""
        return self._distinct(*_neighbours(query, other))

    def _distinct(self, distance: NDArray[np.int32], index: NDArray[np.int64]) -> NDArray[np.int64]:
        kept = np.flatnonzero(distance[:, 0] < self.settings.ratio * distance[:, 1])
        kept = kept[np.argsort(distance[kept, 0], kind="stable")]
        _, first = np.unique(index[kept, 0], return_index=True)
        kept = kept[np.sort(first)]
        return np.stack([kept, index[kept, 0]], axis=1).astype(np.int64)


class OrbMatching(_Keypoints):
    """The paper's: kept / min(n_a, n_b), 0 to 1, matches that were kept of those that there could be. No geometry.

    0 where a photo has no keypoints. Equal descriptors give 1, though keypoints of a repeated pattern fail the ratio
    test against each other. Not symmetric: neighbours are sought from query to other.
    """

    name: ClassVar[str] = "orb-matching"
    Settings: ClassVar[type] = OrbMatchingSettings
    similarity_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    settings: OrbMatchingSettings

    def __init__(self, settings: OrbMatchingSettings) -> None:
        super().__init__(settings)

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        keep = self.matches if self.settings.keep == "ratio" else self.mutual
        return np.array([matched_share(query, other, len(keep(query, other))) for other in others], np.float32)

    def mutual(self, query: Descriptor, other: Descriptor) -> NDArray[np.int64]:
        """Pairs of keypoint indices (n, 2) that are each other's nearest; of equally near ones the first counts."""
        if not len(query) or not len(other):
            return np.zeros((0, 2), np.int64)
        _, forth = _nearest(query, other, 1)
        _, back = _nearest(other, query, 1)
        kept = np.flatnonzero(back[forth[:, 0], 0] == np.arange(len(query)))
        return np.stack([kept, forth[kept, 0]], axis=1).astype(np.int64)


class Orb(_Keypoints):
    """Similarity: number of inliers of the best sane homography, 0 upwards.

    Not symmetric: matches go from query to other.
    """

    name: ClassVar[str] = "orb"
    Settings: ClassVar[type] = OrbSettings
    similarity_range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    settings: OrbSettings

    def __init__(self, settings: OrbSettings) -> None:
        super().__init__(settings)

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        return np.array([self.geometry(query, other).inliers for other in others], np.float32)

    def geometry(self, query: Descriptor, other: Descriptor) -> Geometry:
        """Matches, and those of them that agree with one sane change of viewpoint."""
        return self._geometry(query, other, None)

    def geometries(
        self, query: Descriptor, others: Sequence[Descriptor], elsewhere: Sequence[Elsewhere] | None = None
    ) -> list[Geometry]:
        """The same with each of `others`; keypoints that lie `elsewhere` too count less (`support`).

        `elsewhere`: of each of `others`, without the photos of its product. None: every inlier counts in full.
        """
        known: Sequence[Elsewhere | None] = elsewhere or [None] * len(others)
        return in_threads(lambda i: self._geometry(query, others[i], known[i]), range(len(others)))

    def _geometry(self, query: Descriptor, other: Descriptor, elsewhere: Elsewhere | None) -> Geometry:
        distance, index = _neighbours(query, other)
        pairs = self._distinct(distance, index)
        none = Geometry(_NOTHING, _NOTHING, len(pairs), None)
        if len(pairs) < _LEAST_INLIERS:
            return none
        a = column(query, "xy").astype(np.float32) / np.float32(_SUBPIXEL)
        b = column(other, "xy").astype(np.float32) / np.float32(_SUBPIXEL)
        from_, to = a[pairs[:, 0]], b[pairs[:, 1]]
        tolerance = self.settings.tolerance
        found, mask = cv2.findHomography(from_, to, cv2.USAC_MAGSAC, tolerance, maxIters=1000, confidence=0.999)
        if found is None:
            return none
        inside, homography = mask.reshape(-1).astype(bool), np.asarray(found, np.float64)
        if inside.sum() < _LEAST_INLIERS or not sane(homography, from_[inside]):
            return none
        pairs = _guided(a, b, distance, index, homography, _WIDER * tolerance)
        if len(pairs) < _LEAST_INLIERS:
            return none
        rarity = 1.0 if elsewhere is None else _rarity(pairs, distance, index, elsewhere)
        return Geometry(a[pairs[:, 0]], b[pairs[:, 1]], none.matches, homography, rarity)


def matched_share(query: Descriptor, other: Descriptor, kept: int) -> float:
    """kept / min(n_a, n_b), 0 to 1; 0 where one side has no keypoints, 1 for equal descriptors."""
    if not len(query) or not len(other):
        return 0.0
    if len(query) == len(other) and bool((query == other).all()):
        return 1.0
    return kept / min(len(query), len(other))


def _nearest(query: Descriptor, other: Descriptor, k: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Hamming distances and indices of the `k` (few) keypoints of `other` nearest to each of `query`, both (n, k); of
    equally near ones the first counts."""
    import faiss

    a, b = column(query, "bits"), column(other, "bits")
    # All distances, then their minima: a third faster than knn_hamming, which keeps a heap for each keypoint. On one
    # thread: a quarter of a millisecond is too little to share. A buffer of a thread's own, as fresh memory costs more.
    needed = len(a) * len(b)
    if len(getattr(_BUFFER, "values", ())) < needed:
        _BUFFER.values = np.empty(needed, np.int32)
    distances = _BUFFER.values[:needed].reshape(len(a), len(b))
    pointers = [faiss.swig_ptr(array) for array in (a, b, distances)]
    faiss.hammings(pointers[0], pointers[1], len(a), len(b), a.shape[1], pointers[2])  # type: ignore[attr-defined]
    rows, index = np.arange(len(a)), np.empty((len(a), k), np.int64)
    nearest = np.empty((len(a), k), np.int32)
    for place in range(k):
        index[:, place] = distances.argmin(axis=1)
        nearest[:, place] = distances[rows, index[:, place]]
        distances[rows, index[:, place]] = np.iinfo(np.int32).max
    return nearest, index


_BUFFER = threading.local()


def _neighbours(query: Descriptor, other: Descriptor) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The two nearest of each keypoint, (n, 2); as far apart as bits can be where a photo has too few."""
    if len(query) < 2 or len(other) < 2:
        shape = len(query), 2
        return np.full(shape, 256, np.int32), np.zeros(shape, np.int64)
    return _nearest(query, other, 2)


def _guided(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    distance: NDArray[np.int32],
    index: NDArray[np.int64],
    homography: NDArray[np.float64],
    tolerance: float,
) -> NDArray[np.int64]:
    """Pairs (n, 2): keypoints one of whose two nearest neighbours lies where the homography says; none taken twice.

    Letters repeat within a photo, so that most of a package's keypoints have a second neighbour as near as the first,
    fail the ratio test, and are won back here.
    Guided matching: Hartley, Zisserman, "Multiple View Geometry" (2003), section 4.8.
    """
    there = cv2.perspectiveTransform(a[None], homography)[0]
    missed = np.linalg.norm(there[:, None] - b[index], axis=2)
    fits = (missed < tolerance) & (distance < _ALIKE_BITS)
    own = np.flatnonzero(fits.any(axis=1))
    which = (~fits[own, 0]).astype(np.int64)
    own = own[np.argsort(distance[own, which], kind="stable")]
    which = (~fits[own, 0]).astype(np.int64)
    theirs = index[own, which]
    first = np.sort(np.unique(theirs, return_index=True)[1])
    return np.stack([own[first], theirs[first]], axis=1)


def _rarity(
    pairs: NDArray[np.int64], distance: NDArray[np.int32], index: NDArray[np.int64], elsewhere: Elsewhere
) -> float:
    """Mean of 1 / n over the pairs, where n products' photos hold the keypoint, this one among them."""
    own = pairs[:, 0]
    bits = np.where(index[own, 0] == pairs[:, 1], distance[own, 0], distance[own, 1])
    row = np.full(len(distance), -1)
    row[elsewhere.asked] = np.arange(len(elsewhere.asked))
    known = row[own] >= 0
    others = (elsewhere.distances[row[own[known]]] <= bits[known, None] + _SLACK_BITS).sum(axis=1)
    shares = 1 / (1 + others)
    return float((shares.sum() + _DOUBT) / (len(shares) + 1))


def column(descriptor: Descriptor, name: str) -> NDArray[Any]:
    """One field of keypoints, contiguous."""
    return np.ascontiguousarray(cast("NDArray[np.void]", descriptor)[name])


def scaled(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Grey or colour, brought to `side` pixels on the longer side, up or down: photos then meet at similar scales."""
    height, width = pixels.shape[:2]
    ratio = side / max(height, width)
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    interpolation = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), dtype=np.uint8)


def sane(homography: NDArray[np.float64], points: NDArray[np.float32]) -> bool:
    """Whether a camera could have made it of a flat face: no mirroring, scale within 1/8 to 8, no extreme tilt.

    Judged by the local derivative at the centre of the inliers `points` (n, 2), and by the sign of depth at each.
    """
    if not np.isfinite(homography).all():
        return False
    depth = points @ homography[2, :2] + homography[2, 2]
    if not (np.all(depth > 1e-6) or np.all(depth < -1e-6)):
        return False
    x, y = points.mean(axis=0).tolist()
    (a, b, c), (d, e, f), (g, h, i) = homography.tolist()
    w = g * x + h * y + i
    if abs(w) < 1e-9:
        return False
    u, v = (a * x + b * y + c) / w, (d * x + e * y + f) / w
    xx, xy, yx, yy = (a - u * g) / w, (b - u * h) / w, (d - v * g) / w, (e - v * h) / w
    area = xx * yy - xy * yx
    if area <= 0:
        return False
    # Singular values of the derivative: their product is its determinant, the sum of their squares that of its places.
    squares = xx * xx + xy * xy + yx * yx + yy * yy
    large = math.sqrt((squares + math.sqrt(max(squares * squares - 4 * area * area, 0.0))) / 2)
    small = area / large
    return large < 8 and small > 1 / 8 and large / small < 5


METHODS = (Orb, OrbMatching)
