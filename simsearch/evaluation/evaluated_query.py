"""What the program said of one labelled photo, and the tables that every measurement of answers has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from simsearch.core.types import Decision, Outcome
from simsearch.evaluation.tables import Sheet, finite

STAGES = {
    "read": "file to pixels", "describe": "network, keypoints, hash", "lookup": "candidates from the indexes",
    "verify": "pairwise look and decision", "answer": "all but reading",
}  # fmt: skip
"""Parts of the time of an answer, and what they are; `lookup_` and the name of a lane is a part of `lookup`."""


@dataclass(frozen=True)
class Asked:
    """One labelled photo and what the program said."""

    sku: str
    path: str
    known: bool
    """Whether the catalog holds its product."""
    embedding_rank: float
    """Of the right product among all by the embedding alone, 1 = first; inf when the catalog lacks it."""
    right_similarity: float
    """Largest cosine with an image of the right product; nan where there is none."""
    wrong_similarity: float
    """Largest cosine with an image of another product."""
    lookup_ranks: Mapping[str, float]
    """Of the right product in each stage of the lookup (see `lanes.lookup_ranks`); inf where that lacks it."""
    rank: float
    """Of the right product after verification; inf when it is not listed."""
    first: str
    """SKU of the first hit, doubtful ones passed over; empty where there is none."""
    first_right: bool
    probability: float
    """Of that hit, 0 to 1; 0 where there is none."""
    outcome: Outcome
    named: str
    """SKU of a MATCH or the first of an AMBIGUOUS; empty when UNKNOWN."""
    named_right: bool
    milliseconds: Mapping[str, float]
    """By stage."""

    @property
    def wrong_match(self) -> bool:
        """A MATCH with a product that the photo does not show."""
        return self.outcome is Outcome.MATCH and not self.named_right

    @property
    def record(self) -> dict[str, Any]:
        """Flat, for a table."""
        flat = {k: v for k, v in asdict(self).items() if not isinstance(v, Mapping)} | {"outcome": self.outcome.value}
        flat |= {f"{stage}_rank": rank for stage, rank in self.lookup_ranks.items()}
        shown = {k: (finite(v, 6) if isinstance(v, float) else v) for k, v in flat.items()}
        return shown | {f"{stage}_ms": round(ms, 2) for stage, ms in self.milliseconds.items()}


def milliseconds(decision: Decision, read_ms: float) -> dict[str, float]:
    """Time of each stage; each lane's follows that of the lookup, which it is a part of."""
    known = {"read": read_ms, **decision.stages_ms, "answer": decision.took_ms}
    out = {}
    for stage in STAGES:
        out[stage] = known[stage]
        if stage == "lookup":
            out |= {f"lookup_{lane.name}": lane.took_ms for lane in decision.lanes}
    return out


def decisions(asked: Sequence[Asked]) -> dict[str, int]:
    """How often each outcome was given."""
    counts = Counter(a.outcome for a in asked)
    return {outcome.value: counts[outcome] for outcome in Outcome}


def decision_sheet(groups: Mapping[str, Sequence[Asked]]) -> Sheet:
    """What was decided, by group of photos."""
    rows = []
    for name, asked in groups.items():
        said, wrong = decisions(asked), sum(a.wrong_match for a in asked)
        rows.append((name, str(len(asked)), *(str(said[o.value]) for o in Outcome), str(wrong)))
    return Sheet("Decisions", ("photos", "n", *(o.value for o in Outcome), "wrong matches"), tuple(rows))


def times(asked: Sequence[Asked]) -> dict[str, dict[str, float]]:
    """Median and 99th percentile of each stage, in milliseconds."""
    out = {}
    for stage in asked[0].milliseconds if asked else ():
        p50, p99 = np.percentile([a.milliseconds[stage] for a in asked], [50, 99])
        out[stage] = {"p50": round(float(p50), 2), "p99": round(float(p99), 2)}
    return out


def time_sheet(asked: Sequence[Asked]) -> Sheet:
    """Times of the stages."""
    took = times(asked).items()
    rows = [(s, f"{t['p50']:.1f}", f"{t['p99']:.1f}", STAGES.get(s, "of these, one lane")) for s, t in took]
    return Sheet("Milliseconds a photo, one at a time", ("stage", "p50", "p99", "what"), tuple(rows))
