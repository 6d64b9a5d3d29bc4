"""What a search for duplicates finds: pairs of a kind, groups of pairs, and look-alikes that are none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from simsearch.catalog.images import ImageFacts
from simsearch.catalog.reviews import Said
from simsearch.core.types import Verification
from simsearch.duplicates.pixel_diff import Box

PHOTO_PROBABILITY = 0.999
"""Least probability of a pair that shows one photo: the network may doubt a small crop, the keypoints do not."""


class Kind(StrEnum):
    """How two images are alike, closest first."""

    IDENTICAL = "identical"
    """Byte for byte the same file."""
    SAME_PHOTO = "same-photo"
    """One photo, re-encoded, resized, cropped, turned or brightened."""
    SAME_PRODUCT = "same-product"
    """Two photos of one product."""
    LOOK_ALIKE = "look-alike"
    """Alike, and not to be taken for duplicates: too uncertain, of another strength by the catalog's own data, or one
    photo but for what is printed in one place."""


KINDS = tuple(Kind)
DUPLICATES = (Kind.IDENTICAL, Kind.SAME_PHOTO, Kind.SAME_PRODUCT)


@dataclass(frozen=True)
class DuplicatePair:
    """Two images and how they are alike."""

    a: ImageFacts
    b: ImageFacts
    verification: Verification | None
    """None for identical files: nothing needs comparing."""
    kind: Kind = Kind.SAME_PRODUCT
    reason: str = ""
    """In words, what the kind rests on."""
    said: Said | None = None
    """What a person said of it."""
    places: tuple[Box, Box] | None = None
    """Where a and b differ, which are one photo in all else."""

    @property
    def identical_file(self) -> bool:
        """Byte for byte the same photo."""
        return self.a.sha256 == self.b.sha256

    @property
    def conflict(self) -> bool:
        """Whether the two are filed under different SKUs."""
        return self.a.sku != self.b.sku

    @property
    def probability(self) -> float:
        """That both show the same product, 0 to 1."""
        if self.verification is None:
            return 1.0
        least = PHOTO_PROBABILITY if self.kind is Kind.SAME_PHOTO else 0.0
        return max(self.verification.probability, least)


@dataclass(frozen=True)
class DuplicateGroup:
    """Images of which every two show the same product."""

    images: tuple[ImageFacts, ...]
    """By id."""
    pairs: tuple[DuplicatePair, ...]
    """Every two different files, each by its first image; and every further copy of a file with the first."""

    @property
    def skus(self) -> tuple[str, ...]:
        """Distinct, in order."""
        return tuple(dict.fromkeys(image.sku for image in self.images))

    @property
    def conflict(self) -> bool:
        """Whether one thing is filed under several SKUs."""
        return len(self.skus) > 1

    @property
    def probability(self) -> float:
        """Of the weakest pair that nobody confirmed; of the weakest where all are."""
        open_ones = [p.probability for p in self.pairs if p.said is not Said.CONFIRMED]
        return min(open_ones or [p.probability for p in self.pairs])

    @property
    def kind(self) -> Kind:
        """The closest likeness between two SKUs; within one SKU where there is but one."""
        kinds = [p.kind for p in self.pairs if p.conflict or not self.conflict]
        return min(kinds or [p.kind for p in self.pairs], key=KINDS.index)


@dataclass(frozen=True)
class Findings:
    """All that one search found and nobody has settled yet."""

    groups: tuple[DuplicateGroup, ...]
    """Those with several SKUs first, then the closest kinds, then the surest."""
    look_alikes: tuple[DuplicatePair, ...]
    """Most probable first; only of different SKUs."""
    images: int
    """Compared with each other."""
    suspected: int
    """Pairs that some lane suspected."""
    settled: int
    """Groups that are left out because a person confirmed them."""

    def only(self, kinds: Iterable[Kind], *, conflicts: bool = False) -> Findings:
        """The part of these kinds; with `conflicts`, of groups with several SKUs."""
        wanted = set(kinds)
        groups = tuple(g for g in self.groups if g.kind in wanted and (g.conflict or not conflicts))
        alike = self.look_alikes if Kind.LOOK_ALIKE in wanted else ()
        return Findings(groups, alike, self.images, self.suspected, self.settled)
