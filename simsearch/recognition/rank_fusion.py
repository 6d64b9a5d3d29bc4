"""Reciprocal rank fusion: lists whose similarities cannot be compared are joined by the places in them.

Source: Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods"
(SIGIR 2009).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simsearch.core.types import Candidate

LaneHits = Sequence[tuple[int, float]]
"""Image ids of one lane with their similarities there, best first."""

_FLAT_RANK = 10
"""Cormack et al. take 60, for many lanes that see much the same. Lanes here see different things, so that the first
place of one lane must count more than a middling place in two."""


def reciprocal_rank(rank: int) -> float:
    """The score of a place in a list, 1 the first: 1 / (10 + rank)."""
    return 1 / (_FLAT_RANK + rank)


def reciprocal_rank_fusion(lanes: Mapping[str, LaneHits]) -> list[Candidate]:
    """The images of all lanes, by the sum of their reciprocal ranks, highest first; ties go by id."""
    similarities: dict[int, dict[str, float]] = {}
    ranks: dict[int, dict[str, int]] = {}
    for name, hits in lanes.items():
        for rank, (image_id, similarity) in enumerate(hits, 1):
            similarities.setdefault(image_id, {})[name] = similarity
            ranks.setdefault(image_id, {})[name] = rank
    fused = [Candidate(i, similarities[i], r, sum(map(reciprocal_rank, r.values()))) for i, r in ranks.items()]
    return sorted(fused, key=lambda c: (-c.score, c.image_id))
