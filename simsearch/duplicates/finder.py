"""The catalog compared with itself: suspects of all lanes, looked at in pairs, grouped, sorted into kinds."""

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
from simsearch.duplicates.candidates import Setting, suspects
from simsearch.duplicates.data import differs
from simsearch.duplicates.distinct_files import Pool, fill
from simsearch.duplicates.linkage import Pile, Reviewed, linked, piles
from simsearch.duplicates.pair_check import Judge, Look
from simsearch.duplicates.results import KINDS, DuplicateGroup, DuplicatePair, Findings, Kind
from simsearch.features.base import Method
from simsearch.recognition.verification import Verifier

Progress = Callable[[int, int, str], None]


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
        """Everything that nobody settled; with `since`, only what has a photo that came after it."""
        pool = fill(self.catalog, self.methods)
        suspected = suspects(Setting(self.catalog, self.methods, self.settings, pool), progress)
        floor = min(self.threshold, self.settings.look_alike)
        with closing(Judge(self.catalog, self.verifier, self.settings, self.reading, pool, floor)) as judge:
            looks: dict[tuple[int, int], Look] = {}
            start = 0
            while start < len(suspected):
                found, start = judge.looks(suspected, start)
                looks |= found
                progress(start, len(suspected), f"{len(looks)} pairs kept")
            search = _Search(self, pool, judge, looks, since)
            groups, settled = search.groups()
            return Findings(groups, search.look_alikes(groups), sum(map(_images, pool.copies)), len(suspected), settled)


def _images(sides: Mapping[Side, tuple[int, ...]]) -> int:
    return sum(map(len, sides.values()))


class _Search:
    """Looks at pairs of files, turned into groups of images and pairs of look-alikes."""

    def __init__(
        self,
        finder: DuplicateFinder,
        pool: Pool,
        judge: Judge,
        looks: dict[tuple[int, int], Look],
        since: datetime | None,
    ) -> None:
        self.pool, self.judge, self.looks = pool, judge, looks
        self.threshold, self.look_alike = finder.threshold, finder.settings.look_alike
        self.reviewed = Reviewed(finder.catalog.reviews.all())
        self.new = None if since is None else finder.catalog.selection.added_after(since)
        self.copied = [place for place, sides in enumerate(pool.copies) if _images(sides) > 1]
        places = {p for pair in looks for p in pair} | set(self.copied)
        self.facts = finder.catalog.images.facts(i for p in places for ids in pool.copies[p].values() for i in ids)
        self.piles = {p: piles(p, pool.copies[p], self.reviewed) for p in places}

    @cached_property
    def _place(self) -> dict[str, int]:
        return {next(iter(self.pool.copies[p])).sha256: p for p in self.piles}

    # -- groups ------------------------------------------------------------------------------------------------------

    def groups(self) -> tuple[tuple[DuplicateGroup, ...], int]:
        """Those to be shown, in order, and how many a person has settled."""
        ranked = sorted(self.looks.items(), key=lambda item: (-_strength(item[1]), item[0]))
        crossing = ((x, y) for (a, b), _ in ranked for x in self.piles[a] for y in self.piles[b])
        together = linked([pair for pair in crossing if self._same(*pair, known=True)], self._same)
        inside = {pile for members in together for pile in members}
        copied = (pile for place in self.copied for pile in self.piles[place] if pile not in inside)
        made = [self._group(members) for members in [*together, *([p] for p in copied if len(self._ids(p)) > 1)]]
        shown = [g for g in made if not self._settled(g)]
        wanted = [g for g in shown if self._wanted(g.images)]
        wanted.sort(key=lambda g: (not g.conflict, KINDS.index(g.kind), -round(g.probability, 6), g.images[0].id))
        return tuple(wanted), len(made) - len(shown)

    def _same(self, x: Pile, y: Pile, *, known: bool = False) -> bool:
        """Whether the two may be in one group; `known`: by what is known already."""
        if x.place == y.place or self.reviewed.dismissed(x.sides, y.sides):
            return False
        if self.reviewed.confirmed(x.sides, y.sides):
            return True
        look = self._look(x.place, y.place, known=known)
        return look.seen.photo is not None or (
            look.verification.probability >= self.threshold
            and not look.seen.printed
            and not self._differs(x.sides, y.sides)
        )

    def _look(self, a: int, b: int, *, known: bool = False) -> Look:
        key = (a, b) if a < b else (b, a)
        look = self.looks.get(key)
        if look is None or not (known or look.thorough):
            look = self.judge.look(*key)
            self.looks[key] = look
        return look

    def _differs(self, left: Sequence[Side], right: Sequence[Side]) -> str:
        """How the catalog tells the two apart; "" where it does not, for at least two of their SKUs."""
        words = ""
        for x in left[:_TOLD]:
            for y in right[:_TOLD]:
                words = differs(self._first(x), self._first(y))
                if not words:
                    return ""
        return words

    def _ids(self, pile: Pile) -> list[int]:
        return sorted(i for side in pile.sides for i in self.pool.copies[pile.place][side] if i in self.facts)

    def _first(self, side: Side) -> ImageFacts:
        place = self._place[side.sha256]
        return self.facts[self.pool.copies[place][side][0]]

    def _group(self, members: Sequence[Pile]) -> DuplicateGroup:
        pairs = []
        copies = sorted((self._ids(pile), pile) for pile in members)
        for ids, _ in copies:
            pairs += [self._pair(self.facts[ids[0]], self.facts[i], None) for i in ids[1:]]
        for (left, x), (right, y) in combinations(copies, 2):
            pairs.append(self._pair(self.facts[left[0]], self.facts[right[0]], self._look(x.place, y.place)))
        images = tuple(self.facts[i] for i in sorted(i for ids, _ in copies for i in ids))
        return DuplicateGroup(images, tuple(pairs))

    def _pair(self, a: ImageFacts, b: ImageFacts, look: Look | None) -> DuplicatePair:
        said = self.reviewed.said(_side(a), _side(b))
        if look is None:
            return DuplicatePair(a, b, None, Kind.IDENTICAL, _and("the same file", differs(a, b)), said)
        kind = Kind.SAME_PHOTO if look.seen.photo else Kind.SAME_PRODUCT
        return DuplicatePair(a, b, look.verification, kind, _and(_basis(look), differs(a, b)), said, look.seen.place)

    def _settled(self, group: DuplicateGroup) -> bool:
        """Whether a person has said of every two, or of every two SKUs, that they are duplicates."""
        sides = list(dict.fromkeys(map(_side, group.images)))
        if len(sides) == 1:
            return self.reviewed.said(sides[0], sides[0]) is not None
        pairs = ((x, y) for x, y in combinations(sides, 2) if x.sku != y.sku or not group.conflict)
        return all(self.reviewed.said(x, y) is Said.CONFIRMED for x, y in pairs)

    def _wanted(self, images: Sequence[ImageFacts]) -> bool:
        return self.new is None or any(image.id in self.new for image in images)

    # -- look-alikes -------------------------------------------------------------------------------------------------

    def look_alikes(self, groups: Sequence[DuplicateGroup]) -> tuple[DuplicatePair, ...]:
        """Pairs of different SKUs that are alike and in no group together, most probable first."""
        home = {_side(image): number for number, group in enumerate(groups) for image in group.images}
        found = []
        for (a, b), look in self.looks.items():
            if not look.seen.photo and look.verification.probability < self.look_alike:
                continue
            pair = next(filter(None, (self._apart(x, y, home) for x in self.piles[a] for y in self.piles[b])), None)
            if pair is None or not self._wanted(pair):
                continue
            reason = _and(self._why_not(look, *pair), _basis(look))
            found.append(DuplicatePair(*pair, look.verification, Kind.LOOK_ALIKE, reason, None, look.seen.place))
        return tuple(sorted(found, key=lambda p: (-round(p.probability, 6), p.a.id, p.b.id)))

    def _apart(self, x: Pile, y: Pile, home: Mapping[Side, int]) -> tuple[ImageFacts, ImageFacts] | None:
        """An image of each, of different SKUs that nobody has spoken of; None where a group holds both."""
        for a in x.sides[:_TOLD]:
            for b in y.sides[:_TOLD]:
                together = a in home and home[a] == home.get(b)
                if a.sku != b.sku and not together and self.reviewed.said(a, b) is None:
                    return self._first(a), self._first(b)
        return None

    def _why_not(self, look: Look, a: ImageFacts, b: ImageFacts) -> str:
        if look.verification.probability < self.threshold and not look.seen.photo:
            return f"below the threshold of {self.threshold:.1%}"
        return (
            differs(a, b)
            or ("another print" if look.seen.printed else "")
            or "not alike enough to the others of a group"
        )


_TOLD = 20
"""SKUs of one file that are compared by their data: where one file is filed a thousand times, the first ones tell."""


def _strength(look: Look) -> float:
    return look.verification.probability + (look.seen.photo is not None)


def _side(image: ImageFacts) -> Side:
    return Side(image.sku, image.sha256)


def _and(*words: str) -> str:
    return "; ".join(filter(None, words))


def _basis(look: Look) -> str:
    v = look.verification
    if look.seen.photo:
        return (
            f"one photo, {look.seen.photo.placement.words}: {look.seen.photo.agreement:.0%} of the keypoints come back"
        )
    if look.seen.place:
        share = f"{look.seen.differing:.1%}" if look.seen.differing >= 0.001 else "a speck"
        return f"one photo but for {share} of it: compare what is printed there"
    points = f"{v.inliers} matching points" if v.inliers else "by appearance alone"
    return f"{points}, similarity {v.similarity:.2f}"
