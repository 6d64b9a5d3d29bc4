"""From the checks of pairs of files to groups of images and pairs of look-alikes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import combinations, product
from typing import NamedTuple

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.catalog.reviews import ReviewVerdict, Side
from simsearch.core.text import percent
from simsearch.duplicates.distinct_files import DistinctFiles
from simsearch.duplicates.keep import suggestion
from simsearch.duplicates.linkage import CopySet, ReviewIndex, complete_linkage, copy_sets
from simsearch.duplicates.pair_check import PairChecker
from simsearch.duplicates.pair_evidence import PairCheck
from simsearch.duplicates.reasons import and_also, print_says, rests_on
from simsearch.duplicates.results import KINDS, DuplicateGroup, DuplicatePair, PairKind
from simsearch.recognition.look_alikes import strength_difference

_SIDES = 20
"""SKUs of one file whose data are compared: of a file that is filed a thousand times, the first ones suffice."""


class Least(NamedTuple):
    """The smallest probability of one product with which a pair counts."""

    packages: float
    pills: float
    look_alike: float


class Grouping:
    """Turns the checks of pairs of files into groups of images and pairs of look-alikes."""

    def __init__(
        self,
        catalog: Catalog,
        files: DistinctFiles,
        checker: PairChecker,
        checks: Mapping[tuple[int, int], PairCheck],
        least: Least,
        new: AbstractSet[int] | None,
    ) -> None:
        """`new`: images of which a finding must have one; None: any will do."""
        self.checker, self.sizes, self.least, self.new = checker, files.sizes, least, new
        self.reviews = ReviewIndex(catalog.reviews.all())
        used = sorted({file for pair in checks for file in pair}.union(files.copied()))
        ids = [i for file in used for i in files.images(file) if i not in checker.left_out]
        facts = catalog.images.facts(ids)
        checker.left_out.add(i for i in ids if i not in facts)  # retired since the search began
        # Per file: SKU and content -> the images filed there, ascending by id.
        self.copies = {file: _filed(files.images(file), facts) for file in used}
        self.checks = {pair: check for pair, check in checks.items() if all(self.copies[file] for file in pair)}
        self.copy_sets = {file: copy_sets(file, sides, self.reviews) for file, sides in self.copies.items()}
        self.file_of = {side.sha256: file for file, sides in self.copies.items() for side in sides}

    # -- groups ------------------------------------------------------------------------------------------------------

    def groups(self) -> tuple[tuple[DuplicateGroup, ...], int]:
        """The groups to list, in order, and the number of groups that people have settled."""
        ranked = sorted(self.checks.items(), key=lambda item: (-_strength(item[1]), item[0]))
        crossing = ((x, y) for (a, b), _ in ranked for x in self.copy_sets[a] for y in self.copy_sets[b])
        linked = complete_linkage([pair for pair in crossing if self._same(*pair, known=True)], self._same)
        inside = {copies for members in linked for copies in members}
        alone = ([copies] for sets in self.copy_sets.values() for copies in sets if copies not in inside)
        copied = (members for members in alone if len(self._images(members[0])) > 1)
        made = [self._group(members) for members in [*linked, *copied]]
        unsettled = [g for g in made if not self._settled(g)]
        wanted = [g for g in unsettled if self._wanted(g.images)]
        wanted.sort(key=lambda g: (not g.conflict, KINDS.index(g.kind), -round(g.probability, 6), g.images[0].id))
        return tuple(wanted), len(made) - len(unsettled)

    def _same(self, x: CopySet, y: CopySet, *, known: bool = False) -> bool:
        """Whether the two may share a group. `known`: by an earlier check, even if it was not thorough."""
        if x.file == y.file or self.reviews.dismissed(x.sides, y.sides):
            return False
        if self.reviews.confirmed(x.sides, y.sides):
            return True
        check = self._check(x.file, y.file, known=known)
        if check is None or check.verification.contradicted:
            return False
        return self._holds(check, x, y) or self._drawn_over(x, y)

    def _holds(self, check: PairCheck, x: CopySet, y: CopySet) -> bool:
        return check.evidence.photo is not None or (
            check.verification.probability >= self._least(check)
            and not check.evidence.printed
            and not self._differs(x.sides, y.sides)
        )

    def _drawn_over(self, x: CopySet, y: CopySet) -> bool:
        """Whether the two belong together by way of a photo that lacks what is drawn over either of them."""
        over = self.checker.copies.drawn_over
        if x.file not in over and y.file not in over:
            return False
        for a, b in product(*((file, *sorted(over.get(file, ()))) for file in (x.file, y.file))):
            if a == b:
                return True
            check = None if (a, b) == (x.file, y.file) else self._check(a, b)
            if check is not None and not check.verification.contradicted and self._holds(check, x, y):
                return True
        return False

    def _least(self, check: PairCheck) -> float:
        """The smallest probability with which a pair shows one product."""
        return self.least.pills if check.verification.loose_pills else self.least.packages

    def _check(self, a: int, b: int, *, known: bool = False) -> PairCheck | None:
        key = (a, b) if a < b else (b, a)
        check = self.checks.get(key)
        if check is None or not (known or check.thorough):
            roots = self.checker.roots(*key)
            if roots is None or roots == key:
                check = self.checker.check(*key)
            else:  # what holds of two photos holds of their copies
                of_roots = self._check(*roots)
                check = of_roots and replace(of_roots, evidence=replace(of_roots.evidence, photo=None, place=None))
            if check is not None:
                self.checks[key] = check
        return check

    def _differs(self, left: Sequence[Side], right: Sequence[Side]) -> bool:
        """Whether the catalog states different strengths for every SKU of `left` and every SKU of `right`."""
        pairs = ((self._first(x), self._first(y)) for x in left[:_SIDES] for y in right[:_SIDES])
        return all(strength_difference(x, y) for x, y in pairs)

    def _images(self, copies: CopySet) -> list[ImageFacts]:
        """Ascending by id."""
        images = [image for side in copies.sides for image in self.copies[copies.file][side]]
        return sorted(images, key=lambda image: image.id)

    def _first(self, side: Side) -> ImageFacts:
        return self.copies[self.file_of[side.sha256]][side][0]

    def _group(self, members: Sequence[CopySet]) -> DuplicateGroup:
        sets = sorted(((self._images(copies), copies) for copies in members), key=lambda pair: pair[0][0].id)
        pairs = [self._pair(images[0], image, None) for images, _ in sets for image in images[1:]]
        for (left, x), (right, y) in combinations(sets, 2):
            check = self._check(x.file, y.file)
            if check is not None:  # else `_grouped` starts again
                if not self._holds(check, x, y) and self._drawn_over(x, y):
                    check = replace(check, evidence=replace(check.evidence, overlaid=True))
                a, b = (left[0], right[0]) if x.file < y.file else (right[0], left[0])  # as they were checked
                pairs.append(self._pair(a, b, check))
        images = sorted((image for found, _ in sets for image in found), key=lambda image: image.id)
        sizes = {image.id: self._size(image) for image in images}
        return DuplicateGroup(tuple(images), tuple(pairs), *suggestion(images, sizes))

    def _size(self, image: ImageFacts) -> tuple[int, int]:
        width, height = self.sizes[self.file_of[image.sha256]].tolist()
        return int(width), int(height)

    def _pair(self, a: ImageFacts, b: ImageFacts, check: PairCheck | None) -> DuplicatePair:
        """`check`: None for two copies of one file."""
        said, differs = self.reviews.said(_side(a), _side(b)), strength_difference(a, b)
        if check is None:
            return DuplicatePair(a, b, None, PairKind.IDENTICAL, and_also("the same file", differs), said)
        kind = PairKind.SAME_PHOTO if check.evidence.photo or check.evidence.overlaid else PairKind.SAME_PRODUCT
        reason = and_also(rests_on(check), print_says(check, a, b), differs)
        return DuplicatePair(a, b, check.verification, kind, reason, said, check.evidence.place)

    def _settled(self, group: DuplicateGroup) -> bool:
        """Whether people have confirmed every pair, or in a conflict every pair of different SKUs.

        Copies of one file under one SKU are settled by any review of them.
        """
        sides = list(dict.fromkeys(map(_side, group.images)))
        if len(sides) == 1:
            return self.reviews.said(sides[0], sides[0]) is not None
        pairs = ((x, y) for x, y in combinations(sides, 2) if x.sku != y.sku or not group.conflict)
        return all(self.reviews.said(x, y) is ReviewVerdict.CONFIRMED for x, y in pairs)

    def _wanted(self, images: Sequence[ImageFacts]) -> bool:
        return self.new is None or any(image.id in self.new for image in images)

    # -- look-alikes -------------------------------------------------------------------------------------------------

    def look_alikes(self, groups: Sequence[DuplicateGroup]) -> tuple[DuplicatePair, ...]:
        """Pairs of different SKUs that look alike and share no group, most probable first."""
        home = {_side(image): number for number, group in enumerate(groups) for image in group.images}
        found = []
        for (a, b), check in self.checks.items():
            if not check.evidence.photo and check.verification.probability < self.least.look_alike:
                continue
            crossing = ((x, y) for x in self.copy_sets[a] for y in self.copy_sets[b])
            pair = next(filter(None, (self._apart(x, y, home) for x, y in crossing)), None)
            if pair is None or not self._wanted(pair):
                continue
            reason = and_also(self._why_not(check, *pair), rests_on(check))
            found.append(
                DuplicatePair(*pair, check.verification, PairKind.LOOK_ALIKE, reason, None, check.evidence.place)
            )  # fmt: skip
        return tuple(sorted(found, key=lambda p: (-round(p.probability, 6), p.a.id, p.b.id)))

    def _apart(self, x: CopySet, y: CopySet, home: Mapping[Side, int]) -> tuple[ImageFacts, ImageFacts] | None:
        """An image of each, of different SKUs without a review; None if one group holds every such pair."""
        for a in x.sides[:_SIDES]:
            for b in y.sides[:_SIDES]:
                together = a in home and home[a] == home.get(b)
                if a.sku != b.sku and not together and self.reviews.said(a, b) is None:
                    return self._first(a), self._first(b)
        return None

    def _why_not(self, check: PairCheck, a: ImageFacts, b: ImageFacts) -> str:
        if check.verification.contradicted:
            return print_says(check, a, b)
        if check.verification.probability < self._least(check) and not check.evidence.photo:
            return f"below the threshold of {percent(self._least(check))}"
        return (
            strength_difference(a, b)
            or ("another print" if check.evidence.printed else "")
            or "not alike enough to the others of a group"
        )


def _filed(images: Sequence[int], facts: Mapping[int, ImageFacts]) -> dict[Side, list[ImageFacts]]:
    found: dict[Side, list[ImageFacts]] = {}
    for image in images:
        if image in facts:
            found.setdefault(_side(facts[image]), []).append(facts[image])
    return found


def _strength(check: PairCheck) -> float:
    return check.verification.probability + (check.evidence.photo is not None)


def _side(image: ImageFacts) -> Side:
    return Side(image.sku, image.sha256)
