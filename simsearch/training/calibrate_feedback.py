"""Fits threshold and fusion on reviewed answers: `simsearch calibrate --from-decisions`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.catalog.database import now
from simsearch.catalog.decisions import DecisionFilter, RecordedDecision
from simsearch.core.errors import TrainingError
from simsearch.core.numbers import stable_share
from simsearch.core.types import Refusal
from simsearch.recognition.calibration import PILLS, Calibration, threshold_for_far
from simsearch.recognition.score_fusion import Bools, Floats, Fusion, Monotone
from simsearch.recognition.verification import FEATURES, INCREASING, counted
from simsearch.training.calibrate import CalibrateResult

LEAST = 30
"""Reviewed answers with a wrong candidate from which a threshold may be raised; fewer say next to nothing."""
LEAST_FUSION = 200
"""Right candidates, and wrong ones, from which the fusion is fitted anew: five weights from each half."""


@dataclass(frozen=True)
class ReviewedSample:
    """Candidates of reviewed answers, one a product."""

    features: Floats
    """(n, len(FEATURES))"""
    same: Bools
    """Whether a person said that the photo shows this candidate's product."""
    decision: NDArray[np.int64]
    """Number of the answer, 0 upwards."""
    second: Bools
    """Half of the products that the photo's belongs to: no product judges a fusion that was fitted on it."""
    decisions: int
    """Answers that can be used."""
    refusals: tuple[Refusal, ...]
    """Reviewed answers that cannot be used, and why."""


def reviewed_sample(decisions: Sequence[RecordedDecision], fingerprints: Mapping[str, str]) -> ReviewedSample:
    """The candidates of reviewed answers whose features were computed by the methods with these `fingerprints`."""
    features: list[Sequence[float]] = []
    same: list[bool] = []
    number: list[int] = []
    second: list[bool] = []
    refusals: list[Refusal] = []
    seen: set[str] = set()
    used = 0
    for decision in decisions:
        assert decision.review is not None
        code, reason = _unusable(decision, fingerprints)
        if not code and decision.query_sha256 in seen:
            code, reason = "asked_before", "the same photo was asked before, and counts once"
        if code:
            refusals.append(Refusal(f"decision {decision.id}", code, f"decision {decision.id}: {reason}"))
            continue
        seen.add(decision.query_sha256)
        for hit in _hits(decision):
            features.append(hit["features"])
            same.append(hit["sku"] == decision.review.sku)
            number.append(used)
            second.append(stable_share(decision.review.sku or decision.query_sha256, 0.5))
        used += 1
    table = np.array(features, np.float64).reshape(len(features), len(FEATURES))
    return ReviewedSample(
        table, np.array(same, bool), np.array(number, np.int64), np.array(second, bool), used, tuple(refusals)
    )


def _unusable(decision: RecordedDecision, fingerprints: Mapping[str, str]) -> tuple[str, str]:
    """Code and reason why nothing can be learned from an answer; both empty where it can be used."""
    evidence = decision.evidence
    if evidence.get("photos"):
        return "several_photos", "answers several photos at once"
    recorded = evidence.get("fingerprints", {})
    same = all(recorded.get(name) == fingerprint for name, fingerprint in fingerprints.items())
    if not same or evidence.get("features") != list(FEATURES):
        return "other_methods", "was answered by other methods than today's"
    return ("", "") if _hits(decision) else ("no_candidate", "has no candidate with features")


def _hits(decision: RecordedDecision) -> list[Mapping[str, Any]]:
    return [hit for hit in decision.evidence.get("hits", ()) if len(hit.get("features", ())) == len(FEATURES)]


def calibrate_from_decisions(catalog: Catalog, base: Calibration, *, target_far: float) -> CalibrateResult:
    """`base` with new thresholds, and where there are enough reviews a new fusion, from recorded answers.

    Packages and loose pills have a threshold each; a kind without reviewed answers keeps its own. Each answer is
    judged by its most probable wrong candidate: what it would name if its product were absent. With fewer than
    1 / `target_far` answers a threshold can rise and not fall: few answers can show that it is too low, only many that
    it is too high.

    Raises:
        TrainingError: too few answers were reviewed.
    """
    found = list(catalog.decisions.find(DecisionFilter(reviewed=True)))
    sample = reviewed_sample(found[::-1], base.fingerprints)
    wrong = np.unique(sample.decision[~sample.same])
    if len(wrong) < LEAST:
        without = f" ({len(sample.refusals)} more cannot be used)" if sample.refusals else ""
        raise TrainingError(
            f"{LEAST} reviewed answers with a wrong candidate are needed, there are {len(wrong)}{without}; "
            "look at more with `simsearch decisions --not-reviewed`, and confirm or correct them"
        )
    made, anew = _with_fusions(base, sample)
    thresholds, shown, kept = dict(base.thresholds), [], []
    for name, of_kind in _kinds(sample).items():
        judged = ~sample.same & of_kind & (sample.second | (not anew[name]))
        if not judged.any():
            continue
        chosen = threshold_for_far(*_worst(made, sample, judged), target_far)
        before = base.thresholds.get(name, base.thresholds["match"])
        shown.append(chosen.shown)
        kept.append(not chosen.shown and before > chosen.threshold)
        thresholds[name] = before if kept[-1] else chosen.threshold
    facts = {
        **base.facts, **_facts(base, sample), "target_far": target_far, "far_shown": all(shown),
        "far_queries": len(wrong), "fusion_refitted": any(anew.values()), "threshold_kept": any(kept),
    }  # fmt: skip
    return CalibrateResult(replace(made, thresholds=thresholds, facts=facts), sample.refusals)


def _with_fusions(base: Calibration, sample: ReviewedSample) -> tuple[Calibration, dict[str, bool]]:
    """`base` with a new fusion for each kind that has enough reviews, and which kinds these are."""
    kinds = _kinds(sample)
    if base.pills is None:  # one fusion serves both
        fusion, pills = _refitted(sample, np.ones(len(sample.same), bool)), None
        anew = dict.fromkeys(kinds, fusion is not None)
    else:
        fusion, pills = (_refitted(sample, of_kind) for of_kind in kinds.values())
        anew = {"match": fusion is not None, "match_pills": pills is not None}
    made = replace(base, pills=pills or base.pills)
    return made if fusion is None else replace(made, fusion=fusion, correction=Monotone()), anew


def _kinds(sample: ReviewedSample) -> dict[str, Bools]:
    """Threshold -> the candidates that it judges."""
    pills = sample.features[:, FEATURES.index(PILLS)] > 0
    return {"match": ~pills, "match_pills": pills}


def _refitted(sample: ReviewedSample, of_kind: Bools) -> Fusion | None:
    """A fusion of the candidates `of_kind`, fitted on one half of the products and rescaled on the other; None where
    there are too few reviews."""
    same, second = sample.same[of_kind], sample.second[of_kind]
    if min(int(same.sum()), int((~same).sum())) < LEAST_FUSION:
        return None
    if any(same[half].all() or not same[half].any() for half in (second, ~second)):
        return None
    features = counted(sample.features[of_kind])
    fusion = Fusion.fit(features[~second], same[~second], FEATURES, l2=1.0, prior=0.5, nonnegative=INCREASING)
    return fusion.platt(features[second], same[second], prior=0.5)


def _worst(calibration: Calibration, sample: ReviewedSample, judged: Bools) -> tuple[Floats, Bools]:
    """Largest probability among the `judged` candidates of each answer, and that none of them is right."""
    p = calibration.probability(sample.features)
    numbers = np.unique(sample.decision[judged])
    worst = np.array([p[judged & (sample.decision == number)].max() for number in numbers])
    return worst, np.zeros(len(worst), bool)


def _facts(base: Calibration, sample: ReviewedSample) -> dict[str, Any]:
    return {
        "source": "reviewed decisions", "base_source": base.facts.get("source", ""), "date": now().date().isoformat(),
        "decisions": sample.decisions, "decisions_left_out": len(sample.refusals), "pairs": len(sample.same),
        "right_pairs": int(sample.same.sum()),
    }  # fmt: skip
