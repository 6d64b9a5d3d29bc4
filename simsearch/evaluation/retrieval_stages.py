"""Where the right product stands in the lookup: in each lane alone, in all but one fused, and in all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from simsearch.core.types import Candidate
from simsearch.evaluation.ranking import product_ranks
from simsearch.recognition.rank_fusion import LaneHits, reciprocal_rank_fusion

FUSED = "fused"
"""Name of the stage of all lanes together; one lane has its own name, all but one are `without_` and its name."""
WITHOUT = "without_"


def lanes_of(candidates: Sequence[Candidate], names: Iterable[str]) -> dict[str, LaneHits]:
    """What each of these lanes returned: `reciprocal_rank_fusion` turned round."""
    found: dict[str, LaneHits] = {}
    for name in names:
        own = sorted((c for c in candidates if name in c.ranks), key=lambda c: c.ranks[name])
        found[name] = [(c.image_id, c.lanes[name]) for c in own]
    return found


def lookup_ranks(
    candidates: Sequence[Candidate], names: Iterable[str], skus: Mapping[int, str], right: frozenset[str]
) -> dict[str, float]:
    """Rank of the right product among the products of each stage, 1 = first; inf where none of its images is there.

    `names`: the lanes that were asked, also those that returned nothing. `skus`: the product of each image; an image
    that is not in it is passed over. Ties are ranked worst-case. What remains without a lane is fused anew from the
    places in the others, which do not depend on it; of two lanes that would be the other one alone, and is left out.
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
