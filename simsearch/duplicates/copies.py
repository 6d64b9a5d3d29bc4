"""Copies of one photo by way of others: maps composed along the pairs that were found."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from simsearch.duplicates.same_photo import Affine, Placement, chained, inverse, moved

Pair = tuple[int, int]

MOST = 40
"""Copies of one photo that are compared each with each; the rest keep what was found of them."""
_GRID = 16
"""Points across a frame at which it is asked what lies where."""
_MORE = 1.1
"""Times the detail that a later file must have to stand for an equal one: encoding looks like a little of it."""
_SAME = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_COVERED = 0.98
"""Share of what two copies have in common that a third photo must show."""


class Copies:
    """Pairs of photos that were made from one another, and where one lies in the other."""

    def __init__(self, frames: NDArray[np.float64]) -> None:
        """`frames`: (n, 2) width and height of each photo in the pixels of the placements."""
        self._frames = frames
        self._near: dict[int, dict[int, Affine]] = {}
        self._within_other: dict[int, int] = {}

    def add(self, pair: Pair, placed: Placement, details: tuple[float, float] = (1.0, 1.0)) -> None:
        """A pair (a, b), a < b; `placed`: from a to b; `details`: how much each shows, see `Shown`."""
        a, b = pair
        self._near.setdefault(a, {})[b] = placed.matrix
        self._near.setdefault(b, {})[a] = inverse(placed.matrix)
        if self.root(a) != a or self.root(b) != b or a == b:
            return
        inside = (
            self._covered(a, [(b, placed.matrix), (a, _SAME)]),
            self._covered(b, [(a, inverse(placed.matrix)), (b, _SAME)]),
        )
        # A border or the bars of a screenshot add no detail: such a copy holds the photo and does not stand for it.
        if inside[0] and details[0] * (_MORE if inside[1] else 1.0) < details[1]:
            self._within_other[a] = b
        elif inside[1] and (inside[0] or details[1] <= details[0]):
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

    def joined(self) -> Iterator[tuple[Pair, Placement, bool]]:
        """The pairs that are joined by others and not directly, with the map between them, and whether that settles it.

        Where it does not, the two may differ where none of the photos between them looks.
        """
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
                        yield (a, b), Placement(steps[-1][1], 0.0, 0.0), self._covered(a, steps)

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

    def _covered(self, start: int, steps: Sequence[tuple[int, Affine]]) -> bool:
        """Whether each photo on the way shows what the first and the last have in common."""
        shares = (np.arange(_GRID) + 0.5) / _GRID
        points = np.stack(np.meshgrid(*(shares * side for side in self._frames[start])), axis=2).reshape(-1, 2)
        (last, way), between = steps[-1], steps[:-1]
        common = points[self._within(moved(way, points), last)]
        return len(common) > 0 and all(
            float(self._within(moved(matrix, common), photo).mean()) >= _COVERED for photo, matrix in between
        )

    def _within(self, points: NDArray[np.float64], photo: int) -> NDArray[np.bool_]:
        return np.asarray(((points >= 0) & (points <= self._frames[photo])).all(axis=1))
