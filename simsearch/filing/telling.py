"""Cases in words: what is doubted, why, and what would mend it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from simsearch.catalog.doubts import Clash, Doubt, DoubtedPhoto, DoubtKind, FilingAction
from simsearch.catalog.images import ImageFacts
from simsearch.core.print_wording import agreed, says_otherwise
from simsearch.core.text import title
from simsearch.core.types import PrintComparison, PrintedFact
from simsearch.filing.arbiter import Judged
from simsearch.filing.cases import PHOTO_FEATURES, TWICE_FEATURES, PhotoCase, TwiceCase, WordsCase
from simsearch.filing.evidence import ImageSeen
from simsearch.filing.seeing import Filing

_OWN, _TWO_STRENGTHS = PHOTO_FEATURES.index("own"), TWICE_FEATURES.index("strengths")
_MOST = 6
"""Contradictions of one doubt that are told."""
Compare = Callable[[int, int], PrintComparison | None]
"""What print says of two images."""
Places = Callable[[int, str], PrintedFact | None]
"""The fact of a kind in which a photo contradicts its row, with its place."""


@dataclass(frozen=True, eq=False)
class Teller:
    """Tells judged cases of one catalog."""

    filing: Filing
    facts: Mapping[int, ImageFacts]
    """Of all images that the cases name."""
    seen: Mapping[int, ImageSeen]
    compare: Compare
    places: Places

    def doubt(self, one: Judged) -> Doubt:
        """The doubt."""
        if isinstance(one.case, PhotoCase):
            return self._photo(one, one.case)
        if isinstance(one.case, TwiceCase):
            return self._twice(one, one.case)
        return self._words(one, one.case)

    # -- photos ------------------------------------------------------------------------------------------------------

    def _photo(self, one: Judged, case: PhotoCase) -> Doubt:
        photo = self._shown(case.image_id)
        own = self.compare(case.image_id, case.own.other) if case.own else None
        why = [self._beside_own(photo, case, own), self._beside_row(case.image_id)]
        action, to_sku, against = FilingAction.LEAVE_OUT, "", self._shown(case.own.other) if case.own else None
        clashes = list(_clashes(own))
        if one.kind is DoubtKind.OTHER_PRODUCT and case.other is not None:
            other = self.facts[case.other.other]
            printed = self.compare(case.image_id, case.other.other)
            also = agreed(printed) or "it looks like its photo"
            why = [f"fits {other.sku} ({other.title}) better than {photo.sku}: {also}", *why]
            # The same file may be filed there already.
            there = {self.filing.images[i].sha256 for i in self.filing.groups[other.sku]}
            to_sku = other.sku
            action = FilingAction.LEAVE_OUT if photo.sha256 in there else FilingAction.MOVE
            against = self._shown(case.other.other)
        reason = "; ".join(filter(None, why)) or f"has nothing in common with the other photos of {photo.sku}"
        return Doubt(
            f"photo|{photo.sku}|{photo.sha256}", one.kind, photo.sku, one.probability, reason, action, photo, against,
            to_sku if to_sku else "", to_sku if action is FilingAction.MOVE else "", clashes=tuple(clashes[:_MOST]),
        )  # fmt: skip

    def _beside_own(self, photo: DoubtedPhoto, case: PhotoCase, printed: PrintComparison | None) -> str:
        if case.own is None:
            return ""
        mate = self._shown(case.own.other)
        if printed is not None and printed.contradictions:
            return says_otherwise(printed, f"{mate.image} of {photo.sku}", photo=photo.image)
        if case.features[_OWN] < 0:
            return f"has next to nothing in common with {mate.image} of {photo.sku}"
        return ""

    def _beside_row(self, image_id: int) -> str:
        row, sku = self.seen[image_id].row, self.filing.images[image_id].sku
        product = self.filing.products[sku]
        told = [f"{kind} {ours!r}, its row {theirs!r}" for kind, ours, theirs in row.against]
        if told:
            return f"the photo says {told[0]}"
        if self.seen[image_id].read and not row.name and product.name:
            return f"{title(product.name, product.strength)!r} is not read on it"
        return ""

    # -- pairs of SKUs -----------------------------------------------------------------------------------------------

    def _twice(self, one: Judged, case: TwiceCase) -> Doubt:
        keep, gone = self._kept(case.skus)
        a, b = case.best if self.filing.images[case.best[0]].sku == gone else case.best[::-1]
        printed = self.compare(a, b)
        names = {sku: title(self.filing.products[sku].name, self.filing.products[sku].strength) for sku in case.skus}
        also = "one file is filed under both" if case.same_file else agreed(printed) or "their photos look the same"
        reason = f"{gone} ({names[gone]}) and {keep} ({names[keep]}) are one product by all that was seen: {also}"
        if case.features[_TWO_STRENGTHS]:
            reason += "; their rows say two strengths"
        return Doubt(
            f"twice|{case.skus[0]}|{case.skus[1]}", one.kind, gone, one.probability, reason, FilingAction.MERGE,
            self._shown(a), self._shown(b), keep, keep, clashes=tuple(_clashes(printed)),
        )  # fmt: skip

    def _kept(self, skus: tuple[str, str]) -> tuple[str, str]:
        """The SKU that stays and the one that goes: more photos first, then the fuller row, then the first by name."""

        def worth(sku: str) -> tuple[int, int]:
            p = self.filing.products[sku]
            said = (p.name, p.strength, p.form, p.manufacturer, *map(str, p.attributes.values()))
            return len(self.filing.groups[sku]), sum(bool(text.strip()) for text in said)

        keep = min(skus, key=lambda sku: (*(-n for n in worth(sku)), sku))
        return keep, skus[1] if keep == skus[0] else skus[0]

    # -- rows --------------------------------------------------------------------------------------------------------

    def _words(self, one: Judged, case: WordsCase) -> Doubt:
        first = min(case.said, key=self.filing.rank)
        ours, theirs = case.said[first]
        photo, count = self._shown(first), len(case.said)
        fact = self.places(first, case.kind)
        of = f"{count} of {len(self.filing.groups[case.sku])} photos" if count > 1 else photo.image
        reason = f"the row says {case.kind} {theirs!r}, {of} {'say' if count > 1 else 'says'} {ours!r}"
        clash = Clash(case.kind, ours, theirs, fact.photo_place if fact else None)
        about = sha256(theirs.encode()).hexdigest()[:16]
        return Doubt(
            f"words|{case.sku}|{case.kind}|{about}", one.kind, case.sku, one.probability, reason, FilingAction.TABLE,
            photo, field=case.kind, clashes=(clash,),
        )  # fmt: skip

    def _shown(self, image_id: int) -> DoubtedPhoto:
        facts = self.facts[image_id]
        return DoubtedPhoto(image_id, facts.sku, facts.image, facts.path, facts.sha256)


def _clashes(printed: PrintComparison | None) -> list[Clash]:
    if printed is None:
        return []
    return [Clash(f.kind, f.photo, f.catalog, f.photo_place, f.catalog_place) for f in printed.contradictions[:_MOST]]
