"""Where the lines are: differentiable binarization (Liao et al., "Real-time scene text detection", 2020).

The network gives each pixel the probability that it lies in the core of a line. Connected cores become rectangles, and
are grown to the full height of the letters. Thresholds are those that the model is published with; the shapes come from
the pipeline of `rapidocr`, with one difference: the grown rectangle is computed, where that clips polygons with whole
numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.features.reading.models import DETECTION, run
from simsearch.features.reading.quads import Quad

_STEP = 32
"""The network halves its input five times."""
_CORE = 0.3
"""Probability from which a pixel belongs to the core of a line."""
_LINE = 0.5
"""Mean probability from which a rectangle is a line."""
_GROWTH = 1.6
"""The margin around a core is this much of its area, over its perimeter."""
_LEAST_CORE = 3.0
"""Pixels across. Smaller cores are specks."""
_MOST_ENLARGED = 2.0
"""A picture is enlarged this much at most."""
_MOST_CORES = 1000


def detect(pixels: Pixels, side: int) -> list[Quad]:
    """The lines of a picture that is looked at with `side` pixels on its longer side.

    Each quad begins at a short side of its rectangle, so that the text runs along it, forwards or backwards. Whether it
    does is not known of one that is nearly square.
    """
    height, width = pixels.shape[:2]
    scale = min(side / max(height, width), _MOST_ENLARGED)
    seen = max(_STEP, round(width * scale / _STEP) * _STEP), max(_STEP, round(height * scale / _STEP) * _STEP)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = np.asarray(cv2.resize(pixels, seen, interpolation=way), np.uint8)
    cores = run(DETECTION, tensor(picture))[0, 0]
    back = np.array([width / seen[0], height / seen[1]])
    return [quad * back for quad in boxes(cores)]


def tensor(picture: Pixels) -> NDArray[np.float32]:
    """RGB (h, w, 3) as the networks take it: (1, 3, h, w), blue first, -1 to 1."""
    scaled = picture[:, :, ::-1].astype(np.float32) / np.float32(127.5) - np.float32(1.0)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))[None]


def boxes(cores: NDArray[np.float32]) -> list[Quad]:
    """Rectangles (4, 2) of the lines in a map of probabilities (h, w), in its pixels."""
    mask = cv2.dilate((cores > _CORE).astype(np.uint8), np.ones((2, 2), np.uint8))
    outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for outline in outlines[:_MOST_CORES]:
        centre, (a, b), degrees = cv2.minAreaRect(outline)
        if min(a, b) < _LEAST_CORE or _mean(cores, _corners((centre, (a, b), degrees))) < _LINE:
            continue
        margin = _GROWTH * a * b / (a + b)  # on both sides together: area over half the perimeter
        found.append(_quad(centre, a + margin, b + margin, degrees))
    return found


def _corners(rectangle: cv2.typing.RotatedRect) -> NDArray[np.float32]:
    return np.asarray(cv2.boxPoints(rectangle), np.float32)


def _mean(cores: NDArray[np.float32], corners: NDArray[np.float32]) -> float:
    """Mean probability within a rectangle (4, 2)."""
    height, width = cores.shape
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, [width - 1, height - 1])
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, [width - 1, height - 1])
    inside = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(inside, [(corners - [left, top]).astype(np.int32)], (1,))
    return float(cv2.mean(cores[top : bottom + 1, left : right + 1], inside)[0])


def _quad(centre: Sequence[float], a: float, b: float, degrees: float) -> Quad:
    """A rectangle whose sides `a` lie at `degrees`, as a quad that begins at a short side and runs to the right."""
    turn = np.deg2rad(degrees)
    along, across = np.array([np.cos(turn), np.sin(turn)]) * a / 2, np.array([-np.sin(turn), np.cos(turn)]) * b / 2
    if b > a:
        along, across = across, -along
    if along[0] < 0:
        along, across = -along, -across
    corners = [-along - across, along - across, along + across, across - along]
    return np.stack(corners) + np.asarray(centre, np.float64)
