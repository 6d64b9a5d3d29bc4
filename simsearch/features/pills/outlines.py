"""The outlines of all loose pills in a photo, and each pill turned so that its longer side lies level."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Image, Pixels
from simsearch.features.network.frames import halved, warped
from simsearch.features.network.pill_crop import cropped

Outline = NDArray[np.float32]
"""(n, 2) points x, y in pixels of the photo."""

MOST = 8
"""Pills of a photo that are described: the largest."""
SIDE = 160
"""Side of the picture of one pill, in pixels."""
_ROOM = 0.88
"""Longer side of the pill over the side of its picture."""


@dataclass(frozen=True)
class Turned:
    """One pill by itself, its longer side level, in a square of `SIDE` pixels."""

    pixels: Pixels
    """(SIDE, SIDE, 3), the ground around it included."""
    mask: NDArray[np.uint8]
    """(SIDE, SIDE) of 0 and 1."""
    outline: Outline
    """In pixels of this picture."""
    centre: tuple[float, float]
    """x, y in the photo, in pixels."""
    angle: float
    """Of the longer side in the photo, in radians, 0 to pi."""
    scale: float
    """Pixels of this picture to one of the photo."""


def pills_in(image: Image) -> list[Outline]:
    """The outlines of at most `MOST` pills, largest first; none where no pill is found."""
    found = sorted(image.once(cropped).placed, key=lambda outline: -cv2.contourArea(outline))
    return [outline for outline in found[:MOST] if len(outline) >= 8 and cv2.contourArea(outline) >= 30]


def turned(pixels: Pixels, outline: Outline) -> Turned:
    """The pill within `outline`, turned and scaled."""
    (x, y), (a, b), degrees = cv2.minAreaRect(outline)
    angle = np.radians(degrees if a >= b else degrees + 90) % np.pi
    scale = _ROOM * SIDE / max(a, b, 1.0)
    cos, sin = float(np.cos(angle)) * scale, float(np.sin(angle)) * scale
    matrix = np.array([[cos, sin, 0], [-sin, cos, 0]])
    matrix[:, 2] = SIDE / 2 - matrix[:, :2] @ (x, y)
    picture = warped(halved(pixels, scale), matrix, (SIDE, SIDE))
    moved = (outline @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mask, [np.rint(moved).astype(np.int32)], 1)
    return Turned(picture, mask, moved, (float(x), float(y)), float(angle), scale)
