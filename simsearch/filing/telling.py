"""Cases in words: what is doubted, why, and what would mend it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simsearch.catalog.doubts import Clash, Doubt, DoubtedPhoto, DoubtKind, FilingAction
from simsearch.catalog.images import ImageFacts
from simsearch.core.print_wording import agreed, says_otherwise
from simsearch.core.text import title
from simsearch.core.types import PrintComparison, PrintedFact
from simsearch.filing.cases import PHOTO_FEATURES, TWICE_FEATURES, PhotoCase, TwiceCase, WordsCase
from simsearch.filing.evidence import ImageSeen
from simsearch.filing.filed import Filing
from simsearch.filing.keeping import Judged
from simsearch.filing.pill_words import KINDS as PILL_KINDS

_OWN, _MATES_ROW = PHOTO_FEATURES.index("own"), PHOTO_FEATURES.index("mates_row")
_TWO_STRENGTHS = TWICE_FEATURES.index("strengths")
_CLEARLY = 1.0
"""How much better one of two photos fits their row, where that tells which of them is wrong."""
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
        own = self.compare(case.image_id, case.own) if case.own is not None else None
        why = [self._beside_own(photo, case, own), self._beside_row(case.image_id), self._which(case)]
        action, to_sku, against = FilingAction.LEAVE_OUT, "", self._shown(case.own) if case.own is not None else None
        if one.kind is DoubtKind.OTHER_PRODUCT:
            to_sku = case.to_sku
            why = [self._beside_other(photo, case), *why[:2]]
            # The same file may be filed there already.
            there = {self.filing.images[i].sha256 for i in self.filing.groups.get(to_sku, ())}
            action = FilingAction.LEAVE_OUT if photo.sha256 in there else FilingAction.MOVE
            against = self._shown(case.other) if case.other is not None else against
        reason = "; ".join(filter(None, why)) or f"has nothing in common with the other photos of {photo.sku}"
        return Doubt(
            case.key(self.filing), one.kind, photo.sku, one.probability, reason, action, photo, against, to_sku,
            to_sku if action is FilingAction.MOVE else "", clashes=tuple(_clashes(own)),
        )  # fmt: skip

    def _beside_other(self, photo: DoubtedPhoto, case: PhotoCase) -> str:
        product = self.filing.products[case.to_sku]
        also = "it looks like its photo"
        if case.other is None:
            seen = self.seen[case.image_id].rows[case.to_sku]
            also = (
                f"it says its name{''.join(f' and {kind}' for kind in seen.agree)}, and there is no other photo of it"
            )
        elif words := agreed(self.compare(case.image_id, case.other)):
            also = words
        return f"fits {case.to_sku} ({title(product.name, product.strength)}) better than {photo.sku}: {also}"

    def _which(self, case: PhotoCase) -> str:
        """That the row does not tell which of two photos is wrong."""
        alone = len(self.filing.groups[self.filing.images[case.image_id].sku]) == 2
        if not alone or case.features[_MATES_ROW] >= _CLEARLY:
            return ""
        return "which of the two is wrong the row does not say"

    def _beside_own(self, photo: DoubtedPhoto, case: PhotoCase, printed: PrintComparison | None) -> str:
        if case.own is None:
            return ""
        mate = self._shown(case.own)
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
        keep, gone, because = self._kept(case.pair)
        a, b = case.best if self.filing.images[case.best[0]].sku == gone else case.best[::-1]
        printed = self.compare(a, b)
        names = {sku: title(self.filing.products[sku].name, self.filing.products[sku].strength) for sku in case.pair}
        also = "one file is filed under both" if case.same_file else agreed(printed) or "their photos look the same"
        reason = f"{gone} ({names[gone]}) and {keep} ({names[keep]}) are one product by all that was seen: {also}"
        reason += f"; {keep} stays: {because}"
        if case.features[_TWO_STRENGTHS]:
            reason += "; their rows say two strengths"
        return Doubt(
            case.key(self.filing), one.kind, gone, one.probability, reason, FilingAction.MERGE,
            self._shown(a), self._shown(b), keep, keep, clashes=tuple(_clashes(printed)),
        )  # fmt: skip

    def _kept(self, skus: tuple[str, str]) -> tuple[str, str, str]:
        """The SKU that stays, the one that goes, and why: the fuller row, then more photos, then the usual name."""
        kinds: tuple[tuple[Callable[[str], int], str], ...] = (
            (self._filled, "its row says more"),
            (lambda sku: len(self.filing.groups[sku]), "it has more photos"),
            (self.filing.commonness, "more SKUs of the catalog begin as it does"),
        )
        for worth, because in kinds:
            most, least = sorted(skus, key=lambda sku: (-worth(sku), sku))
            if worth(most) > worth(least):
                return most, least, because
        return min(skus), max(skus), "it comes first by name"

    def _filled(self, sku: str) -> int:
        """How many columns of its row say anything."""
        p = self.filing.products[sku]
        said = (p.name, p.strength, p.form, p.manufacturer, *map(str, p.attributes.values()))
        return sum(bool(text.strip()) for text in said)

    # -- rows --------------------------------------------------------------------------------------------------------

    def _words(self, one: Judged, case: WordsCase) -> Doubt:
        first = case.first(self.filing)
        ours, theirs = case.said[first]
        photo, count = self._shown(first), len(case.said)
        fact = self.places(first, case.kind)
        of = f"{count} of {len(self.filing.groups[case.sku])} photos" if count > 1 else photo.image
        verb = ("look" if case.kind in PILL_KINDS else "say") + "s" * (count == 1)
        reason = f"the row says {case.kind} {theirs!r}, {of} {verb} {ours!r}"
        clash = Clash(case.kind, ours, theirs, fact.photo_place if fact else None)
        return Doubt(
            case.key(self.filing), one.kind, case.sku, one.probability, reason, FilingAction.TABLE,
            photo, field=case.kind, clashes=(clash,),
        )  # fmt: skip

    def _shown(self, image_id: int) -> DoubtedPhoto:
        facts = self.facts[image_id]
        return DoubtedPhoto(image_id, facts.sku, facts.image, facts.path, facts.sha256)


def _clashes(printed: PrintComparison | None) -> list[Clash]:
    if printed is None:
        return []
    return [Clash(f.kind, f.photo, f.catalog, f.photo_place, f.catalog_place) for f in printed.contradictions[:_MOST]]
