"""What is drawn over a copy: a strip along its rim, or words that the photo shines through.

On packages a strip of another colour is how makers mark a strength, so strips count on photos of loose pills alone.
What shines through is no print: print covers its ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.duplicates.light import Thumbnail
from simsearch.duplicates.pixel_diff import Box, in_one_light
from simsearch.duplicates.thumbnails import Shown

_APART = 14  # grey levels by which a channel of an overlay differs from the photo
_STRIP, _ALONG = 0.2, 0.3  # most of the height that a strip takes, and least share of each of its lines that differs
_STRAY = 0.004  # share of the pixels outside of a strip that may differ at `COARSE`, as encoding makes edges differ
_MUCH, _LITTLE, _LEAST = 0.25, 0.002, 0.001
"""Most and least of a photo, as shares, that words cover: of white words on white ground little is seen. Below the
second one nothing else differs, and the photo has to be seen through them without any doubt."""
_ONE_WAY = 0.97  # share of what differs that must be brighter, or darker
_EITHER_WAY = 0.1  # the same at `COARSE`: of what may differ the other way, at most
_THROUGH = (0.15, 0.75)  # opacity, 0 to 1, of what a photo shines through
_VARIED = 15.0  # grey levels of deviation that a photo must have below words, or nothing could shine through
_STROKE, _SOLID = 9, 0.2  # pixels across that strokes do not have, and most of what differs that may have them
_ONE_COLOUR = 0.1  # most that the opacities of two channels may be apart
_SHINES = 0.9  # least correlation of the photo with what is seen of it there
_SURELY = 0.98  # correlation from which less is asked of the photo below, and of the film
_SURELY_VARIED, _SURELY_ONE_COLOUR = 10.0, 0.15  # the same two limits there
_IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class Overlay:
    """What is drawn over one of two photos that lie frame on frame, and are one everywhere else."""

    place: Box
    share: float
    """Of the photo that it takes, 0 to 1."""


def overlay(a: Shown, b: Shown, *, pills: bool) -> Overlay | None:
    """What is drawn over one of two copies, or None. `pills`: whether both show loose pills."""
    other = _to(b.coarse, a.coarse)
    red, green, blue = cv2.split(cv2.absdiff(a.coarse, other))
    apart = np.asarray(cv2.max(cv2.max(red, green), blue) > _APART)
    share = np.count_nonzero(apart) / apart.size
    if not _LEAST <= share <= _MUCH:
        return None
    strip = _strip(a, b, apart) if pills and share >= _LITTLE else None
    if strip is not None or not _may_be_one_way(a, b, apart):
        return strip
    return _translucent(a, b)


def _may_be_one_way(a: Shown, b: Shown, apart: NDArray[np.bool_]) -> bool:
    """Whether most of what differs is brighter, or darker, on the second photo; of two other photos it is both."""
    x, y = a.nearer, b.nearer
    if x.shape != y.shape:
        y = np.asarray(cv2.resize(y, x.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    bright = float((y[apart] > x[apart]).mean())
    return min(bright, 1 - bright) <= _EITHER_WAY


def _to(pixels: Thumbnail, shape: Thumbnail) -> Thumbnail:
    height, width = shape.shape[:2]
    if pixels.shape == shape.shape:
        return pixels
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _strip(a: Shown, b: Shown, apart: NDArray[np.bool_]) -> Overlay | None:
    """A strip along the upper or the lower rim."""
    height = len(apart)
    lines = apart.mean(axis=1) >= _ALONG
    for upper in (True, False):
        along = lines if upper else lines[::-1]
        reach = int(np.flatnonzero(along[: int(_STRIP * height)]).max(initial=-1)) + 1
        rest = apart[reach + 1 :] if upper else apart[: height - reach - 1]
        if reach < 3 or not along[:reach].mean() > 0.8 or rest.mean() > _STRAY:
            continue
        share = (reach + 1) / height
        whole = a.pixels, _to(b.pixels, a.pixels)
        cut = int(np.ceil(share * len(whole[0])))
        left, right = (side[cut:] if upper else side[:-cut] for side in whole)
        if in_one_light(np.ascontiguousarray(left), np.ascontiguousarray(right), _IDENTITY):
            return Overlay((0.0, 0.0, 1.0, share) if upper else (0.0, 1 - share, 1.0, 1.0), share)
    return None


def _translucent(a: Shown, b: Shown) -> Overlay | None:
    """Words or a mark of one opacity."""
    x, y = a.pixels.astype(np.float32), _to(b.pixels, a.pixels).astype(np.float32)
    step = (y - x).mean(axis=2)
    differs = np.abs(step) > _APART / 2
    share = float(differs.mean())
    if not _LEAST <= share <= _MUCH:
        return None
    bright = float((step[differs] > 0).mean())
    if min(bright, 1 - bright) > 1 - _ONE_WAY:
        return None
    solid = cv2.erode(differs.astype(np.uint8), np.ones((_STROKE, _STROKE), np.uint8))
    if solid.mean() > _SOLID * share:  # words have strokes; another tablet has none
        return None
    either_way = ((x, y), (y, x))  # which of the two it is drawn over is not known
    seen = any(_shines(*way, differs, surely=share < _LITTLE) for way in either_way)
    return Overlay(_box(differs), share) if seen else None


def _box(marked: NDArray[np.bool_]) -> Box:
    """What surrounds all that is marked."""
    (height, width), (rows, columns) = marked.shape, np.nonzero(marked)
    return (
        float(columns.min() / width), float(rows.min() / height),
        float((columns.max() + 1) / width), float((rows.max() + 1) / height),
    )  # fmt: skip


def _shines(
    below: NDArray[np.float32], above: NDArray[np.float32], differs: NDArray[np.bool_], *, surely: bool
) -> bool:
    """Whether `above` is `below` under a film of black or white, of one opacity; `surely`: without any doubt."""
    x, y = below[differs], above[differs]
    room = 255 - x if float((y - x).mean()) > 0 else x
    opacity = np.abs(y - x).sum(axis=1) / np.maximum(room.sum(axis=1), 1.0)
    core = opacity >= np.quantile(opacity, 0.6)  # inside of the strokes; at their edges less was drawn
    if core.sum() < 20 or not _THROUGH[0] <= float(np.median(opacity[core])) <= _THROUGH[1]:
        return False
    by_channel = np.abs(y - x)[core].sum(axis=0) / np.maximum(room[core].sum(axis=0), 1.0)
    colour, grey = float(np.ptp(by_channel)), (x[core].mean(axis=1), y[core].mean(axis=1))
    varied = float(grey[0].std())
    if varied < _SURELY_VARIED:  # of next to one level nothing is correlated
        return False
    seen = float(np.corrcoef(*grey)[0, 1])
    if surely:
        return varied >= _VARIED and colour <= _ONE_COLOUR and seen >= _SURELY
    plainly = varied >= _VARIED and colour <= _ONE_COLOUR and seen >= _SHINES
    return plainly or (colour <= _SURELY_ONE_COLOUR and seen >= _SURELY)
