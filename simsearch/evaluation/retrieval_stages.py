"""Rank of the right product in candidate retrieval: in each lane alone, in all but one fused, and in all fused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from simsearch.core.types import Candidate
from simsearch.evaluation.ranking import product_ranks
from simsearch.recognition.rank_fusion import LaneHits, reciprocal_rank_fusion

FUSED = "fused"
"""Stage of all lanes together. A lane alone is a stage of its own name, all others without it are `without_LANE`."""
WITHOUT = "without_"


def lanes_of(candidates: Sequence[Candidate], names: Iterable[str]) -> dict[str, LaneHits]:
    """What each of these lanes returned: `reciprocal_rank_fusion` undone."""
    found: dict[str, LaneHits] = {}
    for name in names:
        own = sorted((c for c in candidates if name in c.ranks), key=lambda c: c.ranks[name])
        found[name] = [(c.image_id, c.lanes[name]) for c in own]
    return found


def lookup_ranks(
    candidates: Sequence[Candidate], names: Iterable[str], skus: Mapping[int, str], right: frozenset[str]
) -> dict[str, float]:
    """Rank of the right product among the products of each stage, 1 = first; inf where none of its images is there.

    Ties are ranked worst-case. Leaving a lane out fuses the others anew: their ranks do not depend on it. With two
    lanes that would be the other lane alone, so there is no such stage.

    Args:
        candidates: what the lookup returned.
        names: the lanes that were asked, also those that returned nothing.
        skus: image id -> product; images that are not in it are passed over.
        right: the SKUs that are right.
    """
    lanes = lanes_of(candidates, names)
    stages = dict(lanes)
    if len(lanes) > 2:
        for name in lanes:
            rest = reciprocal_rank_fusion({other: found for other, found in lanes.items() if other != name})
            stages[f"{WITHOUT}{name}"] = _scored(rest)
    stages[FUSED] = _scored(candidates)
    return {stage: _rank(found, skus, right) for stage, found in stages.items()}


def _scored(candidates: Sequence[Candidate]) -> LaneHits:
    return [(c.image_id, c.score) for c in candidates]


def _rank(found: LaneHits, skus: Mapping[int, str], right: frozenset[str]) -> float:
    counted = [(skus[i], score) for i, score in found if i in skus]
    if not counted:
        return float("inf")
    owners = np.array(["" if sku in right else sku for sku, _ in counted])
    [rank] = product_ranks([[score for _, score in counted]], [""], owners)
    return float(rank)
