"""Fitting what turns scores into a probability: `simsearch calibrate`, and the end of `simsearch train`.

A labelled sample of photos stands in for what users will ask. Each photo is asked against all others; the fusion is
fitted on the pairs with the candidates that come back. One half of the products fits the fusion, the other half its
correction and the thresholds, so that no product judges itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.errors import TrainingError
from simsearch.siamese.calibration import Calibration, threshold_for_far
from simsearch.siamese.fusion import Fusion, Monotone
from simsearch.verification import FEATURES, INCREASING, Described, Verifier

Progress = Callable[[int, int, str], None]
SINGLES = 400
LEAST_PRODUCTS = 8
"""With several photos each: fewer cannot be split into two halves that mean something."""


@dataclass(frozen=True)
class Sample:
    """A labelled, described sample."""

    skus: Sequence[str]
    described: Sequence[Described]

    @property
    def several(self) -> list[str]:
        """Products with more than one photo, in order."""
        counts: dict[str, int] = {}
        for sku in self.skus:
            counts[sku] = counts.get(sku, 0) + 1
        return sorted(sku for sku, n in counts.items() if n > 1)


@dataclass(frozen=True)
class CandidatePairs:
    """Features of pairs (photo, candidate) as the query engine would see them."""

    features: NDArray[np.float64]
    """(n, len(FEATURES))"""
    same: NDArray[np.bool_]
    query: NDArray[np.int64]
    """Index of the asking photo in the sample."""


def candidate_pairs(
    sample: Sample, verifier: Verifier, candidates: int, geometry: int, progress: Progress
) -> CandidatePairs:
    """Ask each photo of a product with several ones against all other photos, and at most SINGLES of the others.

    What a product with one photo brings up is wrong: it teaches which likenesses mean nothing.
    """
    several = set(sample.several)
    embeddings = np.stack([d["siamese"] for d in sample.described])
    skus = np.array(sample.skus)
    features, same, query = [], [], []
    asking = [i for i, sku in enumerate(sample.skus) if sku in several]
    alone = [i for i, sku in enumerate(sample.skus) if sku not in several]
    asking += alone[:: max(1, -(-len(alone) // SINGLES))]
    for done, i in enumerate(asking, 1):
        similarity = embeddings @ embeddings[i]
        similarity[i] = -np.inf
        nearest = np.argsort(-similarity, kind="stable")[: min(candidates, len(skus) - 1)]
        # A right photo that the lookup would miss still teaches what a right pair looks like.
        own = np.flatnonzero((skus == skus[i]) & (np.arange(len(skus)) != i))
        chosen = np.unique(np.concatenate([nearest, own]))
        features.append(
            verifier.features(sample.described[i], [sample.described[j] for j in chosen], geometry=geometry)
        )
        same.append(skus[chosen] == skus[i])
        query.append(np.full(len(chosen), i, np.int64))
        progress(done, len(asking), "pairs")
    return CandidatePairs(np.concatenate(features), np.concatenate(same), np.concatenate(query))


def calibrate(
    sample: Sample,
    verifier: Verifier,
    *,
    target_far: float,
    candidates: int,
    geometry: int,
    facts: Mapping[str, Any],
    progress: Progress = lambda done, total, text: None,
) -> Calibration:
    """Fit fusion, correction and thresholds.

    The probability is that of a pair drawn from equally many right and wrong ones. `thresholds["match"]` is the
    smallest that holds `target_far` over photos whose product is not in the catalog: each photo of the second half is
    judged by its most probable wrong candidate.

    Raises:
        TrainingError: fewer than LEAST_PRODUCTS products have several photos, or no wrong candidate comes back.
    """
    several = sample.several
    if len(several) < LEAST_PRODUCTS:
        raise TrainingError(
            f"calibration needs {LEAST_PRODUCTS} or more products with several photos; the table has {len(several)}"
        )
    pairs = candidate_pairs(sample, verifier, candidates, geometry, progress)
    ordered = sorted(several, key=lambda sku: zlib.crc32(sku.encode()))
    # The threshold is chosen on the second half alone: single photos may be unlabelled, and show what another shows.
    second = set(ordered[1::2])
    of_first = np.array([sample.skus[q] not in second for q in pairs.query])
    if pairs.same[of_first].all() or pairs.same[~of_first].all():
        raise TrainingError(
            f"all {candidates} candidates of every photo are of its own product; raise query.candidates, or give fewer "
            "photos a product"
        )
    fusion = Fusion.fit(
        pairs.features[of_first], pairs.same[of_first], FEATURES, l2=1.0, prior=0.5, nonnegative=INCREASING
    )
    rest_features, rest_same = pairs.features[~of_first], pairs.same[~of_first]
    fusion = fusion.platt(rest_features, rest_same, prior=0.5)
    worst = _most_probable_wrong(fusion.probability(rest_features), rest_same, pairs.query[~of_first])
    chosen = threshold_for_far(worst, np.zeros(len(worst), bool), target_far)
    return Calibration(
        fusion, Monotone(), {"match": chosen.threshold, "pair": 0.5},
        {m.name: m.fingerprint for m in (verifier.siamese, verifier.orb, verifier.phash)},
        {
            **facts, "products": len(several), "photos": len(sample.skus), "pairs": len(pairs.same),
            "right_pairs": int(pairs.same.sum()), "target_far": target_far, "far_shown": chosen.shown,
            "far_queries": chosen.negatives,
        },
    )  # fmt: skip


def _most_probable_wrong(
    p: NDArray[np.float64], same: NDArray[np.bool_], query: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Per asking photo the largest probability among its wrong candidates: what it would answer without its product."""
    return np.array([p[(query == q) & ~same].max(initial=0.0) for q in np.unique(query)])
