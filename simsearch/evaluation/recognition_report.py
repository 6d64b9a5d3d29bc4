"""Reports on the answers to labelled photos: retrieval of known products, and open set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simsearch.core.types import Refusal
from simsearch.evaluation.calibration_report import ScoredPairs, pair_table
from simsearch.evaluation.evaluated_query import EvaluatedQuery, decision_table, decisions, time_table, times
from simsearch.evaluation.intervals import Indices
from simsearch.evaluation.metrics import NAN, Floats, open_set_at_rate
from simsearch.evaluation.ranking import retrieval_figures
from simsearch.evaluation.tables import Figure, Table, finite, plain, refusals_json, with_intervals

_LABELS = {"embedding": "embedding alone", "verified": "after verification"}
"""Stage -> name in tables; other stages are shown under the names that `retrieval_stages.lookup_ranks` gives them."""


@dataclass(frozen=True, eq=False)
class RetrievalReport:
    """Where the right product stands at each stage, from the embedding alone to after verification."""

    queries: tuple[EvaluatedQuery, ...]
    """Photos of products in the catalog."""
    figures: Mapping[str, Figure]
    pairs: ScoredPairs | None
    pair_figures: Mapping[str, Figure]
    facts: Mapping[str, Any]
    refusals: tuple[Refusal, ...] = ()

    def json(self) -> dict[str, Any]:
        """All figures, as JSON can hold them."""
        pairs = {"pairs": {"threshold": self.pairs.threshold, **plain(self.pair_figures)}} if self.pairs else {}
        return {
            **self.facts, **refusals_json(self.refusals), **plain(self.figures), **pairs,
            "decisions": decisions(self.queries), "wrong_matches": sum(q.wrong_match for q in self.queries),
            "times_ms": times(self.queries),
        }  # fmt: skip

    def tables(self) -> list[Table]:
        """The tables."""
        f = self.figures
        rows = []
        for stage in _ranks(self.queries):
            listed = f[f"{stage}_candidates"].share if f"{stage}_candidates" in f else ""
            shares = f[f"{stage}_r1"].share, f[f"{stage}_r10"].share, listed
            rows.append((_LABELS.get(stage, stage.replace("_", " ")), *shares, f[f"{stage}_mrr"].number))
        head = ("stage", "R@1", "R@10", "among the candidates", "MRR")
        found = Table("Right product among the first k", head, tuple(rows))
        out = [found, decision_table({"product in the catalog": self.queries})]
        return [*out, *([pair_table(self.pairs, self.pair_figures)] if self.pairs else []), time_table(self.queries)]


def retrieval_report(
    queries: Sequence[EvaluatedQuery],
    pairs: ScoredPairs | None,
    facts: Mapping[str, Any],
    seed: int,
    refusals: Sequence[Refusal] = (),
) -> RetrievalReport:
    """Figures of the photos whose product is in the catalog."""
    known = tuple(q for q in queries if q.known)
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

    figures = with_intervals(values, len(known), [q.sku for q in known], seed=seed)
    return RetrievalReport(known, figures, pairs, pairs.figures(seed) if pairs else {}, facts, tuple(refusals))


def _ranks(queries: Sequence[EvaluatedQuery]) -> dict[str, Floats]:
    """Stage -> rank of the right product for each query; stages in the order in which they run."""
    lookup = {stage: np.array([q.lookup_ranks[stage] for q in queries]) for stage in queries[0].lookup_ranks}
    before, after = (np.array([getattr(q, name) for q in queries]) for name in ("embedding_rank", "rank"))
    return {"embedding": before, **lookup, "verified": after}


@dataclass(frozen=True, eq=False)
class OpenSetReport:
    """Acceptance of photos whose product is in the catalog (known) and of photos whose product is not (absent)."""

    queries: tuple[EvaluatedQuery, ...]
    thresholds: Mapping[str, float]
    """How it was chosen -> threshold; nan where no threshold reaches the rate asked for."""
    rates: Mapping[str, Mapping[str, Figure]]
    """true_accept_rate, wrong_accept_rate, false_accept_rate at each of these thresholds."""
    facts: Mapping[str, Any]
    refusals: tuple[Refusal, ...] = ()

    @property
    def groups(self) -> dict[str, list[EvaluatedQuery]]:
        """The known and the absent, in this order."""
        return {
            "product in the catalog": [q for q in self.queries if q.known],
            "product not in the catalog": [q for q in self.queries if not q.known],
        }

    def json(self) -> dict[str, Any]:
        """All figures, as JSON can hold them."""
        chosen = {name: {"threshold": finite(at, 8), **plain(self.rates[name])} for name, at in self.thresholds.items()}
        known, absent = self.groups.values()
        return {
            **self.facts, **refusals_json(self.refusals), "thresholds": chosen,
            "decisions": {"known": decisions(known), "absent": decisions(absent)},
            "wrong_matches": {"known": sum(q.wrong_match for q in known), "absent": sum(q.wrong_match for q in absent)},
            "times_ms": times(self.queries),
        }  # fmt: skip

    def tables(self) -> list[Table]:
        """The tables."""
        head = ("threshold", "probability", "right accepts", "wrong accepts", "false accepts")
        rows = []
        for name, at in self.thresholds.items():
            shares = self.rates[name]
            reached = "not reached" if np.isnan(at) else f"{at:.6f}"
            cells = (shares[k].share for k in ("true_accept_rate", "wrong_accept_rate", "false_accept_rate"))
            rows.append((name, reached, *cells))
        accepted = Table("Best answer accepted at a threshold", head, tuple(rows))
        return [accepted, decision_table(self.groups), time_table(self.queries)]


AT_DEFAULT, AT_95, AT_95_RIGHT = "match threshold in force", "95 % right accepts", "95 % of the right first answers"


def open_set_report(
    queries: Sequence[EvaluatedQuery],
    threshold: float,
    facts: Mapping[str, Any],
    seed: int,
    refusals: Sequence[Refusal] = (),
) -> OpenSetReport:
    """Rates at `threshold`, and at the thresholds that accept 95 % of the known photos, or of those ranked right."""
    known, absent = ([q for q in queries if q.known == kind] for kind in (True, False))
    inside, outside = (np.array([q.probability for q in group]) for group in (known, absent))
    right = np.array([q.first_right for q in known], bool)
    ranked_right = open_set_at_rate(inside[right], outside, 0.95).threshold if right.any() else NAN
    every = open_set_at_rate(inside, outside, 0.95, right).threshold
    thresholds = {AT_DEFAULT: threshold, AT_95: every, AT_95_RIGHT: ranked_right}
    rates = {name: _rates(known, absent, at, seed) for name, at in thresholds.items()}
    return OpenSetReport(tuple(queries), thresholds, rates, facts, tuple(refusals))


def _rates(
    known: Sequence[EvaluatedQuery], absent: Sequence[EvaluatedQuery], at: float, seed: int
) -> dict[str, Figure]:
    """Rates at the threshold `at`. The two kinds share no product, so each is resampled by itself."""
    if np.isnan(at):
        return dict.fromkeys(("true_accept_rate", "wrong_accept_rate", "false_accept_rate"), Figure(NAN))
    yes, right, no = (
        np.array(values, bool)
        for values in (
            [q.probability >= at for q in known], [q.first_right for q in known], [q.probability >= at for q in absent],
        )
    )  # fmt: skip

    def inside(i: Indices) -> dict[str, float]:
        return {
            "true_accept_rate": float((yes & right)[i].mean()), "wrong_accept_rate": float((yes & ~right)[i].mean()),
        }  # fmt: skip

    def outside(i: Indices) -> dict[str, float]:
        return {"false_accept_rate": float(no[i].mean())}

    owners = [[q.sku for q in group] for group in (known, absent)]
    return with_intervals(inside, len(known), owners[0], seed=seed) | with_intervals(
        outside, len(absent), owners[1], seed=seed
    )
