"""Pairs into groups without weak links: complete linkage (Sørensen 1948), strongest pairs first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from simsearch.catalog.reviews import Review, ReviewVerdict, Side

LARGEST = 100
"""Most different files in a group. Every two of them are compared, so the work grows with the square."""


class ReviewIndex:
    """People's reviews of pairs, by the sides of the pair."""

    def __init__(self, reviews: Iterable[Review]) -> None:
        self._said: dict[Side, dict[Side, ReviewVerdict]] = defaultdict(dict)
        for review in reviews:
            self._said[review.a][review.b] = self._said[review.b][review.a] = review.said

    def said(self, a: Side, b: Side) -> ReviewVerdict | None:
        """The review of two photos. A review of the photos precedes a review of their SKUs."""
        if not self._said:
            return None
        sides = [(x, y) for x in (a, Side(a.sku)) for y in (b, Side(b.sku))]
        return next((self._said[x][y] for x, y in sides if x in self._said and y in self._said[x]), None)

    def dismissed(self, left: Iterable[Side], right: Iterable[Side]) -> bool:
        """Whether any pair across the two was dismissed."""
        touched = [a for a in left if a in self._said or Side(a.sku) in self._said]
        if not touched:
            return False
        others = list(right)
        return any(self.said(a, b) is ReviewVerdict.DISMISSED for a in touched for b in others)

    def confirmed(self, left: Iterable[Side], right: Iterable[Side]) -> bool:
        """Whether a pair of photos across the two was confirmed. A review of their SKUs does not count."""
        touched = [a for a in left if a in self._said]
        return bool(touched) and any(self._said[a].get(b) is ReviewVerdict.CONFIRMED for b in right for a in touched)


@dataclass(frozen=True, order=True)
class CopySet:
    """Copies of one file that may share a group: the unit of linkage."""

    file: int
    """Number in `DistinctFiles`."""
    sides: tuple[Side, ...]


def copy_sets(file: int, sides: Iterable[Side], reviews: ReviewIndex) -> list[CopySet]:
    """The copies of one file, in as many sets as dismissed pairs among them require."""
    sets: list[list[Side]] = []
    for side in sides:
        home = next((members for members in sets if not reviews.dismissed([side], members)), None)
        if home is None:
            sets.append([side])
        else:
            home.append(side)
    return [CopySet(file, tuple(members)) for members in sets]


def complete_linkage(
    pairs: Sequence[tuple[CopySet, CopySet]], same: Callable[[CopySet, CopySet], bool], largest: int = LARGEST
) -> list[list[CopySet]]:
    """Groups of two or more copy sets. `pairs`: those that are `same`, strongest first.

    Two groups join only if every pair across them is `same` and both together have at most `largest` members.
    """
    home: dict[CopySet, list[CopySet]] = {}
    for a, b in pairs:
        left, right = home.setdefault(a, [a]), home.setdefault(b, [b])
        if left is right or len(left) + len(right) > largest or not all(same(x, y) for x in left for y in right):
            continue
        left.extend(right)
        for member in right:
            home[member] = left
    unique = {id(members): members for members in home.values()}
    return [members for members in unique.values() if len(members) > 1]
