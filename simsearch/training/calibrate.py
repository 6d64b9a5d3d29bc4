"""Fitting what turns scores into a probability: `simsearch calibrate`, and the end of `simsearch train`.

A labelled sample of photos stands in for what users will ask. Each photo is asked against all others; the fusion is
fitted on the pairs with the candidates that come back. Correction and thresholds are fitted on logits that a fusion of
other products gave (cross-fitting: Chernozhukov et al. 2018), so that no product judges itself and all of them count.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import QuerySettings
from simsearch.core.errors import TrainingError
from simsearch.core.types import Description, Progress
from simsearch.features.keypoints import column
from simsearch.indexes.catalog_keypoints import indexed_keypoints
from simsearch.indexes.keypoint_votes import Nearest, VoteIndex, nearest
from simsearch.recognition.calibration import Calibration, threshold_for_far
from simsearch.recognition.pair_scorer import FeatureScorer
from simsearch.recognition.rank_fusion import reciprocal_rank_fusion
from simsearch.recognition.score_fusion import Fusion, Monotone
from simsearch.recognition.verification import FEATURES, INCREASING, counted

SINGLES = 8000
"""Photos alone of their product that ask at most: what is like them is a sibling, and must not be a match."""
FOLDS = 5
LEAST_GEOMETRY = 16
"""Candidates of a photo whose keypoints are compared here at least. A query may compare fewer: support counts as much
as it should nevertheless, and a wrong candidate that is not compared can only seem less probable."""
LEAST_PRODUCTS = 8
"""With several photos each: fewer cannot be split into folds that mean something."""


@dataclass(frozen=True)
class Sample:
    """A labelled, described sample."""

    skus: Sequence[str]
    described: Sequence[Description]
    distractors: frozenset[int] = frozenset()
    """Places of photos that are candidates but do not ask: what is unlabelled may show what another one shows."""

    @property
    def several(self) -> list[str]:
        """Products with more than one photo, in order."""
        counts: dict[str, int] = {}
        for sku in self.skus:
            counts[sku] = counts.get(sku, 0) + 1
        for place in self.distractors:
            counts.pop(self.skus[place], None)
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
    sample: Sample, scorer: FeatureScorer, settings: QuerySettings, progress: Progress
) -> CandidatePairs:
    """Ask each photo of a product with several ones against all other photos, and at most SINGLES of the others.

    What a product with one photo brings up is wrong: it teaches which likenesses mean nothing. Candidates are those of
    the lookup: nearest embeddings, and those with the most keypoint votes, the wrong ones among which must be seen.
    """
    several = set(sample.several)
    embeddings = np.stack([d["siamese"] for d in sample.described])
    skus = np.array(sample.skus)
    features, same, query = [], [], []
    asking = [i for i, sku in enumerate(sample.skus) if sku in several]
    alone = [i for i, sku in enumerate(sample.skus) if sku not in several and i not in sample.distractors]
    asking += alone[:: max(1, -(-len(alone) // SINGLES))]
    photos: dict[str, list[int]] = {}
    for i, sku in enumerate(sample.skus):
        photos.setdefault(sku, []).append(i)
    index = _vote_index(sample, settings.vote_keypoints)
    geometry = max(settings.geometry, LEAST_GEOMETRY) if settings.geometry else 0
    for done, i in enumerate(asking, 1):
        similarity = embeddings @ embeddings[i]
        similarity[i] = -np.inf
        by_embedding = np.argsort(-similarity, kind="stable")[: min(settings.candidates, len(skus) - 1)]
        near = _nearest(index, sample, i, settings)
        ids, counts = near.tally if near else (np.zeros(0, np.int64), np.zeros(0, np.float32))
        voted = slice(settings.vote_candidates)
        lanes = {
            "siamese": [(int(j), float(similarity[j])) for j in by_embedding],
            "votes": list(zip(ids[voted].tolist(), counts[voted].tolist(), strict=True)),
        }
        chosen = [c.image_id for c in reciprocal_rank_fusion(lanes)]
        # A right photo that the lookup would miss still teaches what a right pair looks like.
        own = np.flatnonzero((skus == skus[i]) & (np.arange(len(skus)) != i)).tolist()
        chosen += sorted({*own} - {*chosen})
        features.append(
            scorer.features(
                sample.described[i],
                [sample.described[j] for j in chosen],
                geometry=geometry,
                elsewhere=[near.elsewhere(photos[skus[j]]) for j in chosen[:geometry]] if near else None,
                votes=near.votes(chosen) if near else None,
            )
        )
        same.append(skus[chosen] == skus[i])
        query.append(np.full(len(chosen), i, np.int64))
        progress(done, len(asking), "pairs")
    return CandidatePairs(np.concatenate(features), np.concatenate(same), np.concatenate(query))


def _vote_index(sample: Sample, keypoints: int) -> VoteIndex | None:
    if not all("orb" in described for described in sample.described):
        return None
    bits = [indexed_keypoints(described["orb"], keypoints) for described in sample.described]
    index = VoteIndex(expected=sum(map(len, bits)))
    index.add(np.repeat(np.arange(len(bits)), [len(b) for b in bits]), np.concatenate(bits))
    return index


def _nearest(index: VoteIndex | None, sample: Sample, asking: int, settings: QuerySettings) -> Nearest | None:
    if index is None or not len(index) or not settings.vote_candidates:
        return None
    bits = column(sample.described[asking]["orb"], "bits")
    return nearest((index,), bits, k=settings.vote_neighbours + 1, without=frozenset((asking,)))


def calibrate(
    sample: Sample,
    scorer: FeatureScorer,
    *,
    fingerprints: Mapping[str, str],
    target_far: float,
    settings: QuerySettings,
    facts: Mapping[str, Any],
    progress: Progress = lambda done, total, text: None,
) -> Calibration:
    """Fit fusion, correction and thresholds. `fingerprints`: of the methods that `scorer` uses, by name.

    The probability is that of a pair of packages (of loose pills, where there is nothing else) drawn from equally many
    right and wrong ones. `thresholds["match"]` is the smallest that holds `target_far` over photos whose product is not
    in the catalog: each photo that asks is judged by its most probable wrong candidate.

    Raises:
        TrainingError: fewer than LEAST_PRODUCTS products have several photos, or no wrong candidate comes back.
    """
    several = sample.several
    if len(several) < LEAST_PRODUCTS:
        raise TrainingError(
            f"calibration needs {LEAST_PRODUCTS} or more products with several photos; the table has {len(several)}"
        )
    pairs = candidate_pairs(sample, scorer, settings, progress)
    features = counted(pairs.features)
    fold = _folds(sample)[pairs.query]
    if pairs.same[np.isin(np.array(sample.skus)[pairs.query], several)].all():
        raise TrainingError(
            f"all {settings.candidates} candidates of every photo are of its own product; raise query.candidates, or "
            "give fewer photos a product"
        )

    def fit(part: NDArray[np.bool_]) -> Fusion:
        return Fusion.fit(features[part], pairs.same[part], FEATURES, l2=1.0, prior=0.5, nonnegative=INCREASING)

    logits = np.empty(len(pairs.same))
    for number in np.unique(fold):
        logits[fold == number] = fit(fold != number).logits(features[fold == number])
    # Loose pills are many and can hardly be told apart: with them, any two packages would look too much alike.
    packages = features[:, FEATURES.index("pills")] == 0
    if pairs.same[packages].all() or not pairs.same[packages].any():
        packages = np.ones(len(logits), bool)
    line = Fusion.fit(
        logits[packages, None], pairs.same[packages], ("logit",), l2=1e-6 * packages.sum(), prior=0.5,
        nonnegative=("logit",),
    )  # fmt: skip
    worst = _most_probable_wrong(line.probability(logits[:, None]), pairs.same, pairs.query)
    chosen = threshold_for_far(worst, np.zeros(len(worst), bool), target_far)
    fusion = fit(np.ones(len(pairs.same), bool)).after(line)
    return Calibration(
        fusion, Monotone(), {"match": chosen.threshold, "pair": 0.5},
        dict(fingerprints),
        {
            **facts, "products": len(several), "photos": len(sample.skus), "pairs": len(pairs.same),
            "right_pairs": int(pairs.same.sum()), "target_far": target_far, "far_shown": chosen.shown,
            "far_queries": chosen.negatives,
        },
    )  # fmt: skip


def _folds(sample: Sample) -> NDArray[np.int64]:
    """(photos,) 0 to FOLDS - 1, one for all photos of a product; products with several photos are spread evenly."""
    several = set(sample.several)
    ordered = sorted(set(sample.skus), key=lambda sku: (sku not in several, zlib.crc32(sku.encode()), sku))
    number = {sku: i % FOLDS for i, sku in enumerate(ordered)}
    return np.array([number[sku] for sku in sample.skus], np.int64)


def _most_probable_wrong(
    p: NDArray[np.float64], same: NDArray[np.bool_], query: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Per asking photo the largest probability among its wrong candidates: what it would answer without its product."""
    return np.array([p[(query == q) & ~same].max(initial=0.0) for q in np.unique(query)])
