"""From verified candidates to an answer in words: match, ambiguous or unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from simsearch.catalog.images import ImageFacts
from simsearch.core.text import basis, below, percent
from simsearch.core.types import Candidate, Hit, LookAlike, Outcome, Verification
from simsearch.recognition import multi_view
from simsearch.recognition.look_alikes import kind, look_alikes, to_check
from simsearch.recognition.rank_fusion import reciprocal_rank

RECORDED = 20
"""Products that a record of a decision holds."""
_NEAR = 5
"""Runners-up among which look-alikes are sought."""
_UNREAD = 0.01
"""Share that keeps another strength of the same drug in question: it looks the same but for a few digits."""
_ALIKE = 0.5
"""Cosine from which two photos are said to look alike."""


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
    """Log-odds by face of the package; one photo has one."""

    @property
    def sku(self) -> str:
        return self.best.facts.sku


@dataclass(frozen=True)
class Conclusion:
    """The answer to one or several photos."""

    outcome: Outcome
    reason: str
    hits: tuple[Hit, ...]
    """One per product, best first; all of them. `_nearest` orders those of an UNKNOWN."""
    look_alikes: tuple[LookAlike, ...] = ()
    named: tuple[str, ...] = ()
    """SKUs: the one of a MATCH, or all that an AMBIGUOUS answer cannot tell apart."""


def contenders(verified: Sequence[Verified]) -> list[Contender]:
    """Products by their best image, best first, of one photo."""
    best: dict[str, Verified] = {}
    for each in sorted(verified, key=_order):
        best.setdefault(each.facts.sku, each)
    return [Contender(v, (multi_view.log_odds(v.verification.probability),)) for v in best.values()]


def contenders_together(faces: Sequence[Sequence[Sequence[Verified]]]) -> list[Contender]:
    """The same of several photos of one package: face -> photo -> its candidates. See `multi_view`."""
    odds: dict[str, list[float]] = {}
    best: dict[str, Verified] = {}
    for number, photos in enumerate(faces):
        for verified in photos:
            for each in verified:
                sku, p = each.facts.sku, multi_view.log_odds(each.verification.probability)
                by_face = odds.setdefault(sku, [multi_view.log_odds(0.0)] * len(faces))
                by_face[number] = max(by_face[number], p)
                if sku not in best or _order(each) < _order(best[sku]):
                    best[sku] = each
    found = []
    for sku, each in best.items():
        p = multi_view.probability(multi_view.combined(odds[sku]))
        judged = each._replace(verification=replace(each.verification, probability=p))
        found.append(Contender(judged, tuple(odds[sku])))
    return sorted(found, key=lambda contender: _order(contender.best))


def _order(v: Verified) -> tuple[float, float, float, int]:
    # Where probabilities saturate, geometry and then similarity say which is nearer.
    seen = v.verification
    return -round(seen.probability, 6), -round(seen.support), -seen.similarity, v.facts.id


def reaches(found: Sequence[Contender], threshold: float) -> bool:
    """Whether some product reaches `threshold`. It need not be the first: order compares six digits."""
    return any(contender.best.verification.probability >= threshold for contender in found)


def decide(
    found: Sequence[Contender], *, threshold: float, margin: float, twins: Sequence[ImageFacts] = ()
) -> Conclusion:
    """A MATCH from `threshold` on, unless another product keeps a share of more than `margin`.

    Args:
        found: the products, best first.
        threshold: smallest probability of a MATCH, 0 to 1.
        margin: share of the probability, 0 to 1, from which a second product makes the answer AMBIGUOUS.
        twins: images with the same content as the best image. If one is filed under a second SKU, the photo cannot
            tell which of the two it shows.
    """
    if not found:
        return Conclusion(Outcome.UNKNOWN, "the catalog holds nothing to compare with", ())
    first = found[0]
    seen = first.best.verification
    if not reaches(found, threshold):
        reason = f"the nearest product reaches {below(seen.probability, threshold)}, a match needs {percent(threshold)}"
        return Conclusion(Outcome.UNKNOWN, reason, _hits(_nearest(found)))
    filed = {facts.sku: facts for facts in twins if facts.sku != first.sku}
    found = [first, *_with(found[1:], filed, first)]
    rivals = [c for c in found[1:] if c.sku in filed or _rivals(first, c, margin)]
    others = [(c.best.facts, c.best.verification) for c in found[1 : _NEAR + 1]]
    alike = look_alikes(first.best.facts, others)
    if not rivals:
        reason = f"{percent(seen.probability)} sure: {_rests_on(seen)}{_unread(first.best.facts)}"
        return Conclusion(Outcome.MATCH, reason, _hits(found), alike, (first.sku,))
    # The rivals first: what the answer names stands above what it only lists.
    named = (first.sku, *(c.sku for c in rivals))
    found = [*(c for c in found if c.sku in named), *(c for c in found if c.sku not in named)]
    return Conclusion(Outcome.AMBIGUOUS, _between(first, rivals, filed, margin), _hits(found), alike, named)


def _nearest(found: Sequence[Contender]) -> list[Contender]:
    """The list where nothing matches: the most probable first, the others by the ranks of probability and retrieval.

    When verification is uninformative (loose pills, unseen faces of a package), the retrieval rank knows what is lost
    in the probability (docs/lookup.md).
    """
    by_lookup = sorted(range(len(found)), key=lambda i: (-found[i].best.candidate.score, found[i].best.facts.id))
    score = [reciprocal_rank(rank) for rank in range(1, len(found) + 1)]
    for rank, i in enumerate(by_lookup, 1):
        score[i] += reciprocal_rank(rank)
    rest = sorted(range(1, len(found)), key=lambda i: (-score[i], found[i].best.facts.id))
    return [found[0], *(found[i] for i in rest)]


def _rivals(first: Contender, second: Contender, margin: float) -> bool:
    """Whether the second keeps a share above `margin`, or above `_UNREAD` where only the strength differs."""
    kept = share(first, second)
    if kept > margin:
        return True
    other = second.best  # names are compared, which takes its time, only where it matters
    return kept > _UNREAD and kind(first.best.facts, other.facts, other.verification) == "strength"


def _unread(facts: ImageFacts) -> str:
    """A request to check the strength: one that the catalog lacks may differ from this one in a few digits only."""
    amount = to_check(facts)
    return f"; strengths are not read: check that the package says {amount}" if amount else ""


def _with(others: Sequence[Contender], filed: Mapping[str, ImageFacts], first: Contender) -> list[Contender]:
    """`others`, preceded by the products of `filed` that they lack. These are as probable as `first`.

    No lane returned their images, so they have no ranks.
    """
    missing = [facts for sku, facts in filed.items() if all(c.sku != sku for c in others)]
    candidates = [replace(first.best.candidate, image_id=facts.id, ranks={}) for facts in missing]
    unseen = [
        Contender(first.best._replace(facts=facts, candidate=candidate), first.faces)
        for facts, candidate in zip(missing, candidates, strict=True)
    ]
    return [*unseen, *others]


def _between(first: Contender, rivals: Sequence[Contender], filed: Mapping[str, ImageFacts], margin: float) -> str:
    """What is in question, and why: rivals fit about as well, or may differ in a strength that is not read."""
    near = [c.sku for c in rivals if c.sku in filed or share(first, c) > margin]
    strengths = [c.sku for c in rivals if c.sku not in near]
    seen = first.best.verification
    rests = f"({percent(seen.probability)}: {_rests_on(seen)})"
    fit = f"{_listed([first.sku, *near])} fit about equally well" if near else f"{first.sku} fits best"
    words = f"{fit} {rests}"
    if strengths:
        words += f"; strengths are not read, and {_listed(strengths)} may be the same drug in another one"
    twins = [sku for sku in filed if sku in near]
    if twins:
        words += f"; the catalog files the same photo under {_listed([first.sku, *twins])}"
    return words


def _listed(skus: Sequence[str]) -> str:
    """At most three names, and how many more there are."""
    names = [*skus[:3], *([f"{len(skus) - 3} more"] * (len(skus) > 3))]
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def share(first: Contender, second: Contender) -> float:
    """The share of the probability that the second keeps beside the first, 0 to 1."""
    return multi_view.probability(-lead(first, second))


def lead(first: Contender, second: Contender) -> float:
    """Log-odds by which the first is ahead of the second."""
    return multi_view.lead(first.faces, second.faces)


def _hits(found: Sequence[Contender]) -> tuple[Hit, ...]:
    return tuple(
        Hit(v.facts.sku, v.facts.title, v.facts.id, v.facts.image, v.verification, v.candidate.ranks)
        for v in (contender.best for contender in found)
    )


def _rests_on(v: Verification) -> str:
    doubt = ", though it looks less alike" if v.inliers and v.similarity < _ALIKE else ""
    return f"{basis(v)}{doubt}"
