"""Pixel comparison of two photos that an affine map aligns.

Keypoints cannot tell two tablets beside one ruler apart, nor two strengths in one layout: they agree except in a small
place. If one photo was made from the other, the pixels agree everywhere, up to encoding, scaling and another light.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.images import resized
from simsearch.core.types import Pixels
from simsearch.duplicates.aligned import Aligned, Compared, allowed, missed
from simsearch.duplicates.light import Thumbnail, entropy, relit, without_colour
from simsearch.duplicates.same_photo import Affine, Points, area, inverse, moved

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom, as shares of width and height, 0 to 1."""

SIDE, COARSE = 320, 160
"""Pixels on the longer side of what is compared, and of what a map is refined on."""
_LEAST_COMMON = 0.05  # share of the photo with less detail; a smaller common part proves nothing
_NOISE = 12.0  # grey levels by which encoding and scaling change a pixel
_BRIGHT, _DARK = 252, 3  # grey levels beyond which brightening may have clipped the picture
_MOST = 8  # places reported
_LARGEST = 3e-4  # share of the common part, 20 to 30 pixels; a larger difference is no matter of encoding
_OFFSETS = [(1, 1), (0, 1), (1, 0), (2, 1), (1, 2)]  # the transform may be off by one pixel
_FAINT = 0.01  # share of the common part that may differ by more than noise where little is left of a photo
_SURELY = 0.8  # bits by which the entropy of a photo in another light is lower, for sure
_SOLID, _LARGE = np.ones((13, 13), np.uint8), np.ones((21, 21), np.uint8)
"""A place that is more than an edge, and one that is none though two photos are a pixel apart. Of 818 pairs of copies
(seed 97) 3 were one photo with a place as large as the second one, seen in the right light."""
_REACH = 5  # pixels around a place that a mean beside it is taken of
_STRANGE = 0.4  # share of the common part; where more differs at first, a pixel beside helps nothing
_OTHER_LIGHT = 0.1  # share of the common part; where more differs, it is not in one light
_REFINING, _STEADY = 10, 1e-3  # steps at most, and the gain in correlation below which they end


@dataclass(frozen=True)
class PixelTest:
    """Where two aligned photos differ."""

    largest: float
    """Size of the largest place that differs, as a share of the common part, 0 to 1."""
    differing: float
    """Total size of all places that differ, as a share of the common part, 0 to 1."""
    places: tuple[tuple[Box, Box], ...]
    """Places too large to come from encoding, as boxes in the first and the second photo; largest first, at most 8."""

    @property
    def same(self) -> bool:
        """Whether encoding, scaling and brightening explain every difference."""
        return not self.places


def thumbnail(pixels: Pixels) -> Thumbnail:
    """The photo at the size of the comparison."""
    return resized(pixels, SIDE)


def coarse(pixels: Thumbnail) -> Thumbnail:
    """A thumbnail at the size that maps are refined on."""
    return resized(pixels, COARSE)


class PixelPair:
    """Two photos that are compared under several maps.

    A point x, y of the first lies at matrix @ (x, y, 1) in the second, in pixels of the thumbnails; maps can be
    inverted.
    """

    def __init__(self, a: Thumbnail, b: Thumbnail) -> None:
        self._sides = Compared(a), Compared(b)
        self._known: dict[bytes, Aligned] = {}

    def in_one_light(self, matrix: Affine) -> bool:
        """Whether the common part agrees as it is: most copies are in the same light."""
        aligned = self._aligned(matrix)
        if aligned.shown < _LEAST_COMMON * aligned.inside.size:
            return False
        x, y, enough = aligned.here, aligned.there, _LARGEST * aligned.shown
        bad = aligned.bad
        if np.count_nonzero(bad) > _OTHER_LIGHT * aligned.shown:
            return False
        bad, room = bad.copy(), aligned.other.allowed
        for down, across in _OFFSETS[1:]:
            if np.count_nonzero(bad) <= enough:
                return True
            box = _around(bad)
            bad[box] &= missed(x[box], y[box], down, across) > room[box]
        _, _, stats, _ = cv2.connectedComponentsWithStats(bad.astype(np.uint8))
        return bool(stats[1:, cv2.CC_STAT_AREA].max(initial=0) <= enough)

    def test(self, matrix: Affine) -> PixelTest | None:
        """Compare the common part of both, whatever their light; None if it is too small."""
        aligned = self._aligned(matrix)
        if aligned.shown < _LEAST_COMMON * aligned.inside.size:
            return None
        enough = _LARGEST * aligned.shown
        bad = _unlike(aligned, enough)
        if not bad.any():
            return PixelTest(0.0, 0.0, ())
        _, labels, stats, _ = cv2.connectedComponentsWithStats(bad.astype(np.uint8))
        areas = stats[1:, cv2.CC_STAT_AREA]
        large = [1 + int(i) for i in np.argsort(-areas, kind="stable")[:_MOST] if areas[i] > enough]
        swapped = area(matrix) > 1
        back = matrix if swapped else inverse(matrix)
        places = []
        for label in large:
            rows, columns = np.nonzero(labels == label)
            points = np.stack([columns, rows], axis=1).astype(np.float64)
            place = _box(moved(back, points), aligned.photo.pixels), _box(points, aligned.other.pixels)
            places.append(place[::-1] if swapped else place)
        differing = float(np.count_nonzero(bad)) / aligned.shown
        return PixelTest(float(areas.max(initial=0)) / aligned.shown, differing, tuple(places))

    def _aligned(self, matrix: Affine) -> Aligned:
        """Both in the frame of the one with less detail, to whose scale the other is brought."""
        key = matrix.tobytes()
        if key not in self._known:
            a, b = self._sides
            self._known[key] = Aligned(b, a, inverse(matrix)) if area(matrix) > 1 else Aligned(a, b, matrix)
        return self._known[key]


def in_one_light(a: Thumbnail, b: Thumbnail, matrix: Affine) -> bool:
    """See `PixelPair.in_one_light`."""
    return PixelPair(a, b).in_one_light(matrix)


def pixel_test(a: Thumbnail, b: Thumbnail, matrix: Affine) -> PixelTest | None:
    """See `PixelPair.test`."""
    return PixelPair(a, b).test(matrix)


def _unlike(aligned: Aligned, enough: float) -> NDArray[np.bool_]:
    """(height, width) where light explains no difference; which way light went is tried where more than `enough` do."""
    here, there, inside = aligned.here, aligned.there, aligned.inside
    if aligned.photo.grey != aligned.other.grey:
        # A grey copy has the same grey. With a curve, another object of another colour could have it too, unless its
        # colour burnt out.
        plain = [without_colour(side) for side in (here, there)]
        bad = _differs(iter(plain[:1]), plain[1], allowed(plain[1]), inside, enough)
        if np.count_nonzero(bad) <= enough:
            return bad
    if np.count_nonzero(aligned.bad) <= enough:  # most copies are in the same light
        return aligned.bad
    # What was burnt out of one photo is still in the other: a curve leads from this to that, and none leads back.
    # A curve merges levels and parts none, so it leads to the photo with the lower entropy.
    apart = entropy(here, inside) - entropy(there, inside)
    tried = []
    for x, y in ((here, there), (there, here)) if apart >= 0 else ((there, here), (here, there)):
        room = aligned.other.allowed if y is there else allowed(y)
        tried.append(_differs(relit(x, y, inside, aligned.flat), y, room, inside, enough))
        if np.count_nonzero(tried[-1]) <= enough or abs(apart) > _SURELY:
            return tried[-1]
    return min(tried, key=np.count_nonzero)


def remaining(a: Thumbnail, b: Thumbnail, matrix: Affine) -> float:
    """What one light leaves of the difference: mean over the common part, in grey levels.

    Where little is left of a photo that was burnt out, many others agree with it; the one that it was made from agrees
    best. 255 where more than a hundredth of the common part differs by more than noise: of 155 official photos
    that burnt out, 5 do.
    """
    if area(matrix) > 1:
        return remaining(b, a, inverse(matrix))
    aligned = Aligned(Compared(a), Compared(b), matrix)
    here, there, inside = aligned.here, aligned.there, aligned.inside
    left = 255.0
    for x, y in ((here, there), (there, here)):
        target, lit = _unclipped(y), [_unclipped(one) for one in relit(x, y, inside, aligned.flat)]
        apart = np.sqrt(
            np.minimum.reduce([missed(one, target, down, across) for one in lit for down, across in _OFFSETS])[inside],
            dtype=np.float32,
        )
        if np.count_nonzero(apart > _NOISE) <= _FAINT * len(apart):
            left = min(left, float(apart.mean()))
    return left


def refined(a: NDArray[np.uint8], b: NDArray[np.uint8], matrix: Affine) -> Affine:
    """The map with which the common part of two pictures, grey or in colour, agrees best, near `matrix`; `matrix` where
    none is found.

    Source: Evangelidis, Psarakis, "Parametric Image Alignment Using Enhanced Correlation Coefficient Maximization"
    (2008); it is blind to another brightness and contrast.
    """
    if area(matrix) > 1:
        return inverse(refined(b, a, inverse(matrix)))
    greys = [side if side.ndim == 2 else cv2.cvtColor(side, cv2.COLOR_RGB2GRAY) for side in (a, b)]
    # OpenCV's map leads from the template to the input.
    back = inverse(matrix).astype(np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _REFINING, _STEADY)
    no_mask = np.full(greys[0].shape, 255, np.uint8)
    try:
        _, onto = cv2.findTransformECC(greys[1], greys[0], back, cv2.MOTION_AFFINE, stop, no_mask, 3)
    except cv2.error:  # it does not converge
        return matrix
    found = np.asarray(onto, np.float64)
    return inverse(found) if area(found) > 1e-3 else matrix


def _differs(
    lit: Iterator[Thumbnail],
    other: Thumbnail,
    room: NDArray[np.uint16],
    inside: NDArray[np.bool_],
    enough: float,
) -> NDArray[np.bool_]:
    """(height, width) where each of `lit` differs from `other`, at each of `_OFFSETS`, by more than noise and contrast.

    Args:
        lit: the same photo in the light of the other one, for surfaces and for edges.
        other: that one.
        room: what is `allowed` beside it.
        inside: the common part.
        enough: pixels; once no more differ, the rest is not looked at.
    """
    there = _unclipped(other)
    bad, first = inside, True
    for number, side in enumerate(lit):
        if number and cv2.erode(bad.view(np.uint8), _SOLID).any():
            break  # a curve for edges makes no surface another one
        here = _unclipped(side)
        for y, x in _OFFSETS:
            shown = np.count_nonzero(bad)
            if shown <= enough or (number == 0 and bad is not inside and shown > _STRANGE * np.count_nonzero(inside)):
                return bad
            # Only what differs so far is looked at again, with the other curve and a pixel beside.
            box = _around(bad)
            again = bad[box] & (missed(here[box], there[box], y, x) > room[box])
            bad = np.zeros_like(inside)
            bad[box] = again
            if first and cv2.erode(bad.view(np.uint8), _LARGE).any():
                return bad  # a pixel beside makes no surface another one
            first = False
    return bad


def _around(bad: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of all that is marked, with the surroundings that means are taken over."""
    left, top, width, height = cv2.boundingRect(bad.astype(np.uint8))
    return np.s_[max(0, top - _REACH) : top + height + _REACH, max(0, left - _REACH) : left + width + _REACH]


def _unclipped(pixels: Thumbnail) -> Thumbnail:
    """The same without the levels where brightening may have clipped the picture."""
    return np.clip(pixels, _DARK, _BRIGHT)  # a sixth of the time of a table


def _box(points: Points, frame: Thumbnail) -> Box:
    height, width = frame.shape[:2]
    x, y = np.clip(points[:, 0] / width, 0, 1), np.clip(points[:, 1] / height, 0, 1)
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def among(
    places: Sequence[tuple[Box, Box]], shown: Thumbnail, xy: NDArray[np.float32], size: int
) -> tuple[Box, Box] | None:
    """The first place whose centre lies within the convex hull of keypoints of the first photo.

    Args:
        places: of a `PixelTest`.
        shown: thumbnail of the first photo.
        xy: (n, 2) its matched keypoints, in pixels of the photo at `size`.
        size: `OrbSettings.size`.
    """
    hull = cv2.convexHull(xy)
    height, width = np.array(shown.shape[:2]) * size / SIDE
    for place in places:
        left, top, right, bottom = place[0]
        centre = (left + right) / 2 * width, (top + bottom) / 2 * height
        if cv2.pointPolygonTest(hull, centre, False) >= 0:
            return place
    return None
