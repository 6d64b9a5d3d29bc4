"""Copies of one photo by way of others: maps composed along the pairs that were found."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simsearch.duplicates.same_photo import Affine, Placement, chained, inverse, moved

Pair = tuple[int, int]
Sides = NDArray[np.float64]
"""Width and height of a photo in the pixels of the placements."""

_GRID = 16
"""Points across a frame at which it is asked what lies where."""
_COVERED = 0.98
"""Share of what two copies have in common that a third photo must show."""


def composed(
    edges: Mapping[Pair, Placement], sides: Mapping[int, Sides], most: int
) -> Iterator[tuple[Pair, Placement, bool]]:
    """The pairs (a, b), a < b, of photos that are joined by others and not directly, with the map from a to b.

    True with a pair says that each photo on the way shows all that the two have in common. They agree with it there, so
    that they agree with each other. Otherwise they may differ where none of these photos looks.

    Args:
        edges: (a, b), a < b -> where photo a lies in photo b.
        sides: of each photo in `edges`.
        most: photos of one set of copies that are taken; the rest keep what was found of them.
    """
    near: dict[int, dict[int, Affine]] = {}
    for (a, b), placed in edges.items():
        near.setdefault(a, {})[b] = placed.matrix
        near.setdefault(b, {})[a] = inverse(placed.matrix)
    seen: set[int] = set()
    for start in sorted(near):
        if start in seen:
            continue
        members = sorted(_paths(start, near))
        seen |= set(members)
        for a in members[:most]:
            paths = _paths(a, near)
            for b in members[:most]:
                if a < b and b not in near[a]:
                    steps = paths[b]
                    yield (a, b), Placement(steps[-1][1], 0.0, 0.0), _covered(a, steps, sides)


def _paths(start: int, near: Mapping[int, Mapping[int, Affine]]) -> dict[int, list[tuple[int, Affine]]]:
    """Each photo that is joined to `start`, with the photos on the shortest way and the map from `start` to each."""
    paths: dict[int, list[tuple[int, Affine]]] = {start: []}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for there, matrix in sorted(near[here].items(), key=lambda item: item[0]):
            if there not in paths:
                way = chained(paths[here][-1][1], matrix) if paths[here] else matrix
                paths[there] = [*paths[here], (there, way)]
                waiting.append(there)
    return paths


def _covered(start: int, steps: Sequence[tuple[int, Affine]], sides: Mapping[int, Sides]) -> bool:
    """Whether each photo on the way shows what the first and the last have in common."""
    shares = (np.arange(_GRID) + 0.5) / _GRID
    points = np.stack(np.meshgrid(*(shares * side for side in sides[start])), axis=2).reshape(-1, 2)
    (last, way), between = steps[-1], steps[:-1]
    common = points[_within(moved(way, points), sides[last])]
    return len(common) > 0 and all(
        float(_within(moved(matrix, common), sides[photo]).mean()) >= _COVERED for photo, matrix in between
    )


def _within(points: NDArray[np.float64], sides: Sides) -> NDArray[np.bool_]:
    return np.asarray(((points >= 0) & (points <= sides)).all(axis=1))
