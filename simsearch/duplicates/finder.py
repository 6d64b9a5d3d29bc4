"""The search for duplicates: candidate pairs of all lanes, each checked, then linked into groups and sorted by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from itertools import combinations, product

import numpy as np

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.catalog.reviews import ReviewVerdict, Side
from simsearch.core.config import DuplicateSettings, ImageSettings
from simsearch.core.print_wording import agreed, says_otherwise
from simsearch.core.text import basis, percent
from simsearch.core.threads import SingleThreaded
from simsearch.core.types import Progress, silent
from simsearch.duplicates.candidates import SelfJoin, candidate_pairs, mirror_pairs
from simsearch.duplicates.distinct_files import DistinctFiles, distinct_files
from simsearch.duplicates.keep import suggestion
from simsearch.duplicates.left_out import LeftOut
from simsearch.duplicates.linkage import CopySet, ReviewIndex, complete_linkage, copy_sets
from simsearch.duplicates.pair_check import PairChecker
from simsearch.duplicates.pair_evidence import PairCheck
from simsearch.duplicates.results import KINDS, DuplicateGroup, DuplicatePair, Findings, PairKind
from simsearch.features.base import Method
from simsearch.recognition.look_alikes import strength_difference
from simsearch.recognition.pair_scorer import PairScorer, StoredPrint

_SIDES = 20
"""SKUs of one file whose data are compared: of a file that is filed a thousand times, the first ones suffice."""


class DuplicateFinder:
    """Compares the catalog with itself."""

    def __init__(
        self,
        catalog: Catalog,
        methods: Mapping[str, Method],
        scorer: PairScorer,
        settings: DuplicateSettings,
        threshold: float,
        reading: ImageSettings,
        prints: StoredPrint | None = None,
        pills_threshold: float | None = None,
    ) -> None:
        """`threshold`: smallest probability of one product; `pills_threshold`: of loose pills, None: the same.

        `prints`: compares what the catalog holds of print; None: print has no say.
        """
        self.catalog, self.methods, self.scorer, self.prints = catalog, methods, scorer, prints
        self.settings, self.threshold, self.reading = settings, threshold, reading
        self.pills_threshold = threshold if pills_threshold is None else pills_threshold

    @SingleThreaded()
    def find(self, progress: Progress = silent, *, since: datetime | None = None) -> Findings:
        """All findings that nobody has settled; with `since`, only those with a photo that was added after it."""
        left_out = LeftOut()
        files = distinct_files(self.catalog, self.methods, left_out)
        new = None if since is None else self.catalog.selection.added_after(since)
        asked = None if new is None else files.of_images(new)
        join = SelfJoin(self.catalog, self.methods, self.settings, files, left_out, asked)
        pairs = candidate_pairs(join, progress)
        floor = min(self.threshold, self.pills_threshold, self.settings.look_alike)
        checker = PairChecker(join, self.scorer, self.reading, floor, self.prints)
        with closing(checker):
            checks: dict[tuple[int, int], PairCheck] = {}
            start = 0
            while start < len(pairs):
                found, start = checker.check_block(pairs, start)
                checks |= found
                progress(start, len(pairs), f"{len(checks)} pairs kept")
            if self.settings.mirrored:
                checks |= checker.mirror_images([pair for pair in mirror_pairs(join) if not _one_photo(checks, pair)])
            checks |= checker.through_copies(checks)
            groups, look_alikes, settled = self._grouped(files, checker, checks, new)
        compared = len(np.setdiff1d(files.members, np.fromiter(left_out.ids, np.int64, len(left_out))))
        without_print = checker.look.print.unread
        unread = len(checker.look.thumbnails.unread)
        return Findings(groups, look_alikes, compared, len(pairs), settled, len(left_out), unread, without_print)

    def _grouped(
        self,
        files: DistinctFiles,
        checker: PairChecker,
        checks: Mapping[tuple[int, int], PairCheck],
        new: AbstractSet[int] | None,
    ) -> tuple[tuple[DuplicateGroup, ...], tuple[DuplicatePair, ...], int]:
        """Groups, look-alikes and the number of settled groups.

        Linkage reads keypoints that no earlier step needed. If some are damaged, it starts again without that file.
        """
        while True:
            grouping = _Grouping(self, files, checker, checks, new)
            left_out = len(checker.left_out)
            groups, settled = grouping.groups()
            if len(checker.left_out) == left_out:
                return groups, grouping.look_alikes(groups), settled


class _Grouping:
    """Turns the checks of pairs of files into groups of images and pairs of look-alikes."""

    def __init__(
        self,
        finder: DuplicateFinder,
        files: DistinctFiles,
        checker: PairChecker,
        checks: Mapping[tuple[int, int], PairCheck],
        new: AbstractSet[int] | None,
    ) -> None:
        """`new`: images of which a finding must have one; None: any will do."""
        self.checker, self.sizes = checker, files.sizes
        self.threshold, self.pills_threshold = finder.threshold, finder.pills_threshold
        self.look_alike = finder.settings.look_alike
        self.reviews = ReviewIndex(finder.catalog.reviews.all())
        self.new = new
        used = sorted({file for pair in checks for file in pair}.union(files.copied()))
        ids = [i for file in used for i in files.images(file) if i not in checker.left_out]
        facts = finder.catalog.images.facts(ids)
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
        return self.pills_threshold if check.verification.loose_pills else self.threshold

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
            return DuplicatePair(a, b, None, PairKind.IDENTICAL, _and("the same file", differs), said)
        kind = PairKind.SAME_PHOTO if check.evidence.photo or check.evidence.overlaid else PairKind.SAME_PRODUCT
        reason = _and(_basis(check), _print(check, a, b), differs)
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
            if not check.evidence.photo and check.verification.probability < self.look_alike:
                continue
            crossing = ((x, y) for x in self.copy_sets[a] for y in self.copy_sets[b])
            pair = next(filter(None, (self._apart(x, y, home) for x, y in crossing)), None)
            if pair is None or not self._wanted(pair):
                continue
            reason = _and(self._why_not(check, *pair), _basis(check))
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
            return _print(check, a, b)
        if check.verification.probability < self._least(check) and not check.evidence.photo:
            return f"below the threshold of {percent(self._least(check))}"
        return (
            strength_difference(a, b)
            or ("another print" if check.evidence.printed else "")
            or "not alike enough to the others of a group"
        )


def _one_photo(checks: Mapping[tuple[int, int], PairCheck], pair: tuple[int, int]) -> bool:
    return pair in checks and checks[pair].evidence.photo is not None


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


def _and(*words: str) -> str:
    return "; ".join(filter(None, words))


def _print(check: PairCheck, a: ImageFacts, b: ImageFacts) -> str:
    """In words, what print says of a pair; "" where it says nothing."""
    printed = check.verification.printed
    if printed is not None and printed.contradictions:
        return says_otherwise(printed, b.sku, photo=a.sku)
    return agreed(printed)


def _basis(check: PairCheck) -> str:
    """In words, the evidence that the kind of a pair rests on."""
    evidence = check.evidence
    if evidence.overlaid:
        share = f" over {evidence.differing:.1%} of it" if evidence.photo else " over one of the two"
        return f"one photo with something drawn{share}: pixels agree everywhere else"
    if evidence.photo:
        return f"one photo, {evidence.photo.words}: {'pixels' if evidence.seen else 'keypoints'} agree all over"
    if evidence.place:
        share = f"{evidence.differing:.1%}" if evidence.differing >= 0.001 else "a speck"
        return f"one photo but for {share} of it: compare what is printed there"
    return basis(check.verification)
