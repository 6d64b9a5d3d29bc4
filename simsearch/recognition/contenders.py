"""The products that an answer may name: each by its best image, with what print says of all of its images.

A contradiction by any image of a product, or by any photo of the package, counts, and agreement elsewhere does not heal
it: siblings agree in nearly everything, and the face that tells them apart may be one of six. But where two readings of
one thing disagree with each other (one photo says 30 and another one 300), one of them is wrong, and the more confident
one is believed: a blurred cut or a misfiled reference must not rule a product out for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from simsearch.catalog.images import ImageFacts
from simsearch.core.types import Candidate, PrintAlone, PrintComparison, PrintedFact, Verification
from simsearch.recognition import multi_view
from simsearch.recognition.calibration import NOTHING
from simsearch.recognition.look_alikes import LIKE_POINTS, alike
from simsearch.recognition.pill_fit import SeenPills
from simsearch.recognition.printed import PrintSettings

_AGAINST = 4.6
"""Log-odds by which a contradiction sets a product back in a list: on held-out pairs it came a hundred times as often
between two products as within one (docs/recognition.md)."""
_POINTS = PrintSettings().inliers
"""Agreeing keypoints from which two pictures show one face."""
LAID_OUT = 6
"""Lines that lie alike in both photos from which they show one face, as keypoints would say."""
_ROUNDING = 1e-6
"""Order compares six digits of a probability."""
_READ_AGAIN = ("name", "strength", "pack", "volume", "form")
"""Kinds of which a package says one thing. Two lines may both be right, and a code is read right or not at all."""


class Verified(NamedTuple):
    """A candidate after the pairwise look."""

    facts: ImageFacts
    verification: Verification
    candidate: Candidate


@dataclass(frozen=True)
class Contender:
    """A product that an answer may name, by its best image."""

    best: Verified
    """Its `printed` holds what was read against all images of the product."""
    faces: tuple[float, ...]
    """Log-odds by face of the package; one photo has one."""
    pills: float | None = None
    """How well its best image fits a photo of loose pills (`pill_fit`); None where none was found in the photo, or the
    lane of pills did not bring it up."""

    @property
    def sku(self) -> str:
        return self.best.facts.sku

    @property
    def seen(self) -> Verification:
        return self.best.verification

    @property
    def contradicted(self) -> bool:
        """Whether print or a code says that the photo shows another product: it is then neither named nor a rival."""
        return self.seen.contradicted

    @property
    def contested(self) -> str:
        """Why its code, or that of the photo, stands alone against picture and print; "" where it does not."""
        return self.seen.printed.contested if self.seen.printed else ""

    @property
    def by_print_alone(self) -> bool:
        """Whether its probability rests on print alone, as the photo shows a face that the catalog lacks."""
        return self.seen.printed is not None and self.seen.printed.alone is not None

    @property
    def may_be_named(self) -> bool:
        """Whether neither print nor a code speaks against it."""
        return not self.contradicted and not self.contested

    @property
    def doubts(self) -> tuple[PrintedFact, ...]:
        """Amounts of the catalog that the photo has in view, and that were not settled: they bar a MATCH."""
        return self.seen.printed.doubts if self.seen.printed else ()

    @property
    def alike(self) -> bool:
        """Whether it looks like the photo, whatever print says."""
        return alike(self.seen)

    def agrees(self, *kinds: str) -> bool:
        """Whether print or a code agrees in one of `kinds`."""
        return self.seen.printed is not None and any(fact.kind in kinds for fact in self.seen.printed.agreements)


def contenders(verified: Sequence[Verified], *, pills: SeenPills | None = None) -> list[Contender]:
    """Products by their best image, of one photo; best first, contradicted ones behind comparable others.

    `pills`: the loose pills of the photo, of which their lane knows most; None: none were found.
    """
    images: dict[str, list[Verified]] = {}
    for each in sorted(verified, key=_order):
        images.setdefault(each.facts.sku, []).append(each)
    found = []
    for best, *others in images.values():
        printed = _united(best.verification, [each.verification for each in others], one_photo=True)
        judged = best
        if printed is not None:
            judged = best._replace(verification=replace(best.verification, printed=printed))
        odds = multi_view.log_odds(best.verification.probability)
        fits = None
        if pills is not None:
            photos = ((each.candidate, each.verification.similarity) for each in (best, *others))
            fits = pills.fit(photos, best.facts.attributes)
        found.append(Contender(judged, (odds,), fits))
    return sorted(found, key=_place)


def contenders_together(faces: Sequence[Sequence[Sequence[Verified]]]) -> list[Contender]:
    """The same of several photos of one package: face -> photo -> its candidates. See `multi_view`."""
    odds: dict[str, list[float]] = {}
    seen: dict[str, list[Verified]] = {}
    for number, photos in enumerate(faces):
        for verified in photos:
            for each in verified:
                sku, p = each.facts.sku, multi_view.log_odds(each.verification.probability)
                by_face = odds.setdefault(sku, [multi_view.log_odds(0.0)] * len(faces))
                by_face[number] = max(by_face[number], p)
                seen.setdefault(sku, []).append(each)
    found = []
    for sku, every in seen.items():
        best, *others = sorted(every, key=_order)
        p = multi_view.probability(multi_view.combined(odds[sku]))
        printed = _united(best.verification, [each.verification for each in others], one_photo=False)
        judged = best._replace(verification=replace(best.verification, probability=p, printed=printed))
        found.append(Contender(judged, tuple(odds[sku])))
    return sorted(found, key=_place)


def _order(v: Verified) -> tuple[float, float, float, int]:
    # Where probabilities saturate, geometry and then similarity say which is nearer.
    seen = v.verification
    return -round(seen.probability, 6), -round(seen.support), -seen.similarity, v.facts.id


def _place(contender: Contender) -> tuple[float, float, float, int]:
    best = contender.best
    if contender.contradicted:
        behind = multi_view.probability(multi_view.log_odds(contender.seen.probability) - _AGAINST)
        best = best._replace(verification=replace(best.verification, probability=behind))
    return _order(best)


# -- what print says of a product ------------------------------------------------------------------------------------


def _united(best: Verification, others: Sequence[Verification], *, one_photo: bool) -> PrintComparison | None:
    """What print says of all pairs of one product's images with the photo, or with all photos of the package.

    Places are kept where they lie on the picture that is shown: those of `best`, and of `one_photo` those on the photo.
    """
    found = [each.printed for each in (best, *others) if each.printed is not None]
    if not found:
        return None
    agreements, contradictions, doubts = [], [], []
    for one in found:
        elsewhere = [fact for other in found if other is not one for fact in other.agreements]
        own = one is best.printed
        agreements += [_placed(fact, own, one_photo) for fact in one.agreements]
        standing = (fact for fact in one.contradictions if not _contested(fact, elsewhere))
        contradictions += [_placed(fact, own, one_photo) for fact in standing]
        settled = {fact.kind for fact in elsewhere}
        doubts += [_placed(fact, own, one_photo) for fact in one.doubts if fact.kind not in settled]
    features, alone = (best.printed.features, best.printed.alone) if best.printed else ((), None)
    likeness = max(one.likeness for one in found)
    contested = next((one.contested for one in found if one.contested), "")
    agree, against, open_ = map(_each_once, (agreements, contradictions, doubts))
    return PrintComparison(agree, against, likeness, features, contested, alone, open_)


def _contested(fact: PrintedFact, elsewhere: Sequence[PrintedFact]) -> bool:
    """Whether the same thing was read elsewhere, agrees there, and was read with more confidence."""
    return fact.kind in _READ_AGAIN and any(
        other.kind == fact.kind and other.confidence > fact.confidence for other in elsewhere
    )


def _placed(fact: PrintedFact, own: bool, one_photo: bool) -> PrintedFact:
    photo = fact.photo_place if one_photo else None
    return replace(fact, photo_place=photo, catalog_place=fact.catalog_place if own else None)


def _each_once(facts: Sequence[PrintedFact]) -> tuple[PrintedFact, ...]:
    first: dict[tuple[str, str, str], PrintedFact] = {}
    for fact in facts:
        first.setdefault((fact.kind, fact.photo, fact.catalog), fact)
    return tuple(first.values())


# -- comparing products ----------------------------------------------------------------------------------------------


def foremost(found: Sequence[Contender]) -> Contender | None:
    """The best product that print and codes let an answer name; None where they rule all of them out."""
    return next((contender for contender in found if contender.may_be_named), None)


def best_looking(found: Sequence[Contender]) -> Contender:
    """The product that looks nearest, whatever print says: by points that agree, where there are many, or else by
    probability, in which print may have its part."""
    return max(found, key=lambda c: (c.seen.support if c.seen.support >= LIKE_POINTS else 0.0, c.seen.probability))


@dataclass(frozen=True)
class Thresholds:
    """The smallest probabilities, 0 to 1, of a product that may be named, by what its probability rests on."""

    match: float
    """On the appearance of packages alone."""
    match_print: float
    """On print, too."""
    match_alone: float = NOTHING
    """On print alone."""
    match_pills: float = NOTHING
    """On the appearance of loose pills."""

    def of(self, seen: Verification) -> float:
        """The one that counts for a pair."""
        if seen.printed is not None and seen.printed.alone is not None:
            return self.match_alone
        if seen.printed is not None and seen.printed.features:
            return self.match_print
        return self.match_pills if seen.loose_pills else self.match

    def met(self, seen: Verification) -> bool:
        """Whether a pair reaches its threshold, and what its probability rests on may name a product."""
        return seen.probability >= self.of(seen) and not lacking(seen) and not unseen(seen)


def lacking(seen: Verification) -> tuple[str, ...]:
    """What must have been read, and was not, before print alone names a product; empty where print is not alone.

    Siblings agree in nearly everything that is printed, and no picture tells them apart here.
    """
    printed = seen.printed
    return unread(printed.alone, printed) if printed is not None and printed.alone is not None else ()


def unread(alone: PrintAlone, printed: PrintComparison) -> tuple[str, ...]:
    """What print alone must say of a pair to name a product, and does not: name, strength, and form or pack."""
    kinds = {fact.kind for fact in printed.agreements}
    read = {
        "name": alone.named,
        "strength": "strength" in kinds,
        "form": bool(kinds & {"form", "pack", "volume"}),  # tablets and an injection may have one strength
    }
    return tuple(what for what, was_read in read.items() if not was_read)


def unseen(seen: Verification) -> bool:
    """Whether no picture speaks for a pair whose print was compared, and print alone, by its own measure, less.

    The fit of print adds to what pictures agree in. Where they agree in no face, two packages of one drug have most of
    their text in common: `print_alone` judges that, and asks for what tells them apart. A code needs no picture.
    """
    printed = seen.printed
    if printed is None or not printed.features or printed.alone is not None:
        return False
    pictured = seen.inliers >= _POINTS or printed.laid_out >= LAID_OUT
    return not pictured and not any(fact.kind in ("code", "case") for fact in printed.agreements)


def reaches(found: Sequence[Contender], thresholds: Thresholds) -> bool:
    """Whether the foremost product reaches its threshold, or one that differs from it by rounding alone."""
    first = foremost(found)
    if first is None:
        return False
    equal = (c for c in found if c.may_be_named and c.seen.probability >= first.seen.probability - _ROUNDING)
    return any(thresholds.met(c.seen) for c in equal)


def share(first: Contender, second: Contender) -> float:
    """The share of the probability that the second keeps beside the first, 0 to 1."""
    return multi_view.probability(-lead(first, second))


def lead(first: Contender, second: Contender) -> float:
    """Log-odds by which the first is ahead of the second."""
    return multi_view.lead(first.faces, second.faces)
