"""Pairs into groups without weak links: complete linkage (Sørensen 1948), strongest pairs first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from simsearch.catalog.reviews import Review, ReviewVerdict, Side

LARGEST = 100
"""Different files in one group: every two of them are compared, so that work grows with the square."""


class Reviewed:
    """What people said, to be looked up by the sides of a pair."""

    def __init__(self, reviews: Iterable[Review]) -> None:
        self._said: dict[Side, dict[Side, ReviewVerdict]] = defaultdict(dict)
        for review in reviews:
            self._said[review.a][review.b] = self._said[review.b][review.a] = review.said

    def said(self, a: Side, b: Side) -> ReviewVerdict | None:
        """Of two photos; what is said of the photos goes before what is said of their SKUs."""
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
        """Whether two photos across the two were confirmed: the photos, not only their SKUs."""
        touched = [a for a in left if a in self._said]
        return bool(touched) and any(self._said[a].get(b) is ReviewVerdict.CONFIRMED for b in right for a in touched)


@dataclass(frozen=True, order=True)
class Pile:
    """Copies of one file that nobody wants apart: what groups are made of."""

    place: int
    sides: tuple[Side, ...]


def piles(place: int, sides: Iterable[Side], reviewed: Reviewed) -> list[Pile]:
    """The copies of one file, apart where a person dismissed a pair of them."""
    found: list[list[Side]] = []
    for side in sides:
        home = next((pile for pile in found if not reviewed.dismissed([side], pile)), None)
        if home is None:
            found.append([side])
        else:
            home.append(side)
    return [Pile(place, tuple(pile)) for pile in found]


def linked(
    pairs: Sequence[tuple[Pile, Pile]], same: Callable[[Pile, Pile], bool], largest: int = LARGEST
) -> list[list[Pile]]:
    """Groups of two or more piles. `pairs`: those that hold, strongest first; two groups join only if every cross
    pair is `same`, and together they have no more than `largest`."""
    home: dict[Pile, list[Pile]] = {}
    for a, b in pairs:
        left, right = home.setdefault(a, [a]), home.setdefault(b, [b])
        if left is right or len(left) + len(right) > largest or not all(same(x, y) for x in left for y in right):
            continue
        left.extend(right)
        for member in right:
            home[member] = left
    unique = {id(members): members for members in home.values()}
    return [members for members in unique.values() if len(members) > 1]
