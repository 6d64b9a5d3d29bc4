"""What the answers to labelled photos say about recognition: retrieval and open set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simsearch.evaluation.calibration_report import JudgedPairs, pair_sheet
from simsearch.evaluation.evaluated_query import Asked, decision_sheet, decisions, time_sheet, times
from simsearch.evaluation.intervals import Indices
from simsearch.evaluation.metrics import NAN, Floats, open_set_at_rate
from simsearch.evaluation.ranking import retrieval_figures
from simsearch.evaluation.tables import Figure, Sheet, finite, measured, plain

_LABELS = {"embedding": "embedding alone", "verified": "after verification"}
"""The stages of the lookup are called as `lanes.lookup_ranks` calls them."""


@dataclass(frozen=True, eq=False)
class RetrievalReport:
    """Which product comes first at each stage, from the embedding alone to after verification."""

    asked: tuple[Asked, ...]
    """Of products in the catalog."""
    figures: Mapping[str, Figure]
    pairs: JudgedPairs | None
    pair_figures: Mapping[str, Figure]
    facts: Mapping[str, Any]

    def json(self) -> dict[str, Any]:
        """All figures, as JSON can hold them."""
        pairs = {"pairs": {"threshold": self.pairs.threshold, **plain(self.pair_figures)}} if self.pairs else {}
        return {
            **self.facts, **plain(self.figures), **pairs, "decisions": decisions(self.asked),
            "wrong_matches": sum(a.wrong_match for a in self.asked), "times_ms": times(self.asked),
        }  # fmt: skip

    def sheets(self) -> list[Sheet]:
        """The tables."""
        f = self.figures
        rows = []
        for stage in _ranks(self.asked):
            listed = f[f"{stage}_candidates"].share if f"{stage}_candidates" in f else ""
            shares = f[f"{stage}_r1"].share, f[f"{stage}_r10"].share, listed
            rows.append((_LABELS.get(stage, stage.replace("_", " ")), *shares, f[f"{stage}_mrr"].number))
        head = ("stage", "R@1", "R@10", "among the candidates", "MRR")
        found = Sheet("Right product among the first k", head, tuple(rows))
        out = [found, decision_sheet({"product in the catalog": self.asked})]
        return [*out, *([pair_sheet(self.pairs, self.pair_figures)] if self.pairs else []), time_sheet(self.asked)]


def retrieval_report(
    asked: Sequence[Asked], pairs: JudgedPairs | None, facts: Mapping[str, Any], seed: int
) -> RetrievalReport:
    """Figures of the photos whose product is in the catalog."""
    known = tuple(a for a in asked if a.known)
    ranks = _ranks(known)
    lookup = known[0].lookup_ranks

    def values(i: Indices) -> dict[str, float]:
        out: dict[str, float] = {}
        for stage, r in ranks.items():
            found = retrieval_figures(r[i])
            out |= {f"{stage}_r{k}": found.recall[k] for k in ((1, 10, 50) if stage == "embedding" else (1, 10))}
            out[f"{stage}_mrr"] = found.mean_reciprocal_rank
            if stage in lookup:
                out[f"{stage}_candidates"] = float(np.isfinite(r[i]).mean())
        return out

    figures = measured(values, len(known), [a.sku for a in known], seed=seed)
    return RetrievalReport(known, figures, pairs, pairs.figures(seed) if pairs else {}, facts)


def _ranks(asked: Sequence[Asked]) -> dict[str, Floats]:
    """Of the right products, by stage, in the order in which the stages follow each other."""
    lookup = {stage: np.array([a.lookup_ranks[stage] for a in asked]) for stage in asked[0].lookup_ranks}
    before, after = (np.array([getattr(a, name) for a in asked]) for name in ("embedding_rank", "rank"))
    return {"embedding": before, **lookup, "verified": after}


@dataclass(frozen=True, eq=False)
class OpenSetReport:
    """What is accepted of products in the catalog (known) and of products that are not (absent)."""

    asked: tuple[Asked, ...]
    thresholds: Mapping[str, float]
    """By how it was chosen; nan where no threshold reaches what was asked for."""
    rates: Mapping[str, Mapping[str, Figure]]
    """true_accept_rate, wrong_accept_rate, false_accept_rate at each of these thresholds."""
    facts: Mapping[str, Any]

    @property
    def groups(self) -> dict[str, list[Asked]]:
        """Known and absent."""
        return {
            "product in the catalog": [a for a in self.asked if a.known],
            "product not in the catalog": [a for a in self.asked if not a.known],
        }

    def json(self) -> dict[str, Any]:
        """All figures, as JSON can hold them."""
        chosen = {name: {"threshold": finite(at, 8), **plain(self.rates[name])} for name, at in self.thresholds.items()}
        known, absent = self.groups.values()
        return {
            **self.facts, "thresholds": chosen,
            "decisions": {"known": decisions(known), "absent": decisions(absent)},
            "wrong_matches": {"known": sum(a.wrong_match for a in known), "absent": sum(a.wrong_match for a in absent)},
            "times_ms": times(self.asked),
        }  # fmt: skip

    def sheets(self) -> list[Sheet]:
        """The tables."""
        head = ("threshold", "probability", "right accepts", "wrong accepts", "false accepts")
        rows = []
        for name, at in self.thresholds.items():
            shares = self.rates[name]
            reached = "not reached" if np.isnan(at) else f"{at:.6f}"
            cells = (shares[k].share for k in ("true_accept_rate", "wrong_accept_rate", "false_accept_rate"))
            rows.append((name, reached, *cells))
        accepted = Sheet("Best answer accepted at a threshold", head, tuple(rows))
        return [accepted, decision_sheet(self.groups), time_sheet(self.asked)]


AT_DEFAULT, AT_95, AT_95_RIGHT = "match threshold in force", "95 % right accepts", "95 % of the right first answers"


def open_set_report(asked: Sequence[Asked], threshold: float, facts: Mapping[str, Any], seed: int) -> OpenSetReport:
    """Figures at `threshold`, and where 95 % of the known photos, or of those ranked right, are accepted rightly."""
    known, absent = ([a for a in asked if a.known == kind] for kind in (True, False))
    inside, outside = (np.array([a.probability for a in group]) for group in (known, absent))
    right = np.array([a.first_right for a in known], bool)
    ranked_right = open_set_at_rate(inside[right], outside, 0.95).threshold if right.any() else NAN
    every = open_set_at_rate(inside, outside, 0.95, right).threshold
    thresholds = {AT_DEFAULT: threshold, AT_95: every, AT_95_RIGHT: ranked_right}
    rates = {name: _rates(known, absent, at, seed) for name, at in thresholds.items()}
    return OpenSetReport(tuple(asked), thresholds, rates, facts)


def _rates(known: Sequence[Asked], absent: Sequence[Asked], at: float, seed: int) -> dict[str, Figure]:
    """What a threshold does to photos of both kinds; the kinds have no product in common and are resampled apart."""
    if np.isnan(at):
        return dict.fromkeys(("true_accept_rate", "wrong_accept_rate", "false_accept_rate"), Figure(NAN))
    yes, right, no = (
        np.array(values, bool)
        for values in (
            [a.probability >= at for a in known], [a.first_right for a in known], [a.probability >= at for a in absent],
        )
    )  # fmt: skip

    def inside(i: Indices) -> dict[str, float]:
        return {
            "true_accept_rate": float((yes & right)[i].mean()), "wrong_accept_rate": float((yes & ~right)[i].mean()),
        }  # fmt: skip

    def outside(i: Indices) -> dict[str, float]:
        return {"false_accept_rate": float(no[i].mean())}

    owners = [[a.sku for a in group] for group in (known, absent)]
    return measured(inside, len(known), owners[0], seed=seed) | measured(outside, len(absent), owners[1], seed=seed)
