"""What one pill looks like, in numbers that no turn of the photo changes.

Colours are medians over each half along the pill, so that print and reflections do not count. The outline is told by
its radii around the centre. A score line is a straight groove through the centre, from rim to rim.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.features.pills.imprint import KEPT_MARKS, MARK
from simsearch.features.pills.outlines import SIDE, Outline, Turned, turned

RADII = 32
"""Directions in which the outline is measured."""
KEPT = 3
"""Turns of a pill whose faces are kept: those that the network takes to be the right way up."""
EMBEDDING = 128
"""Numbers of the network's embedding of a face."""
LOOK: np.dtype[Any] = np.dtype(
    [
        ("colours", "<f4", (2, 3)),  # CIELAB of the two halves: L 0 to 100, a and b about -100 to 100
        ("ground", "<f4", (3,)),  # CIELAB of what the pill lies on
        ("ratio", "<f4"),  # longer side over the shorter one, 1 upwards
        ("solidity", "<f4"),  # area over that of the convex hull, 0 to 1
        ("fill", "<f4"),  # area over that of the rectangle around it, 0 to 1
        ("size", "<f4", (2,)),  # longer and shorter side, millimetres; 0 where no ruler was read
        ("radii", "<f4", (RADII,)),  # from the centre, from the longer side on, over that of a disc of equal area
        ("score", "<f4"),  # how much deeper the deepest straight line through the centre is than the others, 0 upwards
        ("speckle", "<f4"),  # spread of the lightness from pixel to pixel
        ("faces", "<f2", (KEPT, EMBEDDING)),  # the network's embeddings, of length 1; the likeliest turn first
        ("imprint", MARK, (KEPT_MARKS,)),  # the characters read on its face, in their order; see `imprint`
        ("place", "<f4", (4,)),  # centre x, y, radius of a disc of equal area, in shares of the longer side; angle
    ]
)  # fmt: skip
"""A pill. All numbers are finite."""

_TURNS = 24
"""Directions in which a score line is sought."""


def look_of(pixels: Pixels, outline: Outline) -> NDArray[Any]:
    """The pill within `outline`, as one element () of `LOOK`."""
    pill = turned(pixels, outline)
    row = np.zeros((), LOOK)
    lab = cv2.cvtColor(pill.pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    row["colours"] = _halves(lab, pill)
    row["ground"] = _ground(lab, pill)
    area = max(cv2.contourArea(pill.outline), 1.0)
    low, high = sorted(max(side, 1.0) for side in cv2.minAreaRect(pill.outline)[1])
    row["ratio"] = high / low
    row["solidity"] = min(1.0, area / max(cv2.contourArea(cv2.convexHull(pill.outline)), 1.0))
    row["fill"] = min(1.0, area / (low * high))
    row["radii"] = radii(pill.outline, area)
    row["score"] = _score(lab[..., 0], pill)
    row["speckle"] = _speckle(lab[..., 0], pill)
    longer = max(pixels.shape[:2])
    row["place"] = (*(at / longer for at in pill.centre), (area / np.pi) ** 0.5 / pill.scale / longer, pill.angle)
    return row


def radii(outline: Outline, area: float) -> NDArray[np.float32]:
    """(RADII,) how far the outline is from its centre in each direction, over the radius of a disc of equal area."""
    moments = cv2.moments(outline)
    weight = max(moments["m00"], 1e-6)
    off = outline - np.array([moments["m10"], moments["m01"]], np.float32) / weight
    angles, away = np.arctan2(off[:, 1], off[:, 0]), np.hypot(off[:, 0], off[:, 1])
    order = np.argsort(angles)
    wanted = np.arange(RADII) * 2 * np.pi / RADII - np.pi
    found = np.interp(wanted, angles[order], away[order], period=2 * np.pi)
    return np.asarray(np.roll(found, RADII // 2) / (area / np.pi) ** 0.5, np.float32)


def _inside(pill: Turned, share: float) -> NDArray[np.bool_]:
    """The pill without its rim; `share` of its shorter half."""
    depth = cv2.distanceTransform(pill.mask, cv2.DIST_L2, 5)
    return np.asarray(depth > share * float(depth.max()))


def _halves(lab: NDArray[Any], pill: Turned) -> NDArray[np.float32]:
    """(2, 3) median colour left and right of the middle, the joint and both ends left out."""
    inner = _inside(pill, 0.25)
    columns = np.flatnonzero(inner.any(axis=0))
    left, right = (columns[0], columns[-1]) if len(columns) else (0, SIDE - 1)
    across = (np.arange(SIDE) - left) / max(1, right - left)
    found = []
    for low, high in ((0.03, 0.42), (0.58, 0.97)):
        part = inner & ((across >= low) & (across <= high))[None]
        places = lab[part] if np.count_nonzero(part) >= 5 else lab[pill.mask == 1]
        found.append(np.median(places, axis=0) if len(places) else np.zeros(3))
    return np.asarray(found, np.float32)


def _ground(lab: NDArray[Any], pill: Turned) -> NDArray[np.float32]:
    """(3,) median colour beside the pill, of the lighter half: the other may lie in its shadow."""
    beside = cv2.dilate(pill.mask, np.ones((9, 9), np.uint8)) == 0
    places = lab[beside] if np.count_nonzero(beside) >= 10 else lab.reshape(-1, 3)
    lit = places[places[:, 0] >= np.median(places[:, 0])]
    return np.asarray(np.median(lit, axis=0), np.float32)


def _score(lightness: NDArray[Any], pill: Turned) -> float:
    """How much the clearest groove through the centre stands out, in units of the spread of all directions."""
    groove = np.abs(cv2.GaussianBlur(lightness, (0, 0), 1.5) - cv2.GaussianBlur(lightness, (0, 0), 5.0))
    groove[~_inside(pill, 0.3)] = np.nan
    moments = cv2.moments(pill.mask, True)
    centre = np.array([moments["m10"], moments["m01"]]) / max(moments["m00"], 1)
    along = np.linspace(-0.5, 0.5, 61) * SIDE
    ways = np.arange(_TURNS) * np.pi / _TURNS
    aside = np.arange(-3, 4) * 1.5
    x = centre[0] + np.cos(ways)[:, None, None] * along - np.sin(ways)[:, None, None] * aside[:, None]
    y = centre[1] + np.sin(ways)[:, None, None] * along + np.cos(ways)[:, None, None] * aside[:, None]
    seen = groove[np.clip(np.rint(y), 0, SIDE - 1).astype(int), np.clip(np.rint(x), 0, SIDE - 1).astype(int)]
    counts = np.isfinite(seen).sum(axis=2)
    # The lower quartile along the line: letters that it crosses are not there from rim to rim.
    ordered = np.sort(seen, axis=2)  # what lies outside the pill, not a number, comes last
    quartile = np.take_along_axis(ordered, np.maximum(counts - 1, 0)[..., None] // 4, axis=2)[..., 0]
    low = np.where(counts > 4, np.nan_to_num(quartile), 0.0)
    best = low.max(axis=1)
    return float((best.max() - np.median(best)) / (1.0 + np.median(best)))


def _speckle(lightness: NDArray[Any], pill: Turned) -> float:
    inner = _inside(pill, 0.3)
    fine = lightness - cv2.GaussianBlur(lightness, (0, 0), 2.0)
    return float(np.median(np.abs(fine[inner]))) if inner.any() else 0.0
