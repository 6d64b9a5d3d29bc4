"""One pill that fills its photo: its outline, or that there is none.

The photo is cut at 128 pixels by GrabCut, started from what stands out of the ground (`pill_ground`). Lamps and shadows
make it err in known ways: half of a two-coloured capsule is taken for ground, a shadow hangs on the pill, a white pill
shows one side only. Each of these has a proposal that mends it. The proposal that looks most like a pill is taken.

Source: GrabCut (Rother, Kolmogorov and Blake 2004).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.images import resized
from simsearch.core.types import Pixels
from simsearch.features.network.pill_ground import Apart, apart

Mask = NDArray[np.uint8]
"""(h, w) of 0 and 1."""

_SIDE = 128  # working size; all lengths below are pixels at this size
_LEAST, _MOST = 0.04, 0.97  # share of the photo that stands out, for a pill to fill it
_LEVELS = (1.0, 0.5)  # of Otsu's threshold: the second for pills of nearly the ground's colour
_GOOD = 1.0  # score from which no further level is tried
_NEEDED = 0.45  # score of a pill; official photos and pages that pass the other rules lie below it half of the time
_ROUNDING, _MORE = 0.4, 0.8  # opening, in shares of the widest disc inside: cuts off shadows, keeps corners
_ROUNDED = 0.9  # what rounding more must gain, since it also rounds true corners
_CONVEX = 0.975  # share of the convex hull from which nothing hangs on a pill
_FLAT = 0.75  # width at an end over the width in all, from which the end is flat: half of a capsule


@dataclass(frozen=True)
class _Cut:
    """A proposal."""

    mask: Mask
    outline: NDArray[np.int32]
    """(n, 2) points x, y."""
    area: int
    share: float
    """Of the photo that it covers, 0 to 1."""
    solidity: float
    """Its area over that of its convex hull."""
    fill: float
    """Its area over that of the smallest rectangle around it."""
    ratio: float
    """Sides of that rectangle, the longer over the shorter."""
    contrast: float
    """How far it stands out, over how far the rest does."""
    middle: bool
    """Whether the middle of the photo is inside."""
    score: float
    """How much it looks like a pill: 0 to about 1.7."""


def filling_pill(pixels: Pixels) -> NDArray[np.float32] | None:
    """The outline (n, 2) of the pill that fills the photo, in its pixels; None where none does.

    It holds the middle of the photo, covers a fifth of it or more, is convex, rounded and in one piece, and stands out
    more than all else. A rectangle of a page's shape is a page.
    """
    return _outline(pixels, _fills)


def outlined(pixels: Pixels) -> NDArray[np.float32] | None:
    """The outline (n, 2) of what looks most like a pill in a cut-out around it, in pixels; None where nothing does."""
    return _outline(pixels, lambda cut: cut.middle and cut.score >= _NEEDED)


def _outline(pixels: Pixels, wanted: Callable[[_Cut], bool]) -> NDArray[np.float32] | None:
    """The outline of the best cut, in pixels of the photo, if it is as wanted."""
    small = resized(pixels, _SIDE)
    if min(small.shape[:2]) < _SIDE // 6:
        return None
    best = max(_proposals(apart(small)), key=lambda cut: cut.score, default=None)
    if best is None or not wanted(best):
        return None
    scale = np.array([pixels.shape[1] / small.shape[1], pixels.shape[0] / small.shape[0]])
    return np.asarray((best.outline + 0.5) * scale, np.float32)


def _fills(cut: _Cut) -> bool:
    page = cut.fill > 0.9 and cut.ratio < 1.6
    shaped = cut.solidity >= 0.92 and cut.fill >= 0.62 and cut.ratio < 4.5
    return cut.middle and cut.share >= 0.2 and shaped and cut.contrast > 2 and not page and cut.score >= _NEEDED


def _proposals(photo: Apart) -> Iterator[_Cut]:
    """Cuts that may be a pill; none where the middle of the photo looks like its ground: those photos take no time."""
    levels = np.clip(photo.distance * 2, 0, 255).astype(np.uint8)  # half units: pale pills stand out by 3 or 4
    otsu = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)[0] / 2
    height, width = levels.shape
    middle = photo.distance[2 * height // 5 : 3 * height // 5 + 1, 2 * width // 5 : 3 * width // 5 + 1]
    if float(np.median(middle)) < max(otsu * _LEVELS[-1], 2.0, 1.5 * photo.noise):
        return
    good = False
    for level in _LEVELS:
        for first in _tidied(photo, _cut(photo, photo.distance > max(otsu * level, 2.0, 1.5 * photo.noise))):
            yield first
            good = good or first.score > _GOOD
            if first.solidity > 0.9 and first.ratio < 2.2 and first.share > 0.05:
                for whole in _mirrored(first):
                    for second in _tidied(photo, _recut(photo, whole)):
                        yield second
                        good = good or second.score > _GOOD
        if good:
            return


def _cut(photo: Apart, start: NDArray[np.bool_]) -> Mask | None:
    """GrabCut from what stands out; None where that is too little for a pill, or nearly all."""
    if not _LEAST <= start.mean() <= _MOST:
        return None
    return _grab(photo, np.where(start, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8), 2)


def _recut(photo: Apart, mask: Mask) -> Mask | None:
    """GrabCut once more in a band along the outline of `mask`."""
    band = _disc(2 * max(1, int(0.12 * float(np.count_nonzero(mask)) ** 0.5)) + 1)
    core, near = cv2.erode(mask, band), cv2.dilate(mask, band)
    if not core.any() or near.all():
        return None
    start = np.where(mask == 1, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    start[core == 1], start[near == 0] = cv2.GC_FGD, cv2.GC_BGD
    return _grab(photo, start, 1)


def _grab(photo: Apart, start: Mask, rounds: int) -> Mask:
    own, ground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # k-means draws: the seed is the thread's own
    cv2.grabCut(photo.picture, start, (0, 0, 0, 0), own, ground, rounds, cv2.GC_INIT_WITH_MASK)
    return np.asarray((start == cv2.GC_FGD) | (start == cv2.GC_PR_FGD), np.uint8)


def _tidied(photo: Apart, mask: Mask | None) -> Iterator[_Cut]:
    """The part of a mask that matters, rounded; and rounded more where something hangs on it."""
    found = None if mask is None else _rounded(_main_part(mask), _ROUNDING)
    if found is None:
        return
    cut = _judged(photo, found)
    yield cut
    if cut.solidity < _CONVEX:
        rounder = _rounded(found, _MORE)
        if rounder is not None:
            yield _judged(photo, rounder, _ROUNDED)


def _main_part(mask: Mask) -> Mask | None:
    """The largest part, the nearer to the middle the better, with its holes filled."""
    height, width = mask.shape
    count, labels, boxes, centres = cv2.connectedComponentsWithStats(cv2.morphologyEx(mask, cv2.MORPH_OPEN, _disc(5)))
    if count < 2:
        return None
    away = ((centres[1:] / (width, height) - 0.5) ** 2).sum(axis=1)
    best = 1 + int(np.argmax(boxes[1:, cv2.CC_STAT_AREA] * np.exp(-6 * away)))
    [outline, *_], _ = cv2.findContours((labels == best).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return _painted([outline], (height, width))


def _painted(outlines: list[NDArray[np.int32]], shape: tuple[int, int]) -> Mask:
    mask = np.zeros(shape, np.uint8)
    cv2.drawContours(mask, outlines, -1, 1, cv2.FILLED)
    return mask


def _rounded(mask: Mask | None, share: float) -> Mask | None:
    """The mask opened by a disc of `share` of the widest one inside it; beyond the photo's rim it goes on."""
    if mask is None or float(mask.mean()) > 0.97:
        return None
    widest = float(cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 5).max())
    across = max(3, int(2 * share * widest) | 1)
    opened = cv2.morphologyEx(np.pad(mask, across, mode="edge"), cv2.MORPH_OPEN, _disc(across))
    inner = np.ascontiguousarray(opened[across:-across, across:-across])
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(inner)
    if count < 2:
        return None
    return np.asarray(labels == 1 + int(np.argmax(boxes[1:, cv2.CC_STAT_AREA])), np.uint8)


def _mirrored(cut: _Cut) -> Iterator[Mask]:
    """The cut together with its mirror image at each flat end: the capsule of which it may be half."""
    height, width = cut.mask.shape
    points = cut.outline.astype(np.float64)
    centre = np.argwhere(cut.mask)[:, ::-1].mean(axis=0)
    angle = np.radians(cv2.minAreaRect(cut.outline)[2])
    for turn in range(4):
        way = np.array([np.cos(angle + turn * np.pi / 2), np.sin(angle + turn * np.pi / 2)])
        along, aside = (points - centre) @ way, (points - centre) @ np.array([-way[1], way[0]])
        end = along > along.max() - 1 - 0.12 * np.ptp(along)
        if np.ptp(aside[end]) < _FLAT * np.ptp(aside):
            continue
        flip = np.eye(2) - 2 * np.outer(way, way)
        shift = 2 * (float(centre @ way) + along.max() - 1) * way
        matrix = np.column_stack([flip, shift]).astype(np.float32)
        yield cut.mask | np.asarray(
            cv2.warpAffine(cut.mask, matrix, (width, height), flags=cv2.INTER_NEAREST), np.uint8
        )


def _judged(photo: Apart, mask: Mask, factor: float = 1.0) -> _Cut:
    height, width = mask.shape
    [contour, *_], _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    area = int(np.count_nonzero(mask))
    solidity = cv2.contourArea(contour) / max(cv2.contourArea(cv2.convexHull(contour)), 1.0)
    low, high = sorted(side + 1 for side in cv2.minAreaRect(contour)[1])
    inside, middle = mask == 1, bool(mask[height // 2, width // 2])
    rest = float(photo.distance[~inside].mean()) if area < mask.size else np.inf
    outline = np.asarray(contour.reshape(-1, 2), np.int32)
    free = ((outline > 1) & (outline < (width - 2, height - 2))).all(axis=1)
    looks = solidity**6 * _symmetry(mask) ** 2 * min(1.0, area / mask.size / 0.12) ** 0.5 * float(free.mean())
    score = looks * _edge(photo.picture, outline[free]) ** 0.5 * (1.0 if middle else 0.5) * factor
    contrast = float(photo.distance[inside].mean()) / max(rest, 1e-3)
    return _Cut(
        mask, outline, area, area / mask.size, solidity, area / (low * high), high / low, contrast, middle, score
    )


def _symmetry(mask: Mask) -> float:
    """What the mask shares with itself turned by half a circle, over what either covers: 1 for most pills."""
    x, y = np.argwhere(mask)[:, ::-1].mean(axis=0).tolist()
    half = np.array([[-1, 0, 2 * x], [0, -1, 2 * y]], np.float32)
    size = mask.shape[1], mask.shape[0]
    turned = np.asarray(cv2.warpAffine(mask, half, size, flags=cv2.INTER_NEAREST), np.uint8)
    return int(np.count_nonzero(turned & mask)) / max(1, int(np.count_nonzero(turned | mask)))


def _edge(picture: Pixels, outline: NDArray[np.int32]) -> float:
    """How far the outline lies on an edge: its lower quartile of steepness over the photo's median; at most 3."""
    if not len(outline):
        return 0.0
    across, down = (cv2.Sobel(picture, cv2.CV_32F, dx, 1 - dx, scale=0.25) for dx in (1, 0))
    steep = np.sqrt((across**2 + down**2).sum(axis=2))
    near = cv2.dilate(steep, np.ones((5, 5), np.uint8))
    quartile = float(np.percentile(near[outline[:, 1], outline[:, 0]], 25))
    return min(quartile / max(1.0, float(np.median(near))), 3.0)


def _disc(size: int) -> Mask:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)
