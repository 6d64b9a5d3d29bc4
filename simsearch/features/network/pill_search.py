"""Where loose pills lie in a photo, from the maps of the network that finds them (`pill_masks`).

The photo is looked at as a whole, at 256 pixels. What lies on pills is parted among the middles by a watershed, so that
pills that touch are two. A small pill is looked at once more from near, and its outline taken from there.

Source: watershed (Meyer 1992).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.features.network.frames import halved, warped
from simsearch.features.network.pill_masks import MULTIPLE, STRIDE, built_in

Outline = NDArray[np.float32]
"""(n, 2) points x, y in pixels of the photo."""
Mask = NDArray[np.bool_]
"""(h, w) of points in the maps."""

MOST = 12
"""Pills of a photo that are outlined: the largest."""
_SIDE, _NEAR = 256, 128
"""Sides at which a whole photo, and one pill, are looked at."""
_SMALL = 100
"""Longest extent of a pill at `_SIDE`, in pixels, up to which it is looked at from near."""
_AROUND = 0.6
"""Its longest extent from near, over the side of what is looked at."""
_LEAST, _LEAST_NEAR = 12, 90
"""Area of a pill in the maps, in points, at least."""
_MIDDLE = 0.5
"""Probability of being near a middle, from which points of a pill are."""
_SURE = 0.75
"""Mean probability of the points of a pill, at least."""
_CENTRED = 0.3
"""How far from the middle a pill may lie from near, in shares of the side."""
_CONVEX = 0.93
"""Area of two parts over that of their convex hull from which they may be one pill."""
_OBLONG, _ROUND = (1.7, 3.5), 0.84
"""Longer side of one oblong pill over the shorter one; area of a round pill over that of the rectangle around it."""
_NEXT = np.ones((3, 3), np.uint8)
_FINER = 4
"""Points of an outline to one of the maps."""


def search(pixels: Pixels) -> list[Outline]:
    """The outlines of at most `MOST` pills, largest first; none where there is none."""
    height, width = pixels.shape[:2]
    scale = _SIDE / max(height, width)
    size = tuple(max(MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in (width, height))
    source, shrunk = halved(pixels, scale)
    small = cv2.resize(source, size, interpolation=cv2.INTER_AREA if scale * shrunk < 1 else cv2.INTER_LINEAR)
    [maps] = built_in().look([np.asarray(small, np.uint8)])
    pieces = sorted(_pieces(maps, _LEAST), key=lambda own: -int(own.sum()))[:MOST]
    back = np.array([width / size[0], height / size[1]], np.float32)
    found = [outline * back for own in pieces if (outline := _outline(maps[0], own)) is not None]
    found = _from_near(pixels, found, scale)
    return sorted(found, key=lambda outline: -cv2.contourArea(outline))


def _from_near(pixels: Pixels, found: Sequence[Outline], scale: float) -> list[Outline]:
    """The outlines, those of small pills as they are seen from near, if they are seen there."""
    out = [outline for outline in found if _extent(outline) * scale > _SMALL]
    small = [outline for outline in found if _extent(outline) * scale <= _SMALL]
    if not small:
        return out
    views, places = [], []
    for outline in small:
        middle = (outline.min(axis=0) + outline.max(axis=0)) / 2
        larger = _NEAR * _AROUND / max(_extent(outline), 8.0)
        corner = middle - _NEAR / 2 / larger
        matrix = np.array([[larger, 0, -larger * corner[0]], [0, larger, -larger * corner[1]]], np.float64)
        views.append(warped(halved(pixels, larger), matrix, (_NEAR, _NEAR)))
        places.append((larger, corner))
    looked = built_in().look(views)
    for maps, (larger, corner) in zip(looked, places, strict=True):
        near = [own for own in _pieces(maps, _LEAST_NEAR) if _centred(own)]
        best = max(near, key=lambda own: int(own.sum()), default=None)
        seen = None if best is None else _outline(maps[0], best)
        if seen is not None:
            out.append(np.asarray(seen / larger + corner, np.float32))
    return out


def _extent(outline: Outline) -> float:
    return float((outline.max(axis=0) - outline.min(axis=0)).max())


def _centred(own: Mask) -> bool:
    y, x = (float(at.mean()) for at in np.nonzero(own))
    return bool(np.hypot(y - own.shape[0] / 2, x - own.shape[1] / 2) < _CENTRED * own.shape[0])


def _pieces(maps: NDArray[np.float32], least: int) -> Iterator[Mask]:
    """The pills in maps (2, h, w), each as its points (h, w)."""
    on = maps[0] > 0.5
    count, marks = cv2.connectedComponents(((maps[1] > _MIDDLE) & on).astype(np.uint8))
    if count == 1:
        return
    # The watershed floods from the middles outwards; the ground is a basin of its own.
    marks[~on] = count
    cv2.watershed(cv2.merge([np.asarray(255 - 255 * maps[0], np.uint8)] * 3), marks)
    parts = []
    for number in range(1, count):
        own = (cv2.dilate((marks == number).astype(np.uint8), _NEXT) > 0) & on & ((marks == number) | (marks < 0))
        if own.any():
            parts.append(own)
    for own in _joined(parts):
        if int(own.sum()) >= least and float(maps[0][own].mean()) >= _SURE:
            yield own


def _joined(parts: list[Mask]) -> list[Mask]:
    """Parts that are one pill together are joined: print, or the seam of a capsule, may have parted its middle."""
    found: list[Mask] = []
    for part in sorted(parts, key=lambda part: -int(part.sum())):
        beside = cv2.dilate(part.astype(np.uint8), _NEXT) > 0
        for number, other in enumerate(found):
            if (other & beside).any() and _is_one(part | other):
                found[number] = part | other
                break
        else:
            found.append(part)
    return found


def _is_one(both: Mask) -> bool:
    """Whether two parts that touch have the outline of one pill: convex, and oblong or round.

    Two capsules that lie side by side are nearly square together, and two tablets are not convex.
    """
    rim = max(cv2.findContours(both.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=len)
    area, hull = cv2.contourArea(rim), max(cv2.contourArea(cv2.convexHull(rim)), 1.0)
    _, (a, b), _ = cv2.minAreaRect(rim)
    low, high = sorted((max(a, 1.0), max(b, 1.0)))
    oblong = _OBLONG[0] <= high / low <= _OBLONG[1]
    return area >= _CONVEX * hull and (oblong or area <= _ROUND * low * high)


def _outline(on: NDArray[np.float32], own: Mask) -> Outline | None:
    """The rim of a piece, in pixels of what was looked at, finer than the map is; None where it has no area."""
    around = cv2.dilate(own.astype(np.uint8), _NEXT) > 0
    kept = np.where(around & (own | (on <= 0.5)), on, np.float32(0))
    finer = cv2.resize(kept, None, fx=_FINER, fy=_FINER, interpolation=cv2.INTER_LINEAR)
    rims, _ = cv2.findContours((finer > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    rim = max(rims, key=cv2.contourArea, default=None)
    if rim is None or len(rim) < 8:
        return None
    return np.asarray((rim.reshape(-1, 2) + 0.5) * (STRIDE / _FINER), np.float32)
