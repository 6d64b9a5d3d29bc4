"""Outlines of packages on a photo: convex polygons, and how two of them lie to each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Outline, Pixels

Polygon: TypeAlias = NDArray[np.float32]
"""(n, 2), x and y in pixels of the photo: the corners of a convex outline, in order around."""
Size: TypeAlias = tuple[int, int]
"""Width and height of the photo in pixels."""

_EVERY = 7
"""Every so many pixels of the ground are looked at for its colour."""
_STEPS = 6
"""Points looked at along each side, where distances of outlines are measured."""


def hull(points: NDArray[Any]) -> Polygon:
    """The convex outline of points (n, 2), n at least 1."""
    return np.asarray(cv2.convexHull(points.astype(np.float32)).reshape(-1, 2), np.float32)


def around(points: NDArray[Any], room: float, size: Size) -> Polygon:
    """The smallest rectangle around points (n, 2), at any turn, with a rim; what lies outside of the photo is cut off.

    `room`: width of the rim, in shares of the rectangle's longer side.
    """
    middle, (across, down), turn = cv2.minAreaRect(points.astype(np.float32))
    rim = 2 * room * max(across, down)
    box = hull(cv2.boxPoints((middle, (across + rim, down + rim), turn)))
    inner = cut(box, rectangle(size))
    return box if inner is None else inner


def rectangle(size: Size) -> Polygon:
    """The whole photo."""
    width, height = size
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)


def area(polygon: Polygon) -> float:
    """Square pixels."""
    return float(cv2.contourArea(polygon)) if len(polygon) > 2 else 0.0


def cut(polygon: Polygon, other: Polygon) -> Polygon | None:
    """What two outlines share; None where that is nothing."""
    if min(area(polygon), area(other)) <= 0:
        return None
    size, shared = cv2.intersectConvexConvex(polygon, other)
    return hull(np.asarray(shared).reshape(-1, 2)) if size > 0 and shared is not None else None


def overlap(a: Polygon, b: Polygon) -> float:
    """The share of the smaller outline that lies in the other one, 0 to 1."""
    shared = cut(a, b)
    return 0.0 if shared is None else min(1.0, area(shared) / min(area(a), area(b)))


def inside(points: NDArray[np.floating], polygon: Polygon, rim: float = 0.0) -> NDArray[np.bool_]:
    """Which of the points (n, 2) lie within an outline, or at most `rim` pixels outside of it."""
    at = (tuple(point) for point in points.astype(float).tolist())
    return np.array([cv2.pointPolygonTest(polygon, point, True) >= -rim for point in at], bool)


def gap(a: Polygon, b: Polygon) -> float:
    """Pixels between two outlines, to about a sixth of a side; 0 where they overlap."""
    return 0.0 if cut(a, b) is not None else float(distances([a, b])[0, 1])


def distances(polygons: Sequence[Polygon]) -> NDArray[np.float32]:
    """(n, n) pixels between the rims of outlines, to about a sixth of a side."""
    rims = [_along(polygon) for polygon in polygons]
    starts = np.cumsum([0, *(len(rim) for rim in rims[:-1])])
    points = np.concatenate(rims)
    squares = (points**2).sum(axis=1)
    apart = np.empty((len(rims), len(rims)), np.float32)
    for i, rim in enumerate(rims):
        squared = (rim**2).sum(axis=1)[:, None] + squares[None] - 2 * rim @ points.T
        apart[i] = np.minimum.reduceat(squared.min(axis=0), starts)
    return np.sqrt(np.maximum(np.minimum(apart, apart.T), 0.0))


def _along(polygon: Polygon) -> NDArray[np.float32]:
    """Points along the rim of an outline."""
    ends = np.roll(polygon, -1, axis=0)
    share = np.linspace(0, 1, _STEPS, endpoint=False, dtype=np.float32)[None, :, None]
    return np.asarray((polygon[:, None] * (1 - share) + ends[:, None] * share).reshape(-1, 2), np.float32)


def covered(pixels: Pixels, polygons: Sequence[Polygon]) -> NDArray[np.bool_]:
    """(height, width) where outlines lie on a picture."""
    mask = np.zeros(pixels.shape[:2], np.uint8)
    for polygon in polygons:
        cv2.fillConvexPoly(mask, np.rint(polygon).astype(np.int32), 1)
    return mask.astype(bool)


def paint(pixels: Pixels, over: NDArray[np.bool_], ground: NDArray[np.bool_]) -> None:
    """Paint a part of a picture over, in place, with the median colour of its ground; nothing where there is none."""
    colours = pixels[ground][::_EVERY]
    if over.any() and len(colours):
        pixels[over] = np.median(colours, axis=0).astype(np.uint8)


def in_shares(polygon: Polygon, size: Size) -> Outline:
    """An outline in shares of the photo's width and height, 0 to 1."""
    corners = np.clip(polygon / np.array(size, np.float32), 0.0, 1.0)
    return tuple((float(x), float(y)) for x, y in corners)
