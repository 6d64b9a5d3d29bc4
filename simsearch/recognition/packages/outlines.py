"""Where packages lie on a photo: the outlines of what verified, and blocks of print that no outline holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsearch.features.orb import Geometry
from simsearch.features.reading import Reading
from simsearch.recognition.packages.shapes import Polygon, Size, around, distances, gap, hull, inside, overlap
from simsearch.recognition.printed.alignment import Alignment

LEAST_POINTS, LEAST_SUPPORT = 12, 8.0
"""Agreeing keypoints from which a candidate's outline is believed, and what they count as at least."""
_ONE_PLACE = 0.4
"""Overlap from which two candidates are two opinions of one package."""
_FREE = 0.6
"""Share of a candidate's agreeing keypoints that lie outside of the packages found before."""
_ROOM = 0.04
"""Room around print and keypoints, which seldom reach to the rim of a package, in shares of its longer side."""
_RIM = 0.03
"""How far outside of an outline print still belongs to it, in shares of the photo's longer side."""
_HEIGHTS, _REACH = 2.5, 0.12
"""Lines stand together up to this many heights of the lower one apart, or up to this share of the photo's longer
side. Between two packages that lie nearer the outlines part them."""
_FAR = 4
"""Corners that a homography carries further than so many photos away show that it is none of this face."""
LEAST_LETTERS = 4
"""Letters and digits of print that may be a package."""


@dataclass(frozen=True, eq=False)
class Outlined:
    """A candidate, and where it lies on the photo."""

    sku: str
    image_id: int
    polygon: Polygon
    points: NDArray[np.float32]
    """(n, 2) its agreeing keypoints, in pixels of the photo."""
    support: float


@dataclass(frozen=True, eq=False)
class Block:
    """Print that stands together."""

    polygon: Polygon
    letters: int


def outline(geometry: Geometry, other: Reading | None, size: Size, side: int) -> Polygon | None:
    """Where the package of a catalog's picture lies on the photo.

    It reaches over the agreeing keypoints and over the print of the catalog's picture that stands with them. A picture
    of the catalog shows its surroundings too: its own rim says nothing.

    Args:
        geometry: of the keypoints, photo to catalog.
        other: what was read on the catalog's picture; None: nothing was.
        size: of the picture that the outline is for.
        side: longer side in pixels to which photos were scaled for the geometry.
    """
    if geometry.homography is None:
        return None
    found = [on_photo(geometry.query_xy, size, side)]
    if other is not None and other.lines:
        theirs = (other.width, other.height)
        seen = hull(on_photo(geometry.other_xy, theirs, side))
        lines = [line.on(*theirs) for line in other.lines]
        near = [g for g in _together(lines, theirs) if min(gap(lines[i], seen) for i in g) <= _REACH * max(theirs)]
        corners = [lines[i] / np.array(theirs) for group in near for i in group]
        if corners:
            there = Alignment(geometry, size, theirs, side).to_photo(np.concatenate(corners)) * size
            if np.isfinite(there).all() and np.abs(there).max() < _FAR * max(size):
                found.append(there.astype(np.float32))
    return around(np.concatenate(found), _ROOM, size)


def on_photo(points: NDArray[np.float32], size: Size, side: int) -> NDArray[np.float32]:
    """Keypoints (n, 2) of a picture that was scaled to `side`, in pixels of the picture at `size`."""
    return np.asarray((points + 0.5) * (max(size) / min(side, max(size))), np.float32)


def apart(found: Sequence[Outlined]) -> list[Outlined]:
    """One candidate a place, the best supported first: those that lie where none before lies."""
    kept: list[Outlined] = []
    for one in sorted(found, key=lambda o: -o.support):
        if any(overlap(one.polygon, other.polygon) > _ONE_PLACE for other in kept):
            continue
        held = np.zeros(len(one.points), bool)
        for other in kept:
            held |= inside(one.points, other.polygon)
        if (~held).sum() >= max(LEAST_POINTS, _FREE * len(held)):
            kept.append(one)
    return kept


def blocks(reading: Reading, size: Size, taken: Sequence[Polygon]) -> list[Block]:
    """Blocks of print outside of the outlines `taken`, the most letters first."""
    left, letters = [], []
    for line in reading.lines:
        quad = line.on(*size)
        if not any(inside(quad.mean(axis=0)[None], polygon, _RIM * max(size))[0] for polygon in taken):
            left.append(quad)
            letters.append(sum(c.isalnum() for c in line.text))
    found = [
        Block(hull(np.concatenate([left[i] for i in group])), sum(letters[i] for i in group))
        for group in _together(left, size)
    ]
    return sorted((b for b in found if b.letters >= LEAST_LETTERS), key=lambda b: -b.letters)


def _together(quads: Sequence[NDArray[np.float32]], size: Size) -> list[list[int]]:
    """Which lines stand together: chains of them, each near to the next."""
    if not quads:
        return []
    heights = np.array([np.linalg.norm(quad[3] - quad[0]) for quad in quads])
    reach = np.maximum(_HEIGHTS * np.minimum(heights[:, None], heights[None]), _REACH * max(size))
    near = distances(quads) <= reach
    groups: list[list[int]] = []
    left = set(range(len(quads)))
    while left:
        group, fresh = [], [min(left)]
        left -= {*fresh}
        while fresh:
            i = fresh.pop()
            group.append(i)
            more = [j for j in sorted(left) if near[i, j]]
            left -= {*more}
            fresh += more
        groups.append(sorted(group))
    return groups
