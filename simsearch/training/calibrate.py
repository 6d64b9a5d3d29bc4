"""Fits what turns scores into a probability: `simsearch calibrate TABLE`, and the end of `simsearch train`.

A labelled sample of photos stands in for the photos of users. Each photo asks all others, and the fusion is fitted on
the pairs with the candidates that come back. The rescaling and the thresholds are fitted on logits of a fusion that was
fitted on other products (cross-fitting: Chernozhukov et al. 2018, "Double/debiased machine learning"), so that all
products count and none judges itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import QuerySettings
from simsearch.core.errors import TrainingError
from simsearch.core.numbers import stable_hash
from simsearch.core.types import Description, Progress, Refusal, silent
from simsearch.features.keypoints import column
from simsearch.indexes.catalog_keypoints import indexed_keypoints
from simsearch.indexes.keypoint_votes import Nearest, VoteIndex, nearest
from simsearch.recognition.calibration import PILLS, Calibration, FarThreshold, threshold_for_far
from simsearch.recognition.pair_scorer import FeatureScorer
from simsearch.recognition.rank_fusion import reciprocal_rank_fusion
from simsearch.recognition.score_fusion import Bools, Floats, Fusion, Monotone
from simsearch.recognition.verification import FEATURES, INCREASING, counted

SINGLES = 8000
"""At most so many photos that are alone of their product ask. Their candidates are siblings, which must not match."""
FOLDS = 5
LEAST_GEOMETRY = 16
"""Candidates a photo that geometry is verified with here at least. A query may verify fewer: a wrong candidate without
geometry can only seem less probable."""
LEAST_PRODUCTS = 8
"""Products with several photos that a calibration needs: fewer make no folds."""


@dataclass(frozen=True)
class Sample:
    """Labelled photos and their descriptors."""

    skus: Sequence[str]
    described: Sequence[Description]
    distractors: frozenset[int] = frozenset()
    """Places of photos that are candidates and do not ask: unlabelled, so they may show what another photo shows."""
    faces: frozenset[int] = frozenset()
    """Places of photos of other faces of packages: only print alone can tell what they show."""

    def without_faces(self) -> tuple[Sample, list[int]]:
        """The sample without them, and the place of each of its photos in this one."""
        kept = [i for i in range(len(self.skus)) if i not in self.faces]
        distractors = frozenset(new for new, i in enumerate(kept) if i in self.distractors)
        return Sample([self.skus[i] for i in kept], [self.described[i] for i in kept], distractors), kept

    @property
    def several(self) -> list[str]:
        """Products with two or more photos, in order."""
        counts: dict[str, int] = {}
        for sku in self.skus:
            counts[sku] = counts.get(sku, 0) + 1
        for place in self.distractors:
            counts.pop(self.skus[place], None)
        return sorted(sku for sku, n in counts.items() if n > 1)


@dataclass(frozen=True)
class CalibrateResult:
    """A fitted calibration."""

    calibration: Calibration
    refusals: tuple[Refusal, ...]
    """Rows, photos and reviewed answers that were left out."""
    path: Path | None = None
    """Where it was written; None before."""

    def written(self, path: Path) -> CalibrateResult:
        """The same, after the calibration was written to `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.calibration.save(path)
        return replace(self, path=path)


@dataclass(frozen=True)
class CandidatePairs:
    """Features of pairs (photo, candidate) as a query would compute them."""

    features: Floats
    """(n, len(FEATURES))"""
    same: Bools
    query: NDArray[np.int64]
    """Index of the asking photo in the sample."""


def candidate_pairs(
    sample: Sample, scorer: FeatureScorer, settings: QuerySettings, progress: Progress
) -> CandidatePairs:
    """Ask each photo of a product with several photos against all others, and at most SINGLES of the other photos.

    Candidates of a product with one photo are wrong: they teach which likenesses mean nothing. Candidates come from two
    lanes, as in a query: nearest embeddings and keypoint votes.
    """
    skus = np.array(sample.skus)
    lookup = Lookup(sample, settings)
    geometry = max(settings.geometry, LEAST_GEOMETRY) if settings.geometry else 0
    features, same, query = [], [], []
    asking = asking_photos(sample)
    for done, i in enumerate(asking, 1):
        chosen, near = lookup.candidates(i)
        # A right photo that the lookup misses still teaches what a right pair looks like.
        own = np.flatnonzero((skus == skus[i]) & (np.arange(len(skus)) != i)).tolist()
        chosen += sorted({*own} - {*chosen})
        features.append(
            scorer.features(
                sample.described[i],
                [sample.described[j] for j in chosen],
                geometry=geometry,
                elsewhere=[near.elsewhere(lookup.photos[skus[j]]) for j in chosen[:geometry]] if near else None,
                votes=near.votes(chosen) if near else None,
            )
        )
        same.append(skus[chosen] == skus[i])
        query.append(np.full(len(chosen), i, np.int64))
        progress(done, len(asking), "pairs")
    return CandidatePairs(np.concatenate(features), np.concatenate(same), np.concatenate(query))


def asking_photos(sample: Sample) -> list[int]:
    several = set(sample.several)
    asking = [i for i, sku in enumerate(sample.skus) if sku in several]
    alone = [i for i, sku in enumerate(sample.skus) if sku not in several and i not in sample.distractors]
    return asking + alone[:: max(1, -(-len(alone) // SINGLES))]


class Lookup:
    """Candidate retrieval within a sample."""

    def __init__(self, sample: Sample, settings: QuerySettings) -> None:
        self.sample, self.settings = sample, settings
        self.embeddings = np.stack([d["siamese"] for d in sample.described])
        self.photos: dict[str, list[int]] = {}
        """SKU -> places of its photos."""
        for i, sku in enumerate(sample.skus):
            self.photos.setdefault(sku, []).append(i)
        self.votes = _vote_index(sample, settings.vote_keypoints)

    def candidates(self, asking: int) -> tuple[list[int], Nearest | None]:
        """Candidates of a photo, most promising first, and what its keypoints are nearest to."""
        similarity = self.embeddings @ self.embeddings[asking]
        similarity[asking] = -np.inf
        most = min(self.settings.candidates, len(self.embeddings) - 1)
        by_embedding = np.argsort(-similarity, kind="stable")[:most]
        near = self._nearest(asking)
        ids, counts = near.tally if near else (np.zeros(0, np.int64), np.zeros(0, np.float32))
        voted = slice(self.settings.vote_candidates)
        lanes = {
            "siamese": [(int(j), float(similarity[j])) for j in by_embedding],
            "votes": list(zip(ids[voted].tolist(), counts[voted].tolist(), strict=True)),
        }
        return [c.image_id for c in reciprocal_rank_fusion(lanes)], near

    def _nearest(self, asking: int) -> Nearest | None:
        if self.votes is None or not len(self.votes) or not self.settings.vote_candidates:
            return None
        bits = column(self.sample.described[asking]["orb"], "bits")
        return nearest((self.votes,), bits, k=self.settings.vote_neighbours + 1, without=frozenset((asking,)))


def _vote_index(sample: Sample, keypoints: int) -> VoteIndex | None:
    if not all("orb" in described for described in sample.described):
        return None
    bits = [indexed_keypoints(described["orb"], keypoints) for described in sample.described]
    index = VoteIndex(expected=sum(map(len, bits)))
    index.add(np.repeat(np.arange(len(bits)), [len(b) for b in bits]), np.concatenate(bits))
    return index


def calibrate(
    sample: Sample,
    scorer: FeatureScorer,
    *,
    fingerprints: Mapping[str, str],
    target_far: float,
    settings: QuerySettings,
    facts: Mapping[str, Any],
    progress: Progress = silent,
) -> Calibration:
    """Fit fusion and thresholds on a labelled sample.

    The probability is that of a pair drawn from equally many right and wrong ones. Packages and loose pills each have a
    fusion where LEAST_PRODUCTS products or more show both; else one fusion serves both, its probability being that of
    packages (of pills, where there is nothing else). Thresholds: see `thresholds_by_kind`.

    `fingerprints`: of the methods that `scorer` uses, by name.

    Raises:
        TrainingError: fewer than LEAST_PRODUCTS products have several photos, or no wrong candidate comes back.
    """
    several = sample.several
    if len(several) < LEAST_PRODUCTS:
        raise TrainingError(
            f"calibration needs {LEAST_PRODUCTS} or more products with several photos; the table has {len(several)}"
        )
    pairs = candidate_pairs(sample, scorer, settings, progress)
    if pairs.same[np.isin(np.array(sample.skus)[pairs.query], several)].all():
        raise TrainingError(
            f"all {settings.candidates} candidates of every photo are of its own product; raise query.candidates, or "
            "give fewer photos a product"
        )
    p = np.empty(len(pairs.same))
    fusions = []
    for kind in _kinds(pairs, sample):
        fusion, p[kind] = _fused(counted(pairs.features[kind]), pairs.same[kind], folds(sample)[pairs.query[kind]])
        fusions.append(fusion)
    chosen = thresholds_by_kind(p, pairs, target_far)
    return Calibration(
        fusions[0], Monotone(),
        {name: one.threshold for name, one in chosen.items()} | {"pair": 0.5}, dict(fingerprints),
        {
            **facts, "products": len(several), "photos": len(sample.skus), "pairs": len(pairs.same),
            "right_pairs": int(pairs.same.sum()), "target_far": target_far,
            "far_shown": all(one.shown for one in chosen.values()),
            "far_queries": {name: one.negatives for name, one in chosen.items()},
        },
        pills=fusions[1] if len(fusions) > 1 else None,
    )  # fmt: skip


def _kinds(pairs: CandidatePairs, sample: Sample) -> list[Bools]:
    """The pairs of each fusion: packages and loose pills, or all together where one of these cannot be fitted."""
    pills = pairs.features[:, FEATURES.index(PILLS)] > 0
    kinds = [~pills, pills]
    return kinds if all(_can_be_fitted(pairs, kind, sample) for kind in kinds) else [np.ones(len(pills), bool)]


def _can_be_fitted(pairs: CandidatePairs, kind: Bools, sample: Sample) -> bool:
    right = {sample.skus[i] for i in pairs.query[kind & pairs.same]}
    return len(right) >= LEAST_PRODUCTS and bool((kind & ~pairs.same).any())


def _fused(features: Floats, same: Bools, fold: NDArray[np.int64]) -> tuple[Fusion, Floats]:
    """A fusion of pairs with `features` (n, f), and the probability (n,) of each by a fusion of the other folds."""
    logits = cross_fitted(features, same, fold, _fit, Fusion.logits)
    line = _line(logits, same, packages=features[:, FEATURES.index(PILLS)] == 0)
    return _fit(features, same).after(line), line.probability(logits[:, None])


def thresholds_by_kind(p: Floats, pairs: CandidatePairs, target_far: float) -> dict[str, FarThreshold]:
    """`match`, of packages, and `match_pills`: each holds `target_far` over its own photos.

    The rate is that of photos whose product the catalog lacks: each is judged by its most probable wrong candidate.
    Loose pills have siblings by the thousand which no look tells apart, and would set the bar for packages. A sample
    without packages gives both the threshold of pills, one without pills gives no `match_pills`.

    Args:
        p: (n,) probabilities of the pairs.
        pairs: of both kinds.
        target_far: in (0, 1).
    """
    pills = pairs.features[:, FEATURES.index(PILLS)] > 0
    package_photos = np.unique(pairs.query[~pills])  # a photo of pills makes a pair of pills with whatever it meets
    kinds = {"match": ~pills, "match_pills": pills & ~np.isin(pairs.query, package_photos)}
    chosen = {}
    for name, kind in kinds.items():
        if kind.any():
            worst = most_probable(p, kind & ~pairs.same, pairs.query, np.unique(pairs.query[kind]))
            chosen[name] = threshold_for_far(worst, np.zeros(len(worst), bool), target_far)
    return {"match": chosen["match_pills"], **chosen} if "match" not in chosen else chosen


def _fit(features: Floats, same: Bools) -> Fusion:
    return Fusion.fit(features, same, FEATURES, l2=1.0, prior=0.5, nonnegative=INCREASING)


def cross_fitted(
    features: Floats,
    same: Bools,
    fold: NDArray[np.int64],
    fit: Callable[[Floats, Bools], Fusion],
    told: Callable[[Fusion, Floats], Floats],
) -> Floats:
    """(n,) what is `told` of each pair by a fusion that `fit` made of the other folds."""
    out = np.empty(len(same))
    for number in np.unique(fold):
        own = fold == number
        out[own] = told(fit(features[~own], same[~own]), features[own])
    return out


def _line(logits: Floats, same: Bools, packages: Bools) -> Fusion:
    """The rescaling of `logits` (n,), fitted on the pairs of `packages`, or on all where these are of one kind.

    Loose pills are many and can hardly be told apart: with them any two packages would look too much alike.
    """
    if same[packages].all() or not same[packages].any():
        packages = np.ones(len(logits), bool)
    l2 = 1e-6 * packages.sum()
    return Fusion.fit(logits[packages, None], same[packages], ("logit",), l2=l2, prior=0.5, nonnegative=("logit",))


def folds(sample: Sample) -> NDArray[np.int64]:
    """(photos,) 0 to FOLDS - 1, one fold for all photos of a product; products with several photos spread evenly."""
    several = set(sample.several)
    ordered = sorted(set(sample.skus), key=lambda sku: (sku not in several, stable_hash(sku), sku))
    number = {sku: i % FOLDS for i, sku in enumerate(ordered)}
    return np.array([number[sku] for sku in sample.skus], np.int64)


def most_probable(p: Floats, counts: Bools, query: NDArray[np.int64], asking: NDArray[np.int64]) -> Floats:
    """For each photo of `asking` the largest probability of its pairs that count; 0 where none does.

    Of wrong pairs it is the probability of the answer if the photo's product were absent.

    Args:
        p: (n,) of the pairs.
        counts: (n,) which of them count.
        query: (n,) the asking photo of each.
        asking: (k,) photos, ascending.
    """
    best = np.zeros(len(asking))
    known = counts & np.isin(query, asking)
    np.maximum.at(best, np.searchsorted(asking, query[known]), p[known])
    return best
