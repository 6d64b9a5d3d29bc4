"""Geometry of lines.

A quad is (4, 2), x and y in pixels: top left, top right, bottom right, bottom left of the upright text.
"""

from __future__ import annotations

from math import hypot
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels

Quad: TypeAlias = NDArray[np.float64]


def size(quad: Quad) -> tuple[float, float]:
    """Length of a line along its writing, and its height."""
    (x, y), (right, along), _, (left, down) = quad.tolist()  # NumPy takes twenty times as long for two numbers
    return hypot(right - x, along - y), hypot(left - x, down - y)


def direction(quad: Quad) -> NDArray[np.float64]:
    """Unit vector (2,) along the writing."""
    along = (quad[1] - quad[0]).astype(np.float64)
    return np.asarray(along / max(float(np.linalg.norm(along)), 1e-9), np.float64)


def turned(quad: Quad, quarters: int) -> Quad:
    """The same place, read at `quarters` quarter turns."""
    return np.roll(quad, -quarters, axis=0)


def grown(quad: Quad, along: float, across: float) -> Quad:
    """`quad` with a margin at each end (`along`) and on both sides (`across`), in heights of the line."""
    x = (quad[1] - quad[0]) / max(size(quad)[0], 1e-9) * along * size(quad)[1]
    y = (quad[3] - quad[0]) * across
    return np.stack([quad[0] - x - y, quad[1] + x - y, quad[2] + x + y, quad[3] - x + y])


def holds(quad: Quad, point: NDArray[np.float64]) -> bool:
    """Whether `point` (2,) lies in `quad`."""
    return cv2.pointPolygonTest(quad.astype(np.float32), (float(point[0]), float(point[1])), False) >= 0


def cut(pixels: Pixels, quad: Quad, height: int, width: int) -> tuple[Pixels, NDArray[np.float64]]:
    """The place of `quad` as an upright picture (height, width, 3), and the homography (3, 3) back to `pixels`."""
    # OpenCV counts from the middle of the first pixel, a quad from its corner.
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    half = np.float32(0.5)
    there = cv2.getPerspectiveTransform(quad.astype(np.float32) - half, corners - half)
    upright = cv2.warpPerspective(
        pixels, there, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    back = cv2.getPerspectiveTransform(corners, quad.astype(np.float32))
    return np.asarray(upright, np.uint8), np.asarray(back, np.float64)


def upright(pixels: Pixels, quad: Quad) -> Pixels:
    """The line in `quad` as an upright picture, at the resolution that it has in `pixels`.

    Aligned reading cuts the lines of a catalog photo out of a query photo with it, after a homography moved the quad.
    """
    along, across = size(quad)
    return cut(pixels, quad, max(1, round(across)), max(1, round(along)))[0]
