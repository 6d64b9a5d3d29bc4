"""The search for duplicates: candidate pairs of all lanes, each checked, then linked into groups and sorted by kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import cached_property
from itertools import combinations

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.catalog.reviews import Said, Side
from simsearch.core.config import DuplicateSettings, ImageSettings
from simsearch.duplicates.candidates import SelfJoin, candidate_pairs
from simsearch.duplicates.distinct_files import DistinctFiles, distinct_files
from simsearch.duplicates.linkage import CopySet, ReviewIndex, complete_linkage, copy_sets
from simsearch.duplicates.pair_check import PairCheck, PairChecker
from simsearch.duplicates.results import KINDS, DuplicateGroup, DuplicatePair, Findings, Kind
from simsearch.features.base import Method
from simsearch.recognition.look_alikes import strength_difference
from simsearch.recognition.verification import Verifier

Progress = Callable[[int, int, str], None]
_SIDES = 20
"""SKUs of one file whose data are compared: of a file that is filed a thousand times, the first ones suffice."""


class DuplicateFinder:
    """Compares the catalog with itself."""

    def __init__(
        self,
        catalog: Catalog,
        methods: Mapping[str, Method],
        verifier: Verifier,
        settings: DuplicateSettings,
        threshold: float,
        reading: ImageSettings,
    ) -> None:
        self.catalog, self.methods, self.verifier = catalog, methods, verifier
        self.settings, self.threshold, self.reading = settings, threshold, reading

    def find(self, progress: Progress = lambda done, total, text: None, *, since: datetime | None = None) -> Findings:
        """All findings that nobody has settled; with `since`, only those with a photo that was added after it."""
        files = distinct_files(self.catalog, self.methods)
        pairs = candidate_pairs(SelfJoin(self.catalog, self.methods, self.settings, files), progress)
        floor = min(self.threshold, self.settings.look_alike)
        with closing(PairChecker(self.catalog, self.verifier, self.settings, self.reading, files, floor)) as checker:
            checks: dict[tuple[int, int], PairCheck] = {}
            start = 0
            while start < len(pairs):
                found, start = checker.check_block(pairs, start)
                checks |= found
                progress(start, len(pairs), f"{len(checks)} pairs kept")
            grouping = _Grouping(self, files, checker, checks, since)
            groups, settled = grouping.groups()
            return Findings(groups, grouping.look_alikes(groups), sum(map(_images, files.copies)), len(pairs), settled)


def _images(sides: Mapping[Side, tuple[int, ...]]) -> int:
    return sum(map(len, sides.values()))


class _Grouping:
    """Turns the checks of pairs of files into groups of images and pairs of look-alikes."""

    def __init__(
        self,
        finder: DuplicateFinder,
        files: DistinctFiles,
        checker: PairChecker,
        checks: dict[tuple[int, int], PairCheck],
        since: datetime | None,
    ) -> None:
        self.files, self.checker, self.checks = files, checker, checks
        self.threshold, self.look_alike = finder.threshold, finder.settings.look_alike
        self.reviews = ReviewIndex(finder.catalog.reviews.all())
        self.new = None if since is None else finder.catalog.selection.added_after(since)
        self.copied = [file for file, sides in enumerate(files.copies) if _images(sides) > 1]
        used = {file for pair in checks for file in pair} | set(self.copied)
        self.facts = finder.catalog.images.facts(i for file in used for ids in files.copies[file].values() for i in ids)
        self.copy_sets = {file: copy_sets(file, files.copies[file], self.reviews) for file in used}

    @cached_property
    def _file_of(self) -> dict[str, int]:
        return {next(iter(self.files.copies[file])).sha256: file for file in self.copy_sets}

    # -- groups ------------------------------------------------------------------------------------------------------

    def groups(self) -> tuple[tuple[DuplicateGroup, ...], int]:
        """The groups to list, in order, and the number of groups that people have settled."""
        ranked = sorted(self.checks.items(), key=lambda item: (-_strength(item[1]), item[0]))
        crossing = ((x, y) for (a, b), _ in ranked for x in self.copy_sets[a] for y in self.copy_sets[b])
        linked = complete_linkage([pair for pair in crossing if self._same(*pair, known=True)], self._same)
        inside = {copies for members in linked for copies in members}
        alone = (copies for file in self.copied for copies in self.copy_sets[file] if copies not in inside)
        made = [self._group(members) for members in [*linked, *([c] for c in alone if len(self._ids(c)) > 1)]]
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
        return check.evidence.photo is not None or (
            check.verification.probability >= self.threshold
            and not check.evidence.printed
            and not self._differs(x.sides, y.sides)
        )

    def _check(self, a: int, b: int, *, known: bool = False) -> PairCheck:
        key = (a, b) if a < b else (b, a)
        check = self.checks.get(key)
        if check is None or not (known or check.thorough):
            check = self.checker.check(*key)
            self.checks[key] = check
        return check

    def _differs(self, left: Sequence[Side], right: Sequence[Side]) -> bool:
        """Whether the catalog states different strengths for every SKU of `left` and every SKU of `right`."""
        pairs = ((self._first(x), self._first(y)) for x in left[:_SIDES] for y in right[:_SIDES])
        return all(strength_difference(x, y) for x, y in pairs)

    def _ids(self, copies: CopySet) -> list[int]:
        return sorted(i for side in copies.sides for i in self.files.copies[copies.file][side] if i in self.facts)

    def _first(self, side: Side) -> ImageFacts:
        file = self._file_of[side.sha256]
        return self.facts[self.files.copies[file][side][0]]

    def _group(self, members: Sequence[CopySet]) -> DuplicateGroup:
        pairs = []
        sets = sorted((self._ids(copies), copies) for copies in members)
        for ids, _ in sets:
            pairs += [self._pair(self.facts[ids[0]], self.facts[i], None) for i in ids[1:]]
        for (left, x), (right, y) in combinations(sets, 2):
            pairs.append(self._pair(self.facts[left[0]], self.facts[right[0]], self._check(x.file, y.file)))
        images = tuple(self.facts[i] for i in sorted(i for ids, _ in sets for i in ids))
        return DuplicateGroup(images, tuple(pairs))

    def _pair(self, a: ImageFacts, b: ImageFacts, check: PairCheck | None) -> DuplicatePair:
        """`check`: None for two copies of one file."""
        said, differs = self.reviews.said(_side(a), _side(b)), strength_difference(a, b)
        if check is None:
            return DuplicatePair(a, b, None, Kind.IDENTICAL, _and("the same file", differs), said)
        kind = Kind.SAME_PHOTO if check.evidence.photo else Kind.SAME_PRODUCT
        return DuplicatePair(
            a, b, check.verification, kind, _and(_basis(check), differs), said, check.evidence.place
        )  # fmt: skip

    def _settled(self, group: DuplicateGroup) -> bool:
        """Whether people have confirmed every pair, or in a conflict every pair of different SKUs.

        Copies of one file under one SKU are settled by any review of them.
        """
        sides = list(dict.fromkeys(map(_side, group.images)))
        if len(sides) == 1:
            return self.reviews.said(sides[0], sides[0]) is not None
        pairs = ((x, y) for x, y in combinations(sides, 2) if x.sku != y.sku or not group.conflict)
        return all(self.reviews.said(x, y) is Said.CONFIRMED for x, y in pairs)

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
                DuplicatePair(*pair, check.verification, Kind.LOOK_ALIKE, reason, None, check.evidence.place)
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
        if check.verification.probability < self.threshold and not check.evidence.photo:
            return f"below the threshold of {self.threshold:.1%}"
        return (
            strength_difference(a, b)
            or ("another print" if check.evidence.printed else "")
            or "not alike enough to the others of a group"
        )


def _strength(check: PairCheck) -> float:
    return check.verification.probability + (check.evidence.photo is not None)


def _side(image: ImageFacts) -> Side:
    return Side(image.sku, image.sha256)


def _and(*words: str) -> str:
    return "; ".join(filter(None, words))


def _basis(check: PairCheck) -> str:
    """In words, the evidence that the kind of a pair rests on."""
    v, evidence = check.verification, check.evidence
    if evidence.photo:
        share = f"{evidence.photo.agreement:.0%} of the keypoints come back"
        return f"one photo, {evidence.photo.placement.words}: {share}"
    if evidence.place:
        share = f"{evidence.differing:.1%}" if evidence.differing >= 0.001 else "a speck"
        return f"one photo but for {share} of it: compare what is printed there"
    points = f"{v.inliers} matching points" if v.inliers else "by appearance alone"
    return f"{points}, similarity {v.similarity:.2f}"
