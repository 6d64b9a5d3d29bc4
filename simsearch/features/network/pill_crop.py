"""Cuts a photo to its loose pills, so that they fill the network's input instead of a twentieth of it.

Where no pill is found, or one fills the photo, the whole photo is kept: a wrong crop is worse than none.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.features.network.pill_search import Outline, search

_AS_LARGE = 0.35
"""Area of a pill over that of the largest, at least: the rest are crumbs, or something else."""
_ROOM = 1.2
"""Side of the crop over the longer side of the pills."""
_NARROWEST = 0.1
"""Side of the crop over the photo's longer side, at least."""
_FILLS = 0.2
"""Share of the photo from which a pill fills it."""
_ALL = 0.85
"""Share of either side from which a crop would be most of the photo."""


@dataclass(frozen=True, eq=False)
class Crop:
    """A photo cut to its pills."""

    pixels: Pixels
    """A view of the photo; all of it where no pill is found, or one fills it."""
    outlines: tuple[Outline, ...]
    """For each pill (n, 2) points x, y in pixels of the crop, largest first; none where no pill is found."""
    origin: tuple[int, int]
    """The crop's left upper corner in the photo."""

    @property
    def placed(self) -> tuple[Outline, ...]:
        """The outlines in pixels of the whole photo."""
        return tuple(outline + np.array(self.origin, np.float32) for outline in self.outlines)


def crop_to_pills(pixels: Pixels) -> Pixels:
    """A square crop to the pills, clipped at the photo's rim; the whole photo where no pill is found."""
    return cropped_with_outlines(pixels)[0]


def cropped_with_outlines(pixels: Pixels) -> tuple[Pixels, tuple[Outline, ...]]:
    """The crop, and the outline (n, 2) of each pill in pixels of the crop; no outlines where no pill is found."""
    found = cropped(pixels)
    return np.ascontiguousarray(found.pixels), found.outlines


def cropped(pixels: Pixels) -> Crop:
    """The photo cut to its pills. `Image.once` keeps it for all methods that need it: it takes some 30 ms."""
    found = search(pixels)
    areas = [cv2.contourArea(outline) for outline in found]
    pills = [outline for outline, area in zip(found, areas, strict=True) if area >= _AS_LARGE * areas[0]]
    box = _box(pills, pixels) if pills and areas[0] < _FILLS * pixels.shape[0] * pixels.shape[1] else None
    if box is None:
        return Crop(pixels, tuple(pills), (0, 0))
    left, top, right, bottom = box
    moved = tuple(outline - np.array([left, top], np.float32) for outline in pills)
    return Crop(pixels[top:bottom, left:right], moved, (left, top))


def _box(pills: list[Outline], pixels: Pixels) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of the square around pills; None where that is most of the photo."""
    height, width = pixels.shape[:2]
    low: NDArray[np.float32] = np.min([outline.min(axis=0) for outline in pills], axis=0)
    high: NDArray[np.float32] = np.max([outline.max(axis=0) for outline in pills], axis=0)
    half = max(float((high - low).max()) * _ROOM, _NARROWEST * max(width, height)) / 2
    x, y = (float(at) for at in (low + high) / 2)
    left, right = (min(max(round(at), 0), width) for at in (x - half, x + half))
    top, bottom = (min(max(round(at), 0), height) for at in (y - half, y + half))
    most = right - left > _ALL * width and bottom - top > _ALL * height
    return None if most or right <= left or bottom <= top else (left, top, right, bottom)
