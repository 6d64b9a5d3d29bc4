"""From verified candidates to an answer in words: match, ambiguous or unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from simsearch.catalog.images import ImageFacts
from simsearch.core.print_wording import listed
from simsearch.core.text import below, percent
from simsearch.core.types import Hit, LookAlike, Outcome
from simsearch.recognition.contenders import (
    Contender,
    Thresholds,
    Verified,
    best_looking,
    contenders,
    contenders_together,
    foremost,
    lacking,
    reaches,
    share,
    unseen,
)
from simsearch.recognition.look_alikes import MOST, kind, look_alike_by_print, look_alikes
from simsearch.recognition.rank_fusion import reciprocal_rank
from simsearch.recognition.reasons import at_odds, in_doubt, ruled_out, strength_was_read, sure, why

__all__ = [
    "RECORDED", "Conclusion", "Contender", "Thresholds", "Verified", "contenders", "contenders_together", "decide",
    "foremost", "reaches",
]  # fmt: skip

RECORDED = 20
"""Products that a record of a decision holds."""
_NEAR = 5
"""Runners-up among which look-alikes are sought."""
_TELLING = 2.0
"""Logarithm of the likelihood ratio from which one pill looks more like the photo than another."""
_UNREAD = 0.01
"""Share that keeps another strength of the same drug in question: it looks the same but for a few digits."""


@dataclass(frozen=True)
class Conclusion:
    """The answer to one or several photos."""

    outcome: Outcome
    reason: str
    products: tuple[Contender, ...]
    """Best first; all of them. `_nearest` orders those of an UNKNOWN."""
    look_alikes: tuple[LookAlike, ...] = ()
    named: tuple[str, ...] = ()
    """SKUs: the one of a MATCH, or all that an AMBIGUOUS answer cannot tell apart."""
    against: Hit | None = None
    """See `Decision.against`."""

    @property
    def hits(self) -> tuple[Hit, ...]:
        """One per product."""
        return self.first(len(self.products))

    def first(self, count: int) -> tuple[Hit, ...]:
        """The hits of the first products."""
        return tuple(map(_hit, self.products[:count]))


def decide(
    found: Sequence[Contender], *, thresholds: Thresholds, margin: float, twins: Sequence[ImageFacts] = ()
) -> Conclusion:
    """A MATCH from its threshold on, unless another product keeps a share of more than `margin`.

    What print or a code contradicts is neither matched nor a rival; it becomes a look-alike. Where a code stands
    against print (`_disputed`) the answer is AMBIGUOUS and says both. It is AMBIGUOUS, too, where the best product
    states an amount that the photo has in view and that was not read there: a sibling that the catalog lacks would look
    the same.

    Args:
        found: the products, best first.
        thresholds: smallest probabilities of a MATCH.
        margin: share of the probability, 0 to 1, from which a second product makes the answer AMBIGUOUS.
        twins: images with the same content as the image of the `foremost` product. If one is filed under a second SKU,
            the photo cannot tell which of the two it shows.
    """
    if not found:
        return Conclusion(Outcome.UNKNOWN, "the catalog holds nothing to compare with", ())
    first = foremost(found)
    disputed = _disputed(found, first, thresholds)
    if first is None or not reaches(found, thresholds):
        return _codes_alone(found, disputed) if disputed else _unknown(found, thresholds)
    apart = {first.sku, *(c.sku for c in found if not c.may_be_named)}
    filed = {facts.sku: facts for facts in twins if facts.sku not in apart}
    found = [first, *_with([c for c in found if c is not first], filed, first)]
    rivals = [c for c in found[1:] if c.sku in filed or (c.may_be_named and _rivals(first, c, margin))]
    alike = look_alikes(first.best.facts, [(c.best.facts, c.seen) for c in found[1 : _NEAR + 1]])
    if not rivals and not disputed and not first.doubts:
        return Conclusion(Outcome.MATCH, sure(first), tuple(found), alike, (first.sku,))
    # The rivals first: what the answer names stands above what it only lists.
    named = (first.sku, *(c.sku for c in rivals), *(c.sku for c in disputed))
    found = [*(c for c in found if c.sku in named), *(c for c in found if c.sku not in named)]
    near = [c.sku for c in rivals if c.sku in filed or share(first, c) > margin]
    strengths = [c.sku for c in rivals if c.sku not in near]
    words = _between(first, near, strengths, [sku for sku in filed if sku in near])
    reason = "; ".join([words, *filter(None, [in_doubt(first)]), *map(at_odds, disputed)])
    against = _hit(disputed[0]) if disputed else None
    return Conclusion(Outcome.AMBIGUOUS, reason, tuple(found), alike, named, against)


# -- print against picture and codes ---------------------------------------------------------------------------------


def _unknown(found: Sequence[Contender], thresholds: Thresholds) -> Conclusion:
    """Nothing may be named. Where print rules out what looks nearest, that is the reason."""
    nearest, listing = best_looking(found), _nearest(found)
    may = foremost(found)
    needed = thresholds.of(may.seen) if may else 1.0
    by = f" {why(may)};" if may and may.by_print_alone else ","
    best = f"{below(may.seen.probability, needed)}{by} a match needs {percent(needed)}" if may else ""
    if may and may.seen.probability >= needed and unseen(may.seen):
        reached = f"{percent(may.seen.probability)} {why(may)}"
        best = f"{reached}; no picture of this face is known, and its print alone does not tell"
    elif may and may.seen.probability >= needed:  # only print alone falls short in another way
        unread = listed(lacking(may.seen), "or")
        best = f"{percent(may.seen.probability)} {why(may)}; a match by print alone needs its {unread} read, too"
    if best and may and may.alike and may.doubts:  # what a sibling that the catalog lacks would differ in
        best += f"; {in_doubt(may)}"
    if best:
        best += _turn_over(listing)
    if not (nearest.contradicted and nearest.alike):
        all_of_them = "" if best else f"print rules out all that was found: {ruled_out(nearest)}"
        which = "nearest" if may is None or listing[0] is may else "most probable"
        reason = all_of_them or f"the {which} product reaches {best}"
        return Conclusion(Outcome.UNKNOWN, reason, tuple(listing))
    also = [c for c in found if c.contradicted and c.alike and c is not nearest]
    warned = tuple(look_alike_by_print(c.best.facts, c.seen) for c in [nearest, *also][:MOST])
    rest = f"of the others the nearest reaches {best}" if best else "nothing else was found"
    reason = f"what looks nearest is another product: {ruled_out(nearest)}; {rest}"
    return Conclusion(Outcome.UNKNOWN, reason, tuple(listing), warned, against=_hit(nearest))


def _turn_over(listing: Sequence[Contender]) -> str:
    """What would tell loose pills apart, where others look nearly as much like the photo as the first one."""
    first = listing[0].pills
    alike = sum(c.pills is not None and c.pills > first - _TELLING for c in listing[1:]) if first is not None else 0
    if not alike:
        return ""
    return (
        f"; {alike} more {'looks' if alike == 1 else 'look'} about as much like it: turn it over, the imprint decides"
    )


def _disputed(found: Sequence[Contender], first: Contender | None, thresholds: Thresholds) -> list[Contender]:
    """Products of which a code says one thing and print another.

    No code decides alone: a neighbour's code, a shelf label or a wrong row of the catalog carries a sound check digit
    too. Neither is it ignored. Where the code is that of the product that may be named anyway, the question is settled.
    """
    if first is not None and first.agrees("code") and thresholds.met(first.seen):
        return []
    return [c for c in found if _code_stands_alone(c, thresholds)]


def _code_stands_alone(c: Contender, thresholds: Thresholds) -> bool:
    """Whether only the code speaks for the product, or only the code against it, where print and picture say it is."""
    if c.contested:
        return c.contradicted or thresholds.met(c.seen)
    against = {fact.kind for fact in c.seen.printed.contradictions} if c.seen.printed else set()
    if "code" not in against:
        return bool(against) and c.agrees("code")
    return against == {"code"} and thresholds.met(c.seen) and c.agrees("strength", "pack", "volume")


def _codes_alone(found: Sequence[Contender], disputed: Sequence[Contender]) -> Conclusion:
    """The answer where only products in dispute are left."""
    named = tuple(c.sku for c in disputed)
    order = [*disputed, *(c for c in found if c.sku not in named)]
    reason = "; ".join(map(at_odds, disputed))
    return Conclusion(Outcome.AMBIGUOUS, reason, tuple(order), (), named, _hit(disputed[0]))


# -- products that may be named --------------------------------------------------------------------------------------


def _nearest(found: Sequence[Contender]) -> list[Contender]:
    """The list where nothing matches: the most probable first, the others by the ranks of probability and retrieval.

    When verification is uninformative (unseen faces of a package), the retrieval rank knows what is lost in the
    probability (docs/lookup.md). Of one loose pill the lane that compares them knows most, and the cosine of whole
    photos a little.
    """
    if any(c.pills is not None for c in found):
        return sorted(found, key=lambda c: (c.pills is None, -(c.pills or 0.0)))
    by_lookup = sorted(range(len(found)), key=lambda i: (-found[i].best.candidate.score, found[i].best.facts.id))
    score = [reciprocal_rank(rank) for rank in range(1, len(found) + 1)]
    for rank, i in enumerate(by_lookup, 1):
        score[i] += reciprocal_rank(rank)
    rest = sorted(range(1, len(found)), key=lambda i: (-score[i], found[i].best.facts.id))
    return [found[0], *(found[i] for i in rest)]


def _rivals(first: Contender, second: Contender, margin: float) -> bool:
    """Whether the second keeps a share above `margin`, or above `_UNREAD` where only a strength that was not read may
    tell the two apart."""
    kept = share(first, second)
    if kept > margin:
        return True
    if kept <= _UNREAD or strength_was_read(first):
        return False
    # Names are compared, which takes its time, only where it matters.
    return kind(first.best.facts, second.best.facts, second.seen) == "strength"


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


def _between(first: Contender, near: Sequence[str], strengths: Sequence[str], twins: Sequence[str]) -> str:
    """What is in question, and why: rivals fit about as well, or may differ in a strength that was not read."""
    fit = f"{_few([first.sku, *near])} fit about equally well" if near else f"{first.sku} fits best"
    words = f"{fit} ({percent(first.seen.probability)}: {why(first)})"
    if strengths:
        words += f"; strengths are not read, and {_few(strengths)} may be the same drug in another one"
    if twins:
        words += f"; the catalog files the same photo under {_few([first.sku, *twins])}"
    return words


def _few(skus: Sequence[str]) -> str:
    """At most three names, and how many more there are."""
    return listed([*skus[:3], *([f"{len(skus) - 3} more"] * (len(skus) > 3))])


def _hit(contender: Contender) -> Hit:
    v = contender.best
    return Hit(v.facts.sku, v.facts.title, v.facts.id, v.facts.image, v.verification, v.candidate.ranks)
