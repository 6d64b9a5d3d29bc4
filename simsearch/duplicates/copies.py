"""Copies of one photo by way of others: maps composed along the pairs that were found."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simsearch.duplicates.same_photo import Affine, Placement, Points, area, chained, inverse, moved
from simsearch.duplicates.thumbnails import GRID

Pair = tuple[int, int]

MOST = 40
"""Copies of one photo that are compared each with each; the rest keep what was found of them."""
_MORE = 1.1
"""Times the detail that a later file must have to stand for an equal one: encoding looks like a little of it."""
_EDGES = 1.25
"""Times the detail that a part of a photo may have: the edges of a turned copy on its white ground look like it."""
_BESIDE = 0.6
"""Cells by which a cell with edges may lie beside a photo that shows it: where a border begins there is an edge."""
_COVERED = 0.98
"""Share of what two copies have in common that a third photo must show."""
_FILLED, _MET = 0.5, 0.3
"""Share of two copies that the photo between them fills, and of that photo's edges that both show together."""


@dataclass(frozen=True)
class Detail:
    """How much a photo shows, and where; see `Shown`."""

    amount: float = 1.0
    busy: NDArray[np.bool_] = field(default_factory=lambda: np.ones((GRID, GRID), np.bool_))


_WHOLE = Detail()
_SHARES = (np.arange(GRID) + 0.5) / GRID
_MIDDLES: Points = np.stack(np.meshgrid(_SHARES, _SHARES), axis=2).reshape(-1, 2)
"""Of the cells, as shares of width and height, row after row."""


@dataclass(frozen=True)
class Joined:
    """Two photos that were made from a third one, or in several steps from each other."""

    pair: Pair
    placed: Placement
    """The map between them."""
    settled: bool
    """Whether the photos between them show all that the two have in common, so that they agree."""
    around: float
    """Share of what they have in common that lies around the photos between them, where these fill most of either: a
    border, the bars of a screenshot, or more of one scene. 0 where they do not fill it, or where it is settled."""


class Copies:
    """Pairs of photos that were made from one another, and where one lies in the other."""

    def __init__(self, frames: NDArray[np.float64]) -> None:
        """`frames`: (n, 2) width and height of each photo in the pixels of the placements."""
        self._frames = frames
        self._near: dict[int, dict[int, Affine]] = {}
        self._busy: dict[int, NDArray[np.bool_]] = {}
        self._within_other: dict[int, int] = {}

    def add(self, pair: Pair, placed: Placement, details: tuple[Detail, Detail] = (_WHOLE, _WHOLE)) -> None:
        """A pair (a, b), a < b; `placed`: from a to b; `details`: of both."""
        a, b = pair
        self._near.setdefault(a, {})[b] = placed.matrix
        self._near.setdefault(b, {})[a] = inverse(placed.matrix)
        self._busy |= {a: details[0].busy, b: details[1].busy}
        if self.root(a) != a or self.root(b) != b or a == b:
            return
        inside = (
            self._inside(a, b, placed.matrix),
            self._inside(b, a, inverse(placed.matrix)),
        )
        much, more = details[0].amount, details[1].amount
        # A border or the bars of a screenshot add no detail: such a copy holds the photo and does not stand for it.
        if inside[0] and much * (_MORE if inside[1] else 1 / _EDGES) < more:
            self._within_other[a] = b
        elif inside[1] and (inside[0] or more <= _EDGES * much):
            self._within_other[b] = a

    def root(self, photo: int) -> int:
        """The copy that shows all that the photo shows, and most of all such; the photo itself where there is none.

        What is no copy of the root is no copy of the photo, so that the root is compared in its place.
        """
        while photo in self._within_other:
            photo = self._within_other[photo]
        return photo

    def roots(self, pair: Pair) -> Pair | None:
        """The roots of both, the lower first; None where both have the same."""
        a, b = self.root(pair[0]), self.root(pair[1])
        return None if a == b else (min(a, b), max(a, b))

    def apart(self, pair: Pair) -> Pair | None:
        """The pair itself; None where both have the same root."""
        return None if self.roots(pair) is None else pair

    def joined(self) -> Iterator[Joined]:
        """The pairs that are joined by others and not directly."""
        seen: set[int] = set()
        for start in sorted(self._near):
            if start in seen:
                continue
            together = self._set(start)
            seen |= together
            members = sorted(together)[:MOST]
            for a in members:
                for b, steps in sorted(self._paths(a).items()):
                    if a < b <= members[-1] and len(steps) > 1:
                        settled = self._covered(a, steps)
                        around = 0.0 if settled else self._around(a, steps)
                        yield Joined((a, b), Placement(steps[-1][1], 0.0, 0.0), settled, around)

    def _set(self, start: int) -> set[int]:
        """All photos that are joined to `start` in some way, itself among them."""
        found, waiting = {start}, [start]
        while waiting:
            fresh = self._near[waiting.pop()].keys() - found
            found |= fresh
            waiting += fresh
        return found

    def _paths(self, start: int) -> dict[int, list[tuple[int, Affine]]]:
        """`start` and the nearest photos joined to it, each with the photos on the shortest way and the map to each."""
        paths: dict[int, list[tuple[int, Affine]]] = {start: []}
        waiting = deque([start])
        while waiting:
            here = waiting.popleft()
            for there, matrix in sorted(self._near[here].items(), key=lambda item: item[0]):
                if there not in paths and len(paths) < MOST:
                    way = chained(paths[here][-1][1], matrix) if paths[here] else matrix
                    paths[there] = [*paths[here], (there, way)]
                    waiting.append(there)
        return paths

    def _inside(self, photo: int, other: int, onto: Affine) -> bool:
        """Whether `other` shows all of a photo that has edges; those around a picture are in cells beside it."""
        points = moved(onto, self._edges(photo))
        beside = _BESIDE * self._frames[photo].max() / GRID * float(np.sqrt(area(onto)))
        return len(points) > 0 and float(self._within(points, other, beside).mean()) >= _COVERED

    def _covered(self, start: int, steps: Sequence[tuple[int, Affine]]) -> bool:
        """Whether each photo on the way shows what the first and the last have in common."""
        common, between = self._common(start, steps[-1]), steps[:-1]
        return len(common) > 0 and all(
            float(self._within(moved(matrix, common), photo).mean()) >= _COVERED for photo, matrix in between
        )

    def _around(self, start: int, steps: Sequence[tuple[int, Affine]]) -> float:
        """See `Joined.around`."""
        (last, way), between = steps[-1], steps[:-1]
        common = self._common(start, steps[-1])
        if not len(common):
            return 0.0
        shown = np.ones(len(common), np.bool_)
        for photo, onto in between:
            to_last = chained(inverse(onto), way)
            edges = self._edges(photo)
            met = self._within(moved(inverse(onto), edges), start) & self._within(moved(to_last, edges), last)
            filled = [
                self._within(moved(back, self._cells(end)), photo).mean()
                for end, back in ((start, onto), (last, inverse(to_last)))
            ]
            if np.count_nonzero(met) < _MET * max(1, len(edges)) or min(filled) < _FILLED:
                return 0.0
            shown &= self._within(moved(onto, common), photo)
        return 1 - float(shown.mean())

    def _common(self, start: int, end: tuple[int, Affine]) -> Points:
        """The cells of the first photo that lie in the last one."""
        cells, (last, way) = self._cells(start), end
        return cells[self._within(moved(way, cells), last)]

    def _edges(self, photo: int) -> Points:
        """The cells that have edges."""
        return self._cells(photo)[self._busy[photo].ravel()]

    def _cells(self, photo: int) -> Points:
        """The middles of the cells, row after row."""
        return np.asarray(_MIDDLES * self._frames[photo], np.float64)

    def _within(self, points: Points, photo: int, beside: float = 0.0) -> NDArray[np.bool_]:
        return np.asarray(((points >= -beside) & (points <= self._frames[photo] + beside)).all(axis=1))
