"""Wording that every room shares: percentages, product titles, headlines, and what a probability rests on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from simsearch.core.types import Decision, Outcome, Refusal, Verification


def percent(probability: float) -> str:
    """A probability from 0 to 1 as a percentage. It gains digits towards certainty and never reaches 100 %."""
    if probability < 0.999:
        return f"{probability:.1%}"
    return f"{probability:.3%}" if probability < 0.99999 else "over 99.999%"


def below(probability: float, threshold: float) -> str:
    """A probability that misses a threshold: "not quite 99.7%" where both would print alike."""
    said = percent(probability)
    return said if said != percent(threshold) else f"not quite {said}"


def title(name: str, strength: str) -> str:
    """Name and strength of a product. Two strengths of a drug are two products and must not read alike.

    The strength is left out where the name has it as a whole: `5 mg` is neither in `Examplin 25 mg` nor in `2.5 mg`.
    """
    whole = rf"(?<![\w.,/+-]){re.escape(strength)}(?![\w/+%]|[.,]\d|\s*[/+]\s*\d)"
    return name if re.search(whole, name, re.IGNORECASE) else f"{name} {strength}".strip()


def headline(answer: Decision) -> str:
    """What an answer says, in a few words."""
    if answer.outcome is Outcome.UNKNOWN:
        return "not in the catalog, as far as this photo tells"
    perhaps = "perhaps " if answer.outcome is Outcome.AMBIGUOUS else ""
    return f"{perhaps}{answer.sku}  {answer.name or ''}".rstrip()


def points(inliers: int) -> str:
    """How many keypoint matches agree with one homography."""
    return f"{inliers or 'no'} matching point{'s' * (inliers != 1)}"


def basis(v: Verification) -> str:
    """What a probability rests on: matching points, how many they count as where others share them, and similarity."""
    seen = points(v.inliers) if v.inliers else "by appearance alone"
    counted = f" that count as {v.support:.0f}" if round(v.support) != v.inliers else ""
    return f"{seen}{counted}, similarity {v.similarity:.2f}"


def refused_in_words(refusals: Sequence[Refusal]) -> str:
    """How many rows or photos were left out, and the first reason: ends an error message. Empty where none were."""
    return f"; {len(refusals)} were left out, the first: {refusals[0].message}" if refusals else ""
