"""From verified candidates to an answer in words: match, ambiguous or unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from simsearch.catalog.images import ImageFacts
from simsearch.core.types import Candidate, Hit, LookAlike, Outcome, Verification
from simsearch.recognition import multi_view as together
from simsearch.recognition.look_alikes import kind, look_alikes, strength
from simsearch.recognition.retrieval import reciprocal

RECORDED = 20
"""Products that a record of a decision holds."""
_NEAR = 5
"""Runners-up that are looked through for look-alikes."""
_UNREAD = 0.01
"""Share that keeps another strength of the same drug in question, which looks the same but for a few digits."""
_ALIKE = 0.5
"""Cosine from which two photos are said to look alike."""

Twins = Callable[[ImageFacts], Sequence[ImageFacts]]
"""Images of the same content as the given one."""


class Verified(NamedTuple):
    """A candidate after the pairwise look."""

    facts: ImageFacts
    verification: Verification
    candidate: Candidate


@dataclass(frozen=True)
class Contender:
    """A product that an answer may name, by its best image."""

    best: Verified
    faces: tuple[float, ...]
    """Log-odds by face of the package, of one photo only one."""

    @property
    def sku(self) -> str:
        return self.best.facts.sku


@dataclass(frozen=True)
class Said:
    """What is said of one or several photos."""

    outcome: Outcome
    reason: str
    hits: tuple[Hit, ...]
    """One per product, best first; all of them. Of an UNKNOWN see `_nearest`."""
    look_alikes: tuple[LookAlike, ...] = ()
    named: tuple[str, ...] = ()
    """SKUs: one of a match, all that an ambiguous answer cannot tell apart."""


def contenders(verified: Sequence[Verified]) -> list[Contender]:
    """Products by their best image, best first, of one photo."""
    best: dict[str, Verified] = {}
    for each in sorted(verified, key=_order):
        best.setdefault(each.facts.sku, each)
    return [Contender(v, (together.log_odds(v.verification.probability),)) for v in best.values()]


def contenders_together(faces: Sequence[Sequence[Sequence[Verified]]]) -> list[Contender]:
    """The same of several photos of one package: face -> photo -> its candidates. See `together`."""
    odds: dict[str, list[float]] = {}
    best: dict[str, Verified] = {}
    for number, photos in enumerate(faces):
        for verified in photos:
            for each in verified:
                sku, p = each.facts.sku, together.log_odds(each.verification.probability)
                by_face = odds.setdefault(sku, [together.log_odds(0.0)] * len(faces))
                by_face[number] = max(by_face[number], p)
                if sku not in best or _order(each) < _order(best[sku]):
                    best[sku] = each
    found = []
    for sku, each in best.items():
        p = together.probability(together.combined(odds[sku]))
        judged = each._replace(verification=replace(each.verification, probability=p))
        found.append(Contender(judged, tuple(odds[sku])))
    return sorted(found, key=lambda contender: _order(contender.best))


def _order(v: Verified) -> tuple[float, float, float, int]:
    # Where probabilities saturate, geometry and then similarity say which is nearer.
    seen = v.verification
    return -round(seen.probability, 6), -seen.inliers, -seen.similarity, v.facts.id


def decide(found: Sequence[Contender], *, threshold: float, margin: float, twins: Twins) -> Said:
    """What to answer: a MATCH from `threshold` on, unless another product keeps a share of more than `margin`.

    `twins`: a photo that is filed under a second SKU too cannot tell which of the two it is.
    """
    if not found:
        return Said(Outcome.UNKNOWN, "the catalog holds nothing to compare with", ())
    first = found[0]
    seen = first.best.verification
    if seen.probability < threshold:
        reason = (
            f"the nearest product reaches {_below(seen.probability, threshold)}, a match needs {percent(threshold)}"
        )
        return Said(Outcome.UNKNOWN, reason, _hits(_nearest(found)))
    filed = {facts.sku: facts for facts in twins(first.best.facts) if facts.sku != first.sku}
    found = [first, *_with(found[1:], filed, first)]
    rivals = [c for c in found[1:] if c.sku in filed or _rivals(first, c, margin)]
    others = [(c.best.facts, c.best.verification) for c in found[1 : _NEAR + 1]]
    alike = look_alikes(first.best.facts, others)
    if not rivals:
        reason = f"{percent(seen.probability)} sure: {basis(seen)}{_unread(first.best.facts)}"
        return Said(Outcome.MATCH, reason, _hits(found), alike, (first.sku,))
    # The rivals first: what the answer names stands above what it only lists.
    named = (first.sku, *(c.sku for c in rivals))
    found = [*(c for c in found if c.sku in named), *(c for c in found if c.sku not in named)]
    return Said(Outcome.AMBIGUOUS, _between(first, rivals, filed), _hits(found), alike, named)


def _nearest(found: Sequence[Contender]) -> list[Contender]:
    """What is listed where nothing matches: the most probable first, the others as probability and lookup rank them.

    Of photos that verification can say little of, loose pills and strange faces of a package above all, the lanes of
    the lookup know what is lost in the probability (docs/lookup.md).
    """
    by_lookup = sorted(range(len(found)), key=lambda i: (-found[i].best.candidate.score, found[i].best.facts.id))
    score = [reciprocal(rank) for rank in range(1, len(found) + 1)]
    for rank, i in enumerate(by_lookup, 1):
        score[i] += reciprocal(rank)
    rest = sorted(range(1, len(found)), key=lambda i: (-score[i], found[i].best.facts.id))
    return [found[0], *(found[i] for i in rest)]


def _rivals(first: Contender, second: Contender, margin: float) -> bool:
    """Whether the second keeps a share of more than `margin`, or a small one where only an unread strength differs."""
    share = together.probability(-lead(first, second))
    if share > margin:
        return True
    other = second.best  # names are compared, which takes its time, only where it matters
    return share > _UNREAD and kind(first.best.facts, other.facts, other.verification) == "strength"


def _unread(facts: ImageFacts) -> str:
    """A strength that the catalog lacks may look like one that it has but for a few digits, which nobody reads."""
    amount = strength(facts)
    return f"; strengths are not read: check that the package says {amount}" if amount else ""


def _with(others: Sequence[Contender], filed: Mapping[str, ImageFacts], first: Contender) -> list[Contender]:
    """`others`, before them the products in `filed` that are not among them, which are as probable as `first`."""
    missing = [facts for sku, facts in filed.items() if all(c.sku != sku for c in others)]
    unseen = [Contender(first.best._replace(facts=facts), first.faces) for facts in missing]
    return [*unseen, *others]


def _between(first: Contender, rivals: Sequence[Contender], filed: Mapping[str, ImageFacts]) -> str:
    names = [first.sku, *(c.sku for c in rivals[:2]), *([f"{len(rivals) - 2} more"] * (len(rivals) > 2))]
    seen = first.best.verification
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    words = f"{listed} fit about equally well ({percent(seen.probability)}: {basis(seen)})"
    twins = [sku for sku in filed if any(c.sku == sku for c in rivals)]
    if twins:
        words += f"; the catalog files the same photo under {first.sku} and {', '.join(twins[:2])}"
    return words


def lead(first: Contender, second: Contender) -> float:
    """Log-odds by which the first is ahead of the second."""
    return together.lead(first.faces, second.faces)


def _hits(found: Sequence[Contender]) -> tuple[Hit, ...]:
    return tuple(
        Hit(v.facts.sku, v.facts.title, v.facts.id, v.facts.image, v.verification, v.candidate.ranks)
        for v in (contender.best for contender in found)
    )


def basis(v: Verification) -> str:
    """In words, what a probability rests on."""
    looks = f"similarity {v.similarity:.2f}"
    if not v.inliers:
        return f"by appearance alone ({looks})"
    alike = "and it looks alike" if v.similarity >= _ALIKE else "though it looks less alike"
    points = "point of the photo agrees" if v.inliers == 1 else "points of the photo agree"
    return f"{v.inliers} {points} with the catalog's, {alike} ({looks})"


def _below(probability: float, threshold: float) -> str:
    """What rounds to the same as the threshold that it misses is not told by a figure."""
    said = percent(probability)
    return said if said != percent(threshold) else f"not quite {said}"


def percent(probability: float) -> str:
    """With more digits the nearer it is to certain, which it never is."""
    if probability < 0.999:
        return f"{probability:.1%}"
    return f"{probability:.3%}" if probability < 0.99999 else "over 99.999%"
