"""Recorded answers, what people find out about them, and what `simsearch calibrate` can learn from that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.catalog.database import now
from simsearch.catalog.decisions import DecisionFilter, Found, Recorded
from simsearch.core.errors import TrainingError, UsageError
from simsearch.core.numbers import stable_share
from simsearch.core.types import Outcome
from simsearch.recognition.calibration import Calibration, threshold_for_far
from simsearch.recognition.score_fusion import Fusion, Monotone
from simsearch.recognition.verification import FEATURES, INCREASING, counted

LEAST = 30
"""Reviewed answers from which a threshold may be raised; fewer say next to nothing."""
LEAST_FUSION = 200
"""Reviewed answers whose right product was a candidate, and as many wrong candidates, from which the fusion is fitted
anew: five numbers from each half."""
_SPAN = re.compile(r"(\d+)\s*(h|d|w)")
_SPANS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


class DecisionDesk:
    """Where a person's word on answers is taken down and read."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def listed(
        self,
        *,
        since: str | None = None,
        outcome: str | None = None,
        sku: str | None = None,
        reviewed: bool | None = None,
        limit: int | None = None,
    ) -> Iterator[Recorded]:
        """Recorded answers, newest first. `since`: see `moment`.

        Raises:
            UsageError: a date or an outcome that there is none of.
        """
        outcomes = [o.value for o in Outcome]
        if outcome is not None and outcome not in outcomes:
            raise UsageError(f"--outcome {outcome}: is none of {', '.join(outcomes)}")
        wanted = DecisionFilter(None if since is None else moment(since), outcome, sku, reviewed)
        return self.catalog.decisions.find(wanted, limit=limit)

    def get(self, decision_id: int) -> Recorded:
        """UsageError where there is no such decision."""
        found = self.catalog.decisions.get(decision_id)
        if found is None:
            raise UsageError(f"decision {decision_id}: there is none; `simsearch decisions` lists them")
        return found

    def confirm(self, decision_id: int, sku: str | None = None, note: str = "") -> Recorded:
        """The answer was right: the product that it names, one of those that it could not tell apart, or none."""
        decision = self.get(decision_id)
        named = named_by(decision)
        if decision.outcome == Outcome.AMBIGUOUS.value and sku is None:
            way = f"say which one it is: `simsearch decisions confirm {decision_id} SKU`"
            raise UsageError(f"decision {decision_id} names {', '.join(named)} and does not choose; {way}")
        if sku is not None and sku not in named:
            says = f"names {', '.join(named)}" if named else "names no product"
            way = f"use `simsearch decisions correct {decision_id} {sku}`"
            raise UsageError(f"decision {decision_id} {says}, not {sku}; {way}")
        return self._say(decision, Found.CONFIRMED, sku or decision.sku, note)

    def correct(self, decision_id: int, sku: str | None = None, note: str = "") -> Recorded:
        """The answer was wrong: the photo shows `sku`, or no product of the catalog."""
        decision = self.get(decision_id)
        if sku == decision.sku and decision.outcome != Outcome.AMBIGUOUS.value:
            says = f"names {sku}" if sku else "names no product"
            way = f"`simsearch decisions confirm {decision_id}` says that it is right"
            raise UsageError(f"decision {decision_id} {says} already; {way}")
        if sku is not None and sku in named_by(decision):
            way = f"use `simsearch decisions confirm {decision_id} {sku}`"
            raise UsageError(f"decision {decision_id} names {sku}, among others; {way}")
        if sku is not None and not self.catalog.selection.has_product(sku):
            raise UsageError(f"{sku}: is no SKU of the catalog; leave it out to say that the photo shows none of it")
        return self._say(decision, Found.CORRECTED, sku, note)

    def forget(self, decision_id: int) -> Recorded:
        """Take back what was said of a decision."""
        decision = self.get(decision_id)
        if not self.catalog.decisions.forget_review(decision_id):
            raise UsageError(f"decision {decision_id}: nothing was said of it")
        return replace(decision, review=None)

    def _say(self, decision: Recorded, verdict: Found, sku: str | None, note: str) -> Recorded:
        self.catalog.decisions.review(decision.id, verdict, sku, note)
        return self.get(decision.id)


def named_by(decision: Recorded) -> list[str]:
    """SKUs that an answer names: one of a match, those that it could not tell apart, none of an unknown."""
    if decision.sku is None:
        return []
    if decision.outcome != Outcome.AMBIGUOUS.value:
        return [decision.sku]
    return list(decision.evidence.get("named") or [decision.sku])


def moment(text: str) -> datetime:
    """A day or time as ISO 8601 has it (without a zone: UTC), or how long ago: 12h, 7d, 2w.

    Raises:
        UsageError: neither.
    """
    span = _SPAN.fullmatch(text.strip().lower())
    try:
        if span:
            return now() - int(span[1]) * _SPANS[span[2]]
        found = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        way = "write a day (2026-11-23), a time (2026-11-23T14:00), or how long ago (12h, 7d, 2w)"
        raise UsageError(f"--since {text}: is no time; {way}") from None
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


# -- calibration -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReviewedSample:
    """Candidates of reviewed answers, one a product."""

    features: NDArray[np.float64]
    """(n, len(FEATURES))"""
    same: NDArray[np.bool_]
    """Whether a person said that the photo shows this candidate's product."""
    decision: NDArray[np.int64]
    """Number of the answer, 0 upwards."""
    second: NDArray[np.bool_]
    """Which half of the products the photo's belongs to: no product shall judge what was fitted on it."""
    decisions: int
    """Answers that can be used."""
    left_out: int
    """Reviewed answers that cannot: of several photos, or with other methods than today's."""


def reviewed_sample(decisions: Sequence[Recorded], fingerprints: Mapping[str, str]) -> ReviewedSample:
    """What reviewed answers say about candidates, as far as today's methods computed the features."""
    features: list[Sequence[float]] = []
    same: list[bool] = []
    number: list[int] = []
    second: list[bool] = []
    used = left_out = 0
    seen: set[str] = set()
    for decision in decisions:
        assert decision.review is not None
        hits = _usable(decision, fingerprints)
        if hits is None or decision.query_sha256 in seen:  # the same photo asked twice is one look at it
            left_out += 1
            continue
        seen.add(decision.query_sha256)
        for hit in hits:
            features.append(hit["features"])
            same.append(hit["sku"] == decision.review.sku)
            number.append(used)
            second.append(stable_share(decision.review.sku or decision.query_sha256, 0.5))
        used += 1
    table = np.array(features, np.float64).reshape(len(features), len(FEATURES))
    return ReviewedSample(
        table, np.array(same, bool), np.array(number, np.int64), np.array(second, bool), used, left_out
    )


def _usable(decision: Recorded, fingerprints: Mapping[str, str]) -> list[Mapping[str, Any]] | None:
    evidence = decision.evidence
    recorded = evidence.get("fingerprints", {})
    if evidence.get("photos") or evidence.get("features") != list(FEATURES):
        return None
    if any(recorded.get(name) != fingerprint for name, fingerprint in fingerprints.items()):
        return None
    hits = [hit for hit in evidence.get("hits", ()) if len(hit.get("features", ())) == len(FEATURES)]
    return hits or None


def calibrate_from_decisions(catalog: Catalog, base: Calibration, *, target_far: float) -> Calibration:
    """`base` with a threshold, and where there is enough a fusion, from what people said of recorded answers.

    Judged is what each answer would have named had its product not been in the catalog: its most probable wrong
    candidate. As long as there are fewer than 1 / `target_far` answers the threshold can rise but not fall: few answers
    can show that it is too low, only many that it is too high.

    Raises:
        TrainingError: too few answers were reviewed.
    """
    found = list(catalog.decisions.find(DecisionFilter(reviewed=True)))
    sample = reviewed_sample(found[::-1], base.fingerprints)
    wrong = np.unique(sample.decision[~sample.same])
    if len(wrong) < LEAST:
        without = f" ({sample.left_out} more cannot be used)" if sample.left_out else ""
        raise TrainingError(
            f"{LEAST} reviewed answers with a wrong candidate are needed, there are {len(wrong)}{without}; "
            "look at more with `simsearch decisions --not-reviewed`, and confirm or correct them"
        )
    second = sample.second
    refitted = min(int(sample.same.sum()), int((~sample.same).sum())) >= LEAST_FUSION and all(
        sample.same[part].any() and not sample.same[part].all() for part in (second, ~second)
    )
    made, judged = base, ~sample.same
    if refitted:
        features, same = counted(sample.features), sample.same
        fusion = Fusion.fit(features[~second], same[~second], FEATURES, l2=1.0, prior=0.5, nonnegative=INCREASING)
        made = replace(base, fusion=fusion.platt(features[second], same[second], prior=0.5), correction=Monotone())
        judged &= second
    p = made.probability(sample.features)
    worst = np.array([p[judged & (sample.decision == number)].max() for number in np.unique(sample.decision[judged])])
    chosen = threshold_for_far(worst, np.zeros(len(worst), bool), target_far)
    kept = not chosen.shown and base.thresholds["match"] > chosen.threshold
    match = base.thresholds["match"] if kept else chosen.threshold
    facts = {
        **base.facts, "source": "reviewed decisions", "base_source": base.facts.get("source", ""),
        "date": now().date().isoformat(), "decisions": sample.decisions, "decisions_left_out": sample.left_out,
        "pairs": len(sample.same), "right_pairs": int(sample.same.sum()), "fusion_refitted": refitted,
        "target_far": target_far, "far_shown": chosen.shown, "far_queries": chosen.negatives, "threshold_kept": kept,
    }  # fmt: skip
    return replace(made, thresholds={**base.thresholds, "match": match}, facts=facts)
