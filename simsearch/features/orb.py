"""ORB: oriented FAST keypoints with rotated BRIEF bits, compared by how many match, or agree with one viewpoint.

Source: Rublee, Rabaud, Konolige, Bradski (2011), as in OpenCV. Keypoints from a pyramid of factor 1.2, ranked by the
Harris measure, turned by the intensity centroid; 256 BRIEF bits; brute-force Hamming.
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
from simsearch.core.threads import in_threads
from simsearch.core.types import Descriptor, Elsewhere, Image, Similarities
from simsearch.features.base import fingerprint
from simsearch.features.homography import LEAST_INLIERS, fit, guided
from simsearch.features.keypoints import (
    SUBPIXEL,
    column,
    hamming,
    matched_share,
    nearest,
    one_to_one,
    positions,
    two_nearest,
)

KEYPOINT = np.dtype([("xy", "<u2", 2), ("angle", "u1"), ("octave", "u1"), ("bits", "u1", 32)])
"""One keypoint, 38 bytes: position in 1/32 pixel of the scaled photo, angle in 256ths of a turn, octave, BRIEF bits."""

_LEAST_SIDE = 16
"""Pixels. The pyramid of a narrower picture has empty levels, on which OpenCV raises."""
_SLACK_BITS = 8
"""A keypoint of another product counts as the same up to this many bits more than the match itself has."""
_IN_REGISTER = 2.0
"""Pixels of the scaled photos within which two points lie at one place."""
_MOST = 0.8
"""Share of the matches that must lie there."""
_PRIOR_RARITY = 0.5
"""Prior for the mean rarity, with the weight of one keypoint: what stands where the rarity of none was looked up."""


@dataclass(frozen=True)
class KeypointSettings:
    """Settings of both methods.

    keypoints: at most this many in a photo.
    size: longer side in pixels to which a photo is scaled first.
    ratio: of Lowe's test: how near a match must be, compared with the second nearest keypoint.
    """

    keypoints: int = setting(500, low=8, high=5000)
    size: int = setting(512, low=64, high=1023)
    fast_threshold: int = setting(12, low=1, high=100)
    ratio: float = setting(0.85, low=0.1, high=1.0)


@dataclass(frozen=True)
class OrbMatchingSettings(KeypointSettings):
    """`keep`: when a nearest neighbour is a match: by the ratio test, or if each is the other's nearest."""

    keep: str = setting("ratio", choices=("ratio", "cross-check"))


@dataclass(frozen=True)
class OrbSettings(KeypointSettings):
    """`tolerance`: pixels by which a match may miss the homography."""

    tolerance: float = setting(5.0, low=0.5, high=50.0)


_SAMPLED, _LEAST_SAMPLED, _NEAR_BITS, _FEW_KEYPOINTS = 4, 2, 64, 200
"""Every how many keypoints are looked at first, how many of these must have one of the other photo so near, and how
many a photo must have for it. Of 582 pairs of real photos with 15 inliers or more each had 5 at least."""


@dataclass(frozen=True)
class Geometry:
    """Matches between two photos that one homography explains."""

    query_xy: NDArray[np.float32]
    """(n, 2) pixels in the scaled query."""
    other_xy: NDArray[np.float32]
    """(n, 2) pixels in the scaled other photo."""
    matches: int
    """Matches that passed the ratio test, before geometry."""
    homography: NDArray[np.float64] | None
    """(3, 3), query to other; None where no sane one was found, and then n = 0."""
    rarity: float = 1.0
    """0 to 1: mean over the matches of 1 / (products whose photos hold that keypoint)."""
    possible: int = 0
    """Keypoints of the photo that has fewer: more matches than that there cannot be."""

    @property
    def inliers(self) -> int:
        """n: matches that agree with the homography."""
        return len(self.query_xy)

    @property
    def in_register(self) -> bool:
        """Whether the matches lie at the same pixels of both photos.

        So they do in two copies of one photo, or where the same ruler, frame or form was drawn over two. No camera is
        held in one place to two pixels.
        """
        if not self.inliers:
            return False
        apart = np.maximum.reduce(np.abs(self.query_xy - self.other_xy), axis=1)
        near, place = int(np.count_nonzero(apart < _IN_REGISTER)), _MOST * (len(apart) - 1)
        if near <= int(place) or near > int(place) + 1:  # both neighbours of the quantile lie on one side of the limit
            return near > place
        return float(np.quantile(apart, _MOST)) < _IN_REGISTER

    @property
    def share(self) -> float:
        """Inliers of the matches that there could be, 0 to 1."""
        return self.inliers / self.possible if self.possible else 0.0

    @property
    def support(self) -> float:
        """Inliers weighted by rarity, 0 to n: keypoints that many products share count less."""
        return self.inliers * self.rarity


_NOTHING = np.zeros((0, 2), np.float32)
NO_GEOMETRY = Geometry(_NOTHING, _NOTHING, 0, None)
"""Of two photos that have none."""


class _Keypoints:
    """Detection and the ratio test, for both methods.

    Descriptor: :data:`KEYPOINT` (n,), at most `settings.keypoints` and often fewer, best first within each octave.
    """

    name: ClassVar[str]
    dtype: np.dtype[Any] = KEYPOINT
    shape: tuple[int, ...] = (-1,)
    settings: KeypointSettings

    def __init__(self, settings: KeypointSettings) -> None:
        self.settings = settings
        self.fingerprint = fingerprint(self.name, settings)

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        return [self._describe(image) for image in images]

    def _describe(self, image: Image) -> Descriptor:
        grey = resized(image.grey, self.settings.size)
        if min(grey.shape) < _LEAST_SIDE:
            return np.zeros(0, KEYPOINT)
        # A detector must not be shared between threads. Making one costs microseconds.
        detector = cv2.ORB.create(
            nfeatures=self.settings.keypoints, scaleFactor=1.2, nlevels=8, fastThreshold=self.settings.fast_threshold
        )
        points, bits = detector.detectAndCompute(grey, None)
        out = np.zeros(len(points), KEYPOINT)
        if len(points):
            out["xy"] = np.array([p.pt for p in points]) * SUBPIXEL + 0.5
            turns = np.array([p.angle for p in points]) / 360
            out["angle"] = (turns * 256).astype(np.int64) & 255  # & 255: a full turn is none
            out["octave"] = [p.octave & 255 for p in points]
            out["bits"] = bits
        return out

    def matches(self, query: Descriptor, other: Descriptor) -> NDArray[np.int64]:
        """Pairs of keypoint indices (n, 2) that pass the ratio test; each of `other` is taken once, by its nearest."""
        return self._clear(*two_nearest(query, other))

    def _clear(self, distances: NDArray[np.int32], indices: NDArray[np.int64]) -> NDArray[np.int64]:
        kept = np.flatnonzero(distances[:, 0] < self.settings.ratio * distances[:, 1])
        return one_to_one(kept, indices[kept, 0], distances[kept, 0])


class OrbMatching(_Keypoints):
    """The paper's: kept / min(n_a, n_b), 0 to 1: matches that were kept, of those possible. No geometry.

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
        _, forth = nearest(query, other, 1)
        _, back = nearest(other, query, 1)
        kept = np.flatnonzero(back[forth[:, 0], 0] == np.arange(len(query)))
        return np.stack([kept, forth[kept, 0]], axis=1).astype(np.int64)


class Orb(_Keypoints):
    """Similarity: inliers of the best sane homography, 0 upwards.

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

    def may_agree(self, query: Descriptor, other: Descriptor) -> bool:
        """Whether two photos may have a geometry: some of every fourth keypoint have a near one.

        A sixth of the work of :meth:`geometry`, for those who ask of many photos that hardly ever have one.
        """
        if len(query) < _FEW_KEYPOINTS or not len(other):
            return True
        least = hamming(column(query[::_SAMPLED], "bits"), column(other, "bits")).min(axis=1)
        return int(np.count_nonzero(least < _NEAR_BITS)) >= _LEAST_SAMPLED

    def geometry(self, query: Descriptor, other: Descriptor) -> Geometry:
        """The matches of two photos that agree with one sane change of viewpoint. Every inlier counts in full."""
        return self._geometry(query, other, None)

    def geometries(
        self, query: Descriptor, others: Sequence[Descriptor], elsewhere: Sequence[Elsewhere] | None = None
    ) -> list[Geometry]:
        """The geometry with each of `others`, on all cores.

        Args:
            query: keypoints of the photo that is asked about.
            others: keypoints of the photos that it is compared with.
            elsewhere: for each of `others`, how near the query's keypoints come to photos of other products than its
                own. `support` then counts shared keypoints less. None: every inlier counts in full.
        """
        known: Sequence[Elsewhere | None] = elsewhere or [None] * len(others)
        return in_threads(lambda i: self._geometry(query, others[i], known[i]), range(len(others)))

    def _geometry(self, query: Descriptor, other: Descriptor, elsewhere: Elsewhere | None) -> Geometry:
        distances, indices = two_nearest(query, other)
        pairs = self._clear(distances, indices)
        none = Geometry(_NOTHING, _NOTHING, len(pairs), None)
        a, b = positions(query), positions(other)
        homography = fit(a[pairs[:, 0]], b[pairs[:, 1]], self.settings.tolerance)
        if homography is None:
            return none
        pairs = guided(a, b, distances, indices, homography, self.settings.tolerance)
        if len(pairs) < LEAST_INLIERS:
            return none
        rarity = 1.0 if elsewhere is None else _rarity(pairs, distances, indices, elsewhere)
        possible = min(len(query), len(other))
        return Geometry(a[pairs[:, 0]], b[pairs[:, 1]], none.matches, homography, rarity, possible)


def _rarity(
    pairs: NDArray[np.int64], distances: NDArray[np.int32], indices: NDArray[np.int64], elsewhere: Elsewhere
) -> float:
    """Mean over the pairs of 1 / n, where photos of n products hold the keypoint, this product among them."""
    own = pairs[:, 0]
    bits = np.where(indices[own, 0] == pairs[:, 1], distances[own, 0], distances[own, 1])
    row = np.full(len(distances), -1)
    row[elsewhere.asked] = np.arange(len(elsewhere.asked))
    known = row[own] >= 0
    others = (elsewhere.distances[row[own[known]]] <= bits[known, None] + _SLACK_BITS).sum(axis=1)
    shares = 1 / (1 + others)
    return float((shares.sum() + _PRIOR_RARITY) / (len(shares) + 1))


METHODS = (Orb, OrbMatching)
