"""The results of a search for duplicates: pairs with their kind, groups of images, and look-alikes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from simsearch.catalog.images import ImageFacts
from simsearch.catalog.reviews import ReviewVerdict
from simsearch.core.types import Verification
from simsearch.duplicates.pixel_diff import Box

PHOTO_PROBABILITY = 0.999
"""Least probability of a pair that shows one photo. The network may be unsure of a small crop."""


class PairKind(StrEnum):
    """How two images are alike; the closest kind stands first."""

    IDENTICAL = "identical"
    """Byte for byte the same file."""
    SAME_PHOTO = "same-photo"
    """One photo, re-encoded, resized, cropped, turned or brightened."""
    SAME_PRODUCT = "same-product"
    """Two photos of one product."""
    LOOK_ALIKE = "look-alike"
    """Alike, but no duplicate: the probability is below the threshold, the catalog states another strength, the
    photos are equal except for the print in one place, or what was read on them contradicts."""


KINDS = tuple(PairKind)
DUPLICATES = (PairKind.IDENTICAL, PairKind.SAME_PHOTO, PairKind.SAME_PRODUCT)


@dataclass(frozen=True)
class DuplicatePair:
    """Two images and how they are alike."""

    a: ImageFacts
    b: ImageFacts
    verification: Verification | None
    """None for identical files, which need no comparison."""
    kind: PairKind = PairKind.SAME_PRODUCT
    reason: str = ""
    """The evidence for the kind, in words."""
    said: ReviewVerdict | None = None
    """The review of the pair; None without one."""
    places: tuple[Box, Box] | None = None
    """The box in a and the box in b that differ; set if the photos are equal everywhere else."""

    @property
    def identical_file(self) -> bool:
        """Whether both are the same file, byte for byte."""
        return self.a.sha256 == self.b.sha256

    @property
    def conflict(self) -> bool:
        """Whether the two are filed under different SKUs."""
        return self.a.sku != self.b.sku

    @property
    def probability(self) -> float:
        """Probability that both show the same product, 0 to 1."""
        if self.verification is None:
            return 1.0
        least = PHOTO_PROBABILITY if self.kind is PairKind.SAME_PHOTO else 0.0
        return max(self.verification.probability, least)


@dataclass(frozen=True)
class DuplicateGroup:
    """Images that all show one product: every two of them hold as a pair."""

    images: tuple[ImageFacts, ...]
    """Ascending by id."""
    pairs: tuple[DuplicatePair, ...]
    """Every two different files, each by its first image, and every further copy of a file with its first."""
    keep: int | None = None
    """Id of the image that is the best to keep: a suggestion, see `keep.suggestion`."""
    keep_reason: str = ""
    """Why that one, in words."""

    @property
    def skus(self) -> tuple[str, ...]:
        """The distinct SKUs, in the order of `images`."""
        return tuple(dict.fromkeys(image.sku for image in self.images))

    @property
    def conflict(self) -> bool:
        """Whether the group spans several SKUs."""
        return len(self.skus) > 1

    @property
    def probability(self) -> float:
        """Of the weakest pair that nobody has confirmed, or of the weakest pair if all are confirmed."""
        unconfirmed = [p.probability for p in self.pairs if p.said is not ReviewVerdict.CONFIRMED]
        return min(unconfirmed or [p.probability for p in self.pairs])

    @property
    def kind(self) -> PairKind:
        """The closest kind among pairs of different SKUs; among all pairs if the group has one SKU."""
        kinds = [p.kind for p in self.pairs if p.conflict or not self.conflict]
        return min(kinds or [p.kind for p in self.pairs], key=KINDS.index)


@dataclass(frozen=True)
class Findings:
    """What one search found and nobody has settled yet."""

    groups: tuple[DuplicateGroup, ...]
    """Groups with several SKUs first, then by kind, then by falling probability."""
    look_alikes: tuple[DuplicatePair, ...]
    """Pairs of different SKUs, most probable first."""
    images: int
    """Number of images compared with each other."""
    candidate_pairs: int
    """Number of pairs of files that at least one lane proposed."""
    settled: int
    """Number of groups that are not listed because people have reviewed all of their pairs."""
    left_out: int = 0
    """Number of images left out: a descriptor is damaged, or the image was retired while the search ran."""
    unread: int = 0
    """Number of files that could not be read to compare their pixels; their keypoints decided."""
    without_print: int = 0
    """Number of distinct files whose print was not read: siblings that differ in print alone may be in one group."""

    def only(self, kinds: Iterable[PairKind], *, conflicts: bool = False) -> Findings:
        """The findings of these kinds; with `conflicts`, only groups with several SKUs."""
        wanted = set(kinds)
        groups = tuple(g for g in self.groups if g.kind in wanted and (g.conflict or not conflicts))
        alike = self.look_alikes if PairKind.LOOK_ALIKE in wanted else ()
        return replace(self, groups=groups, look_alikes=alike)


def without_print(found: Findings) -> str:
    """A caution where print was not read; "" where it was."""
    if not found.without_print:
        return ""
    some = f"of {found.without_print} of the files" if found.without_print < found.images else "of the files"
    return f"print {some} was not read: siblings that differ in print alone may be in one group"
