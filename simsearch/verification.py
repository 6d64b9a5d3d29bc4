"""The pairwise look: pair head, ORB geometry and hash of two described images, fused into one probability.

Used by everything that judges pairs: query, duplicates, verify, evaluation. Works on descriptors alone, never on files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simsearch.datatypes import Descriptor, Verification
from simsearch.methods.base import Method
from simsearch.methods.hashes import PHash
from simsearch.methods.orb import Geometry, Orb
from simsearch.methods.siamese import Siamese
from simsearch.siamese.calibration import Calibration
from simsearch.siamese.weightfile import sigmoid

FEATURES = ("pair_logit", "cosine", "log_inliers", "hash_similarity")
"""Columns of the fusion: pair head before its sigmoid, cosine, ln(1 + inliers), share of equal pHash bits."""

Described = Mapping[str, Descriptor]
"""Method name -> descriptor of one image."""


class Verifier:
    """Judges pairs of described images."""

    def __init__(self, methods: Mapping[str, Method], calibration: Calibration | None) -> None:
        siamese, orb, phash = methods["siamese"], methods["orb"], methods["phash"]
        assert isinstance(siamese, Siamese)
        assert isinstance(orb, Orb)
        assert isinstance(phash, PHash)
        self.siamese: Siamese = siamese
        self.orb: Orb = orb
        self.phash: PHash = phash
        self.calibration: Calibration | None = calibration

    def quick(self, query: Described, others: Sequence[Described]) -> NDArray[np.float64]:
        """Features (n, 4) without geometry: as if there were no inliers."""
        features = np.zeros((len(others), len(FEATURES)))
        if len(others):
            embeddings = [other["siamese"] for other in others]
            features[:, 0] = self.siamese.pair_logits(query["siamese"], embeddings)
            features[:, 1] = np.stack(embeddings).astype(np.float32) @ query["siamese"].astype(np.float32)
            features[:, 3] = self.phash.compare(query["phash"], [other["phash"] for other in others])
        return features

    def geometry(self, query: Described, other: Described) -> Geometry:
        """ORB matches under one homography."""
        return self.orb.geometry(query["orb"], other["orb"])

    def features(self, query: Described, others: Sequence[Described], *, geometry: int) -> NDArray[np.float64]:
        """Features (n, 4); geometry is looked for with the `geometry` most promising of `others`."""
        features = self.quick(query, others)
        promising = np.argsort(-features[:, 0], kind="stable")[:geometry]
        for i in promising:
            features[i, 2] = np.log1p(self.geometry(query, others[i]).inliers)
        return features

    def verify(self, query: Described, others: Sequence[Described], *, geometry: int) -> list[Verification]:
        """A verdict on each of `others`, in order."""
        if not others:
            return []
        return self.verdicts(self.features(query, others, geometry=geometry))

    def verdicts(self, features: NDArray[np.float64]) -> list[Verification]:
        """Features (n, 4) as verdicts."""
        assert self.calibration is not None, "a verifier without calibration only computes features"
        probabilities = self.calibration.probability(features)
        siamese = sigmoid(features[:, 0].astype(np.float32))
        return [
            Verification(float(p), float(f[1]), float(s), round(float(np.expm1(f[2]))), float(f[3]))
            for p, s, f in zip(probabilities, siamese, features, strict=True)
        ]
