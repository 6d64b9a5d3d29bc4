"""Finds loose pills in a photo, so that they fill the network's input instead of a twentieth of it.

Official photos show pills on plain ground beside a ruler, under a heading, sometimes as a print within a page. A grey
closing fills in everything thin and dark (ticks, letters, cross-hairs). The ground is a wide median of the closed
photo. A compact spot that differs from it is a pill. Where no pill is found, or one fills the photo (`filling_pill`),
the whole photo is kept: a wrong crop is worse than none.

Source: grey closing and opening by structuring elements (Serra 1982).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.images import resized
from simsearch.core.types import Pixels
from simsearch.features.network.filling_pill import filling_pill

_SIDE = 384  # working size; all lengths below are pixels at this size
_PRINT = 13  # closing: wider than the strokes of rulers and letters, narrower than a pill
_GROUND = 71  # median, at a third of the working size: wider than two pills side by side
_NECK = 9  # opening: cuts off whatever hangs on a pill by a thinner neck
_LEAST_CONTRAST = 4.5  # in the weighted CIELAB difference below; a white pill on white paper reaches about 6
_SAME_GROUND = 45.0  # largest difference of a spot's ground from the rim's; beyond it the "ground" is a large pill
_ROOM = 1.2  # side of the crop over the longer side of the pills
_ROUNDS = 3  # the first round may find a photo printed on a page, the next one its pills


@dataclass(frozen=True)
class _Spot:
    """A compact spot, in pixels at the working size."""

    left: int
    top: int
    right: int
    bottom: int
    area: int
    contrast: float
    """Mean difference from the ground around it."""
    outline: NDArray[np.int32]
    """(n, 2) points x, y."""


@dataclass(frozen=True)
class Pills:
    """Where the pills are in a photo, in pixels."""

    box: tuple[int, int, int, int]
    """Left, top, right, bottom of the square around them, clipped at the photo's rim."""
    outlines: tuple[NDArray[np.float32], ...]
    """For each pill (n, 2) points x, y."""


@dataclass(frozen=True, eq=False)
class Crop:
    """A photo cut to its pills."""

    pixels: Pixels
    """A view of the photo; all of it where no pill is found, or one fills it."""
    outlines: tuple[NDArray[np.float32], ...]
    """For each pill (n, 2) points x, y in pixels of the crop; none where no pill is found."""
    origin: tuple[int, int]
    """The crop's left upper corner in the photo."""

    @property
    def placed(self) -> tuple[NDArray[np.float32], ...]:
        """The outlines in pixels of the whole photo."""
        return tuple(outline + np.array(self.origin, np.float32) for outline in self.outlines)


def crop_to_pills(pixels: Pixels) -> Pixels:
    """A square crop to the pills, clipped at the photo's rim; the whole photo where no pill is found."""
    return cropped_with_outlines(pixels)[0]


def cropped_with_outlines(pixels: Pixels) -> tuple[Pixels, tuple[NDArray[np.float32], ...]]:
    """The crop, and the outline (n, 2) of each pill in pixels of the crop; no outlines where no pill is found.

    A photo that one pill fills is its own crop: what is found on that pill is its print.
    """
    found = cropped(pixels)
    return np.ascontiguousarray(found.pixels), found.outlines


def cropped(pixels: Pixels) -> Crop:
    """The photo cut to its pills. `Image.once` keeps it for all methods that need it: it takes some 50 ms."""
    outlines: tuple[NDArray[np.float32], ...] = ()
    origin = 0, 0
    for _ in range(_ROUNDS):
        filling = filling_pill(pixels)
        if filling is not None:
            outlines = (filling,)
            break
        found = find_pills(pixels)
        if found is None:
            break
        left, top, right, bottom = found.box
        side, whole = max(right - left, bottom - top), max(pixels.shape[:2])
        pixels, origin = pixels[top:bottom, left:right], (origin[0] + left, origin[1] + top)
        outlines = tuple(outline - np.array([left, top], np.float32) for outline in found.outlines)
        if side < 0.5 * whole:
            break  # near enough: another round would take the print on a pill for pills
    return Crop(pixels, outlines, origin)


def find_pills(pixels: Pixels) -> Pills | None:
    """Where the pills are; None where none is found, or where they fill the photo already."""
    scale = _SIDE / max(pixels.shape[:2])
    small = resized(pixels, _SIDE)
    height, width = small.shape[:2]
    if min(width, height) < _SIDE // 6:
        return None
    clean = np.asarray(cv2.morphologyEx(small, cv2.MORPH_CLOSE, _disc(_PRINT)), np.uint8)
    ground = _ground(clean)
    spots = list(_spots(_apart(_lab(clean), ground), ground))
    if not spots or len(spots) > 30:
        return None

    def pill_like(spot: _Spot) -> float:
        x = (spot.left + spot.right) / 2 / width - 0.5
        y = (spot.top + spot.bottom) / 2 / height - 0.5
        return float(spot.area**0.5 * np.exp(-2 * (x * x + y * y)) * min(spot.contrast, 40.0))

    best = max(spots, key=pill_like)
    pills = [s for s in spots if s.area >= 0.35 * best.area and s.contrast > 0.4 * best.contrast]
    left, top = min(s.left for s in pills), min(s.top for s in pills)
    right, bottom = max(s.right for s in pills), max(s.bottom for s in pills)
    half = max(max(right - left, bottom - top) * _ROOM, 0.1 * _SIDE) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    box = max(0.0, x - half), max(0.0, y - half), min(float(width), x + half), min(float(height), y + half)
    if box[2] - box[0] > 0.85 * width and box[3] - box[1] > 0.85 * height:
        return None
    found = [round(v / scale) for v in box]
    whole = found[0], found[1], min(found[2], pixels.shape[1]), min(found[3], pixels.shape[0])
    return Pills(whole, tuple(np.asarray(s.outline / scale, np.float32) for s in pills))


def _ground(clean: Pixels) -> Pixels:
    """CIELAB colour (h, w, 3) of the ground at each pixel."""
    height, width = clean.shape[:2]
    third = cv2.resize(clean, (max(1, width // 3), max(1, height // 3)), interpolation=cv2.INTER_AREA)
    return _lab(np.asarray(cv2.resize(cv2.medianBlur(third, _GROUND), (width, height)), dtype=np.uint8))


def _rim(ground: Pixels) -> NDArray[np.float32]:
    """Median CIELAB colour (3,) of the photo's rim."""
    rim = np.concatenate([ground[0], ground[-1], ground[:, 0], ground[:, -1]])
    return np.asarray(np.median(rim.astype(np.float32), axis=0))


_WEIGHTS = np.array([0.6, 1.8, 1.8], np.float32)
"""Weights of CIELAB differences: lightness counts less than hue, because shadows change it."""
_SQUARES = [(np.arange(256, dtype=np.float32) * weight) ** 2 for weight in _WEIGHTS]


def _apart(a: Pixels, b: Pixels) -> NDArray[np.float32]:
    """Distance (h, w) of the CIELAB colours of two pictures (h, w, 3)."""
    # Plane by plane and by tables. In floats, three to a pixel, it took half of the time of a photo of pills.
    planes = cv2.split(cv2.absdiff(a, b))
    lightness, red, yellow = (cv2.LUT(plane, table) for plane, table in zip(planes, _SQUARES, strict=True))
    return np.sqrt(np.asarray(lightness + red + yellow, np.float32))


def _apart_from(ground: Pixels, colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance (h, w) of each pixel of `ground` (h, w, 3) from one CIELAB colour (3,)."""
    return np.asarray(np.sqrt((((ground - colour) * _WEIGHTS) ** 2).sum(axis=2)), dtype=np.float32)


def _spots(difference: NDArray[np.float32], ground: Pixels) -> Iterator[_Spot]:
    """Compact spots that stand out from the ground and do not touch the rim; the ground is that of the photo's rim.

    Args:
        difference: (h, w) distance of each pixel from the ground around it.
        ground: (h, w, 3) CIELAB colour of that ground.
    """
    height, width = difference.shape
    rim = _rim(ground)
    least = max(_LEAST_CONTRAST, 2.5 * float(np.median(difference)))
    mask = (difference > least).astype(np.uint8)
    # A pale pill may show only its shaded rim: fill in whatever a rounded rim encloses.
    contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    for contour, (_, _, _, parent) in zip(contours, tree[0] if tree is not None else (), strict=True):
        area = cv2.contourArea(contour)
        if parent >= 0 and area < 0.08 * height * width and area > 0.6 * cv2.contourArea(cv2.convexHull(contour)):
            cv2.drawContours(mask, [contour], -1, 1, cv2.FILLED)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, _disc(_NECK)), np.uint8)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask)
    for i in range(1, count):
        left, top, across, down, area = (int(v) for v in boxes[i])
        right, bottom = left + across, top + down
        if not 0.001 * height * width <= area <= 0.35 * height * width:
            continue
        if left <= 1 or top <= 1 or right >= width - 1 or bottom >= height - 1:
            continue
        own = labels[top:bottom, left:right] == i
        if float(_apart_from(ground[top:bottom, left:right], rim)[own].mean()) > _SAME_GROUND:
            continue
        [outline, *_], _ = cv2.findContours(own.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        hull = cv2.contourArea(cv2.convexHull(outline))
        _, (a, b), _ = cv2.minAreaRect(outline)
        if hull <= 0 or area < 0.7 * hull or max(a, b) > 6 * min(a, b):
            continue
        contrast = float(difference[top:bottom, left:right][own].mean())
        yield _Spot(left, top, right, bottom, area, contrast, outline.reshape(-1, 2) + np.array([left, top], np.int32))


def _lab(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(cv2.GaussianBlur(pixels, (3, 3), 0), cv2.COLOR_RGB2LAB), dtype=np.uint8)


def _disc(size: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)
