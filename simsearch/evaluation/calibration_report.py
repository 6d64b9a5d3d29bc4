"""Probabilities on labelled pairs and answers: accuracy at a threshold, and how far they are from frequencies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Refusal
from simsearch.evaluation.evaluated_query import BASES, LOOK, PILLS, EvaluatedQuery
from simsearch.evaluation.intervals import Indices
from simsearch.evaluation.metrics import confusion, roc_auc
from simsearch.evaluation.pairs import LabelledPairs
from simsearch.evaluation.reliability import Reliability, reliability
from simsearch.evaluation.tables import Figure, Table, finite, plain, refusals_json, with_intervals


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """Labelled pairs with the probabilities of verification."""

    pairs: LabelledPairs
    probability: NDArray[np.float64]
    """(n,), 0 to 1."""
    threshold: float
    """Smallest probability that counts as "same", as the calibration has it for pairs."""
    pills: NDArray[np.bool_]
    """(n,) whether one of the two shows loose pills."""

    def figures(self, seed: int) -> dict[str, Figure]:
        """accuracy, precision, recall, false_accept_rate, auc."""

        def values(i: Indices) -> dict[str, float]:
            at = confusion(self.probability[i], self.pairs.same[i], self.threshold)
            rates = {"accuracy": at.accuracy, "precision": at.precision, "recall": at.recall}
            auc = roc_auc(self.probability[i], self.pairs.same[i])
            return {**rates, "false_accept_rate": at.false_accept_rate, "auc": auc}

        return with_intervals(values, len(self.pairs), self.pairs.product.tolist(), seed=seed)

    @property
    def counts(self) -> str:
        """How many pairs of either kind, in words."""
        right = int(self.pairs.same.sum())
        return f"{right} pairs of the same product, {len(self.pairs) - right} of different ones"


def pair_table(pairs: ScoredPairs, figures: Mapping[str, Figure]) -> Table:
    """Verification of pairs at the calibration's threshold."""
    names = ("accuracy", "precision", "recall", "false_accept_rate")
    row = (*(figures[n].share for n in names), figures["auc"].number)
    head = ("accuracy", "precision", "recall", "false accepts", "ROC AUC")
    return Table(f"Verification of pairs at {pairs.threshold:g}: {pairs.counts}", head, (row,))


@dataclass(frozen=True, eq=False)
class CalibrationReport:
    """Reliability of probabilities."""

    diagrams: Mapping[str, tuple[Reliability, Mapping[str, Figure]]]
    """`pairs` or `first answers`, of all and of each kind -> diagram, and expected_error and brier with intervals."""
    pairs: ScoredPairs | None
    pair_figures: Mapping[str, Figure]
    facts: Mapping[str, Any]
    refusals: tuple[Refusal, ...] = ()

    def json(self) -> dict[str, Any]:
        """All figures and bins, as JSON can hold them."""
        diagrams = {name: _diagram_json(*d) for name, d in self.diagrams.items()}
        return {**self.facts, **refusals_json(self.refusals), "probabilities": diagrams}

    def tables(self) -> list[Table]:
        """The tables."""
        rows = tuple(
            (name, str(int(r.counts.sum())), f["expected_error"].number, f"{r.largest_error:.3f}", f["brier"].number)
            for name, (r, f) in self.diagrams.items()
        )
        head = ("probabilities of", "n", "expected error (ECE)", "largest of a bin", "Brier score")
        out = [Table("Calibration, 15 bins of equal width", head, rows)]
        return [*out, *([pair_table(self.pairs, self.pair_figures)] if self.pairs else [])]


def calibration_report(
    queries: Sequence[EvaluatedQuery],
    pairs: ScoredPairs | None,
    facts: Mapping[str, Any],
    seed: int,
    refusals: Sequence[Refusal] = (),
) -> CalibrationReport:
    """Reliability of the probabilities of pairs, and of the first hit of each answer, by what they rest on too."""
    diagrams: dict[str, tuple[Reliability, Mapping[str, Figure]]] = {}
    if pairs is not None:
        product = pairs.pairs.product.tolist()
        kinds = {LOOK: ~pairs.pills, PILLS: pairs.pills}
        diagrams |= _diagrams("pairs", pairs.probability, pairs.pairs.same, product, kinds, seed)
    if queries:
        p, y = np.array([q.probability for q in queries]), np.array([q.first_right for q in queries])
        kinds = {basis: np.array([q.basis == basis for q in queries]) for basis in BASES}
        diagrams |= _diagrams("first answers", p, y, [q.sku for q in queries], kinds, seed)
    return CalibrationReport(diagrams, pairs, pairs.figures(seed) if pairs else {}, facts, tuple(refusals))


def _diagrams(
    name: str,
    p: NDArray[np.float64],
    y: NDArray[np.bool_],
    owners: Sequence[Any],
    kinds: Mapping[str, NDArray[np.bool_]],
    seed: int,
) -> dict[str, tuple[Reliability, Mapping[str, Figure]]]:
    """The diagram of all, and where there are several kinds those of each."""
    out: dict[str, tuple[Reliability, Mapping[str, Figure]]] = {name: _diagram(p, y, owners, seed)}
    present = {kind: rows for kind, rows in kinds.items() if rows.any()}
    for kind, rows in present.items() if len(present) > 1 else ():
        own = [owner for owner, row in zip(owners, rows, strict=True) if row]
        out[f"{name}: {kind}"] = _diagram(p[rows], y[rows], own, seed)
    return out


def _diagram(
    p: NDArray[np.float64], y: NDArray[np.bool_], owners: Sequence[Any], seed: int
) -> tuple[Reliability, dict[str, Figure]]:
    def values(i: Indices) -> dict[str, float]:
        r = reliability(p[i], y[i])
        return {"expected_error": r.expected_error, "brier": r.brier}

    return reliability(p, y), with_intervals(values, len(p), owners, seed=seed)


def _diagram_json(r: Reliability, figures: Mapping[str, Figure]) -> dict[str, Any]:
    bins = [
        {"from": round(low, 4), "to": round(high, 4), "n": int(n), "probability": finite(c), "frequency": finite(f)}
        for low, high, n, c, f in zip(
            r.edges[:-1].tolist(), r.edges[1:].tolist(), r.counts, r.confidence.tolist(), r.frequency.tolist(),
            strict=True,
        )
    ]  # fmt: skip
    return {"n": int(r.counts.sum()), **plain(figures), "largest_error": finite(r.largest_error), "bins": bins}
