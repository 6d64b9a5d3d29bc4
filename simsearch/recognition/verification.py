"""The pairwise look: pair head, ORB geometry and hash of two described images, fused into one probability.

Used by everything that verifies pairs: query, duplicates, verify, evaluation. Works on descriptors alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simsearch.core.numbers import sigmoid
from simsearch.core.types import Description, Elsewhere, Surface, Verification
from simsearch.features.base import Method, PairNetwork
from simsearch.features.hashes import PHash
from simsearch.features.orb import Geometry, Orb
from simsearch.recognition.calibration import Calibration

FEATURES = ("pair_logit", "cosine", "root_support", "hash_similarity", "other_face", "pill_votes", "pills")
"""Columns of the fusion, in this order:

pair_logit: the pair head before its sigmoid. cosine: of the embeddings. root_support: root of the support of the
geometry. hash_similarity: share of equal pHash bits. other_face: 1 where the photos show different faces of packages.
pill_votes: log(1 + keypoint votes) where one or both photos show loose pills, whose geometry is not looked for, else 0.
pills: 1 for such pairs, else 0.
"""
INCREASING = FEATURES[:-1]
"""Columns that never make "same product" less likely by growing. `pills` may: pills are more alike than packages."""

_COUNTED = [FEATURES.index(name) for name in ("cosine", "root_support", "other_face", "pill_votes", "pills")]
_COSINE, _SUPPORT = FEATURES.index("cosine"), FEATURES.index("root_support")
_VOTES, _PILLS = FEATURES.index("pill_votes"), FEATURES.index("pills")

_ONE_PHOTO = 0.95
"""Cosine from which photos whose points lie at the same pixels may be one photo, encoded anew."""
_ONE_FRAME = 0.65
"""Share of the keypoints that come back at the same pixels, from which two photos are one photo in another light. Grey
or tinted copies bring back 0.8 to 0.97. A frame or ruler drawn over two photos brings back 0.57 at most (of 76 pairs in
register among 1,162 boxes and 503 packages on official photos)."""
_FACES = frozenset({Surface.FRONT, Surface.BACK, Surface.SIDE, Surface.TOP})
"""Of one package: any two of them share next to no print."""


def counted(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Features (n, 7) with 0 in the columns that the probability does not rest on: a fit gives those no weight.

    pHash agrees between a third of all unrelated packages. The pair head says nothing on unrelated products that its
    own embeddings do not. With either column, fewer right pairs stood above the wrong ones (docs/verification.md).
    """
    out = np.zeros_like(features)
    out[:, _COUNTED] = features[:, _COUNTED]
    return out


def overlaid(geometry: Geometry, cosine: float) -> bool:
    """Whether the matches come from something drawn over two different photos: a ruler, a frame, a printed form."""
    return geometry.in_register and cosine < _ONE_PHOTO and geometry.share < _ONE_FRAME


def supports(geometries: Sequence[Geometry], cosines: Sequence[float]) -> list[float]:
    """The support of each candidate of one photo, 0 upwards; see `Geometry.support`.

    Keypoints of the photo that one candidate shows to be drawn over it count for no other candidate either. If they
    did, the rule about overlays would decide for a look-alike whose photo is framed in another way. A candidate that is
    the photo itself keeps them: one frame explains them all.
    """
    drawn = [overlaid(g, cosine) for g, cosine in zip(geometries, cosines, strict=True)]
    if not any(drawn):
        return [g.support for g in geometries]
    overlay = _points(np.concatenate([g.query_xy for g, over in zip(geometries, drawn, strict=True) if over]))

    def support(geometry: Geometry, over: bool) -> float:
        if geometry.in_register and not over:
            return geometry.support
        return float(np.count_nonzero(~np.isin(_points(geometry.query_xy), overlay))) * geometry.rarity

    return [support(g, over) for g, over in zip(geometries, drawn, strict=True)]


def _points(xy: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Points (n, 2) as numbers (n,) that can be looked up."""
    return np.ascontiguousarray(xy, np.float32).view(np.complex64).reshape(-1)


class Verifier:
    """Verifies pairs of described images. Safe to share between threads."""

    def __init__(self, methods: Mapping[str, Method], calibration: Calibration | None) -> None:
        """Without a calibration it computes features, and no probability."""
        network, orb, phash = methods["siamese"], methods["orb"], methods["phash"]
        assert isinstance(network, PairNetwork)
        assert isinstance(orb, Orb)
        assert isinstance(phash, PHash)
        self.network: PairNetwork = network
        self.orb: Orb = orb
        self.phash: PHash = phash
        self.calibration: Calibration | None = calibration

    # -- features ----------------------------------------------------------------------------------------------------

    def quick(self, query: Description, others: Sequence[Description]) -> NDArray[np.float64]:
        """Features (n, 7) without keypoints: as if there were no inliers and no votes."""
        return self.quick_pairs([query] * len(others), others)

    def quick_pairs(self, left: Sequence[Description], right: Sequence[Description]) -> NDArray[np.float64]:
        """The same of many pairs at once: left[i] against right[i]."""
        features = np.zeros((len(right), len(FEATURES)))
        if len(right):
            a, embeddings = np.stack([side["siamese"] for side in left]), [side["siamese"] for side in right]
            features[:, 0] = self.network.pair_logits(a, embeddings)
            features[:, 1] = np.einsum("nd,nd->n", a.astype(np.float32), np.stack(embeddings).astype(np.float32))
            hashes = np.stack([side["phash"] for side in left])
            features[:, 3] = self.phash.compare(hashes, [side["phash"] for side in right])
            shown = [(x.surface, y.surface) for x, y in zip(left, right, strict=True)]
            features[:, 4] = [x is not y and {x, y} <= _FACES for x, y in shown]
            features[:, _PILLS] = [x.loose_pills or y.loose_pills for x, y in zip(left, right, strict=True)]
        return features

    def geometry(self, query: Description, other: Description) -> Geometry:
        """ORB matches under one homography."""
        return self.orb.geometry(query["orb"], other["orb"])

    def geometries(
        self, query: Description, others: Sequence[Description], elsewhere: Sequence[Elsewhere] | None = None
    ) -> list[Geometry]:
        """The same with each of `others`; keypoints that other products' photos hold too count less, see `Orb`."""
        return self.orb.geometries(query["orb"], [other["orb"] for other in others], elsewhere) if others else []

    def features(
        self,
        query: Description,
        others: Sequence[Description],
        *,
        geometry: int,
        elsewhere: Sequence[Elsewhere] | None = None,
        votes: Sequence[float] | None = None,
    ) -> NDArray[np.float64]:
        """Features (n, 7) of `query` against each of `others`, most promising first.

        Args:
            geometry: how many of `others`, from the first, are compared by keypoints.
            elsewhere: for each of these, how near the query's keypoints come to photos of other products.
            votes: for each of `others`, its votes in the lane of keypoint votes.

        Geometric verification is skipped when either photo shows loose pills: the ruler alone yields hundreds of
        inliers. Keypoint votes replace it, because keypoints common to all rulers get no votes while an imprint does.
        """
        return self._features(query, others, geometry, elsewhere, votes)[0]

    def _features(
        self,
        query: Description,
        others: Sequence[Description],
        geometry: int,
        elsewhere: Sequence[Elsewhere] | None,
        votes: Sequence[float] | None,
    ) -> tuple[NDArray[np.float64], list[int]]:
        """Features (n, 7), and the inliers of each pair."""
        features = self.quick(query, others)
        if votes is not None:
            features[:, _VOTES] = np.log1p(votes) * features[:, _PILLS]
        near = np.flatnonzero(features[:geometry, _PILLS] == 0).tolist()
        common = None if elsewhere is None else [elsewhere[i] for i in near]
        found = self.geometries(query, [others[i] for i in near], common)
        inliers = [0] * len(others)
        for i, one in zip(near, found, strict=True):
            inliers[i] = one.inliers
        features[near, _SUPPORT] = np.sqrt(supports(found, features[near, _COSINE].tolist()))
        return features, inliers

    def compare_keypoints(self, row: NDArray[np.float64], query: Description, other: Description) -> Geometry | None:
        """Fill `root_support` of one row (7,) of `quick` in place, for a single pair (no rarity weighting).

        Returns None for loose pills, and leaves the row unchanged.
        """
        if query.loose_pills or other.loose_pills:
            return None
        geometry = self.geometry(query, other)
        row[_SUPPORT] = np.sqrt(supports([geometry], [float(row[_COSINE])])[0])
        return geometry

    # -- verdicts ----------------------------------------------------------------------------------------------------

    def verify(
        self,
        query: Description,
        others: Sequence[Description],
        *,
        geometry: int,
        elsewhere: Sequence[Elsewhere] | None = None,
        votes: Sequence[float] | None = None,
    ) -> list[Verification]:
        """A verdict on each of `others`, in order; arguments as for `features`."""
        if not others:
            return []
        features, inliers = self._features(query, others, geometry, elsewhere, votes)
        return self.verdicts(features, inliers)

    def probability(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Features (n, 7) as the probability of being one product, (n,)."""
        assert self.calibration is not None, "a verifier without calibration only computes features"
        return self.calibration.probability(features)

    def verdicts(self, features: NDArray[np.float64], inliers: Sequence[int]) -> list[Verification]:
        """Features (n, 7) and inliers (n,) as verdicts."""
        probabilities = self.probability(features)
        siamese = sigmoid(features[:, 0].astype(np.float32))
        return [
            Verification(
                probability=float(p),
                similarity=float(f[_COSINE]),
                siamese=float(s),
                inliers=points,
                support=float(f[_SUPPORT] ** 2),
                hash_similarity=float(f[3]),
                features=tuple(map(float, f)),
                loose_pills=bool(f[_PILLS]),
            )
            for p, s, f, points in zip(probabilities, siamese, features, inliers, strict=True)
        ]
