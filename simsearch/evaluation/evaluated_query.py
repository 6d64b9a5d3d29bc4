"""The answer to one labelled photo, and the tables that every measurement of answers has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from simsearch.core.types import Decision, Outcome, Verification
from simsearch.evaluation.tables import Table, finite

STAGES = {
    "read": "file to pixels", "describe": "network, keypoints, hash", "lookup": "candidates from the indexes",
    "verify": "pairwise look and decision", "answer": "all but reading",
}  # fmt: skip
"""Stages of an answer that are timed -> what each does. `lookup_LANE` is the part of `lookup` spent in one lane."""

PRINT, LOOK, PILLS = "packages, print compared", "packages by their look", "loose pills"
BASES = (PRINT, LOOK, PILLS)
"""What a probability may rest on. Each has a fit and a threshold of its own."""


def basis(seen: Verification) -> str:
    """What the probability of a pair rests on."""
    if seen.printed is not None and (seen.printed.features or seen.printed.alone is not None):
        return PRINT
    return PILLS if seen.loose_pills else LOOK


@dataclass(frozen=True)
class EvaluatedQuery:
    """One labelled photo, the answer to it, and where the right product stood on the way."""

    sku: str
    """Of the product that the photo shows."""
    path: str
    known: bool
    """Whether the catalog holds that product."""
    embedding_rank: float
    """Rank of the right product by the embedding alone, 1 = first; inf where the catalog lacks it."""
    right_similarity: float
    """Largest cosine with an image of the right product; nan where there is none."""
    wrong_similarity: float
    """Largest cosine with an image of another product; nan where there is none."""
    lookup_ranks: Mapping[str, float]
    """Stage of the lookup (see `retrieval_stages`) -> rank of the right product; inf where it is absent."""
    rank: float
    """Rank of the right product after verification; inf where it is not listed."""
    first: str
    """SKU of the first hit that is not doubtful; empty where there is none."""
    first_right: bool
    probability: float
    """Of that hit, 0 to 1; 0 where there is none."""
    basis: str
    """What that probability rests on: one of `BASES`; empty where there is no hit."""
    outcome: Outcome
    named: str
    """SKU of a MATCH or the first of an AMBIGUOUS; empty for UNKNOWN."""
    named_right: bool
    milliseconds: Mapping[str, float]
    """By stage."""

    @property
    def wrong_match(self) -> bool:
        """A MATCH with a product that the photo does not show."""
        return self.outcome is Outcome.MATCH and not self.named_right

    @property
    def record(self) -> dict[str, Any]:
        """Flat, for a line of a CSV file."""
        flat = {k: v for k, v in asdict(self).items() if not isinstance(v, Mapping)} | {"outcome": self.outcome.value}
        flat |= {f"{stage}_rank": rank for stage, rank in self.lookup_ranks.items()}
        shown = {k: (finite(v, 6) if isinstance(v, float) else v) for k, v in flat.items()}
        return shown | {f"{stage}_ms": round(ms, 2) for stage, ms in self.milliseconds.items()}


def milliseconds(decision: Decision, read_ms: float) -> dict[str, float]:
    """Time of each stage; the times of the lanes follow that of the lookup, which they are parts of."""
    known = {"read": read_ms, **decision.stages_ms, "answer": decision.took_ms}
    out = {}
    for stage in STAGES:
        out[stage] = known[stage]
        if stage == "lookup":
            out |= {f"lookup_{lane.name}": lane.took_ms for lane in decision.lanes}
    return out


def decisions(queries: Sequence[EvaluatedQuery]) -> dict[str, int]:
    """How often each outcome was given."""
    counts = Counter(q.outcome for q in queries)
    return {outcome.value: counts[outcome] for outcome in Outcome}


def decision_table(groups: Mapping[str, Sequence[EvaluatedQuery]]) -> Table:
    """How often each outcome was given, by group of photos."""
    rows = []
    for name, queries in groups.items():
        said, wrong = decisions(queries), sum(q.wrong_match for q in queries)
        rows.append((name, str(len(queries)), *(str(said[o.value]) for o in Outcome), str(wrong)))
    return Table("Decisions", ("photos", "n", *(o.value for o in Outcome), "wrong matches"), tuple(rows))


def times(queries: Sequence[EvaluatedQuery]) -> dict[str, dict[str, float]]:
    """Median and 99th percentile of each stage, in milliseconds."""
    out = {}
    for stage in queries[0].milliseconds if queries else ():
        p50, p99 = np.percentile([q.milliseconds[stage] for q in queries], [50, 99])
        out[stage] = {"p50": round(float(p50), 2), "p99": round(float(p99), 2)}
    return out


def time_table(queries: Sequence[EvaluatedQuery]) -> Table:
    """Median and 99th percentile of each stage."""
    took = times(queries).items()
    rows = [(s, f"{t['p50']:.1f}", f"{t['p99']:.1f}", STAGES.get(s, "of these, one lane")) for s, t in took]
    return Table("Milliseconds a photo, one at a time", ("stage", "p50", "p99", "what"), tuple(rows))
