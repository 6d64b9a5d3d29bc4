"""Probabilities of verification on labelled pairs and answers: how often they are right, whether they come true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.evaluation.evaluated_query import Asked
from simsearch.evaluation.intervals import Indices
from simsearch.evaluation.metrics import confusion, roc_auc
from simsearch.evaluation.pairs import LabelledPairs
from simsearch.evaluation.reliability import Reliability, reliability
from simsearch.evaluation.tables import Figure, Sheet, finite, measured, plain


@dataclass(frozen=True, eq=False)
class JudgedPairs:
    """Labelled pairs with the probability that verification gives them."""

    pairs: LabelledPairs
    probability: NDArray[np.float64]
    """(n,), 0 to 1."""
    threshold: float
    """The calibration's, for pairs."""

    def figures(self, seed: int) -> dict[str, Figure]:
        """accuracy, precision, recall, false_accept_rate, auc."""

        def values(i: Indices) -> dict[str, float]:
            at = confusion(self.probability[i], self.pairs.same[i], self.threshold)
            rates = {"accuracy": at.accuracy, "precision": at.precision, "recall": at.recall}
            auc = roc_auc(self.probability[i], self.pairs.same[i])
            return {**rates, "false_accept_rate": at.false_accept_rate, "auc": auc}

        return measured(values, len(self.pairs), self.pairs.product.tolist(), seed=seed)

    @property
    def counts(self) -> str:
        """In words."""
        right = int(self.pairs.same.sum())
        return f"{right} pairs of the same product, {len(self.pairs) - right} of different ones"


def pair_sheet(pairs: JudgedPairs, figures: Mapping[str, Figure]) -> Sheet:
    """Verification of pairs at the calibration's threshold."""
    names = ("accuracy", "precision", "recall", "false_accept_rate")
    row = (*(figures[n].share for n in names), figures["auc"].number)
    head = ("accuracy", "precision", "recall", "false accepts", "ROC AUC")
    return Sheet(f"Verification of pairs at {pairs.threshold:g}: {pairs.counts}", head, (row,))


@dataclass(frozen=True, eq=False)
class CalibrationReport:
    """Whether probabilities come true."""

    diagrams: Mapping[str, tuple[Reliability, Mapping[str, Figure]]]
    """What the probabilities are of -> diagram, and expected_error, brier with intervals."""
    pairs: JudgedPairs | None
    pair_figures: Mapping[str, Figure]
    facts: Mapping[str, Any]

    def json(self) -> dict[str, Any]:
        """All figures and bins, as JSON can hold them."""
        return {**self.facts, "probabilities": {name: _diagram_json(*d) for name, d in self.diagrams.items()}}

    def sheets(self) -> list[Sheet]:
        """The tables."""
        rows = tuple(
            (name, str(int(r.counts.sum())), f["expected_error"].number, f"{r.largest_error:.3f}", f["brier"].number)
            for name, (r, f) in self.diagrams.items()
        )
        head = ("probabilities of", "n", "expected error (ECE)", "largest of a bin", "Brier score")
        out = [Sheet("Calibration, 15 bins of equal width", head, rows)]
        return [*out, *([pair_sheet(self.pairs, self.pair_figures)] if self.pairs else [])]


def calibration_report(
    asked: Sequence[Asked], pairs: JudgedPairs | None, facts: Mapping[str, Any], seed: int
) -> CalibrationReport:
    """Of pairs, and of the first hit of each answer."""
    diagrams = {}
    if pairs is not None:
        diagrams["pairs"] = _diagram(pairs.probability, pairs.pairs.same, pairs.pairs.product.tolist(), seed)
    if asked:
        p, y = np.array([a.probability for a in asked]), np.array([a.first_right for a in asked])
        diagrams["first answers"] = _diagram(p, y, [a.sku for a in asked], seed)
    return CalibrationReport(diagrams, pairs, pairs.figures(seed) if pairs else {}, facts)


def _diagram(
    p: NDArray[np.float64], y: NDArray[np.bool_], owners: Sequence[Any], seed: int
) -> tuple[Reliability, dict[str, Figure]]:
    def values(i: Indices) -> dict[str, float]:
        r = reliability(p[i], y[i])
        return {"expected_error": r.expected_error, "brier": r.brier}

    return reliability(p, y), measured(values, len(p), owners, seed=seed)


def _diagram_json(r: Reliability, figures: Mapping[str, Figure]) -> dict[str, Any]:
    bins = [
        {"from": round(low, 4), "to": round(high, 4), "n": int(n), "probability": finite(c), "frequency": finite(f)}
        for low, high, n, c, f in zip(
            r.edges[:-1].tolist(), r.edges[1:].tolist(), r.counts, r.confidence.tolist(), r.frequency.tolist(),
            strict=True,
        )
    ]  # fmt: skip
    return {"n": int(r.counts.sum()), **plain(figures), "largest_error": finite(r.largest_error), "bins": bins}
