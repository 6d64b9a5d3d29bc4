"""Pixel comparison of two photos that an affine map aligns.

Keypoints cannot tell two tablets beside one ruler apart, nor two strengths in one layout: they agree except in a small
place. If one photo was made from the other, the pixels agree everywhere, up to encoding, scaling and another light.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.images import resized
from simsearch.core.types import Pixels
from simsearch.duplicates.light import Thumbnail, contrast, entropy, is_grey, relit, without_colour
from simsearch.duplicates.same_photo import Affine, Points, inverse, moved

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom, as shares of width and height, 0 to 1."""

SIDE, COARSE = 320, 160
"""Pixels on the longer side of what is compared, and of what a map is refined on."""
_RIM = 4  # pixels at the border of the common part; interpolation and encoding blur them
_LEAST_COMMON = 0.05  # share of the photo with less detail; a smaller common part proves nothing
_NOISE, _CONTRAST = 12.0, 0.3  # grey levels and share of local contrast by which encoding and scaling change a pixel
_BRIGHT, _DARK = 252, 3  # grey levels beyond which brightening may have clipped the picture
_WITHIN = np.arange(256).clip(_DARK, _BRIGHT).astype(np.uint8)
_SQUARES = (np.arange(256) ** 2).astype(np.uint16)
_MEAN = np.full((1, 3), 1 / 3, np.float32)  # of three channels
_MOST = 8  # places reported
_LARGEST = 3e-4  # share of the common part, 20 to 30 pixels; a larger difference is no matter of encoding
_OFFSETS = [(1, 1), (0, 1), (1, 0), (2, 1), (1, 2)]  # the transform may be off by one pixel
_FAINT = 0.01  # share of the common part that may differ by more than noise where little is left of a photo
_SURELY = 0.8  # bits by which the entropy of a photo in another light is lower, for sure
_SOLID = 13  # pixels across a place that is more than an edge
_WHOLE = 1.0  # pixels by which corners may miss those of the other frame where one frame lies on the other
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


def in_one_light(a: Thumbnail, b: Thumbnail, matrix: Affine) -> bool:
    """Whether the common part agrees as it is: most copies are in the same light. Arguments as for `pixel_test`."""
    if abs(np.linalg.det(matrix[:, :2])) > 1:
        return in_one_light(b, a, inverse(matrix))
    warped, inside = _warped(a, b.shape[:2], matrix)
    shown = int(inside.sum())
    if shown < _LEAST_COMMON * inside.size:
        return False
    x, y, enough = _softened(warped), _softened(b), _LARGEST * shown
    allowed = _allowed(y)
    bad = (_missed(x, y, 1, 1) > allowed) & inside
    if np.count_nonzero(bad) > _OTHER_LIGHT * shown:
        return False
    for down, across in _OFFSETS[1:]:
        if np.count_nonzero(bad) <= enough:
            return True
        box = _around(bad)
        bad[box] &= _missed(x[box], y[box], down, across) > allowed[box]
    _, _, stats, _ = cv2.connectedComponentsWithStats(bad.astype(np.uint8))
    return bool(stats[1:, cv2.CC_STAT_AREA].max(initial=0) <= enough)


def pixel_test(a: Thumbnail, b: Thumbnail, matrix: Affine) -> PixelTest | None:
    """Compare the common part of both; None if it is too small.

    A point x, y of `a` lies at matrix @ (x, y, 1) in `b`, in pixels of the thumbnails; the map can be inverted.
    """
    if abs(np.linalg.det(matrix[:, :2])) > 1:  # bring the photo with more detail to the scale of the other one
        other = pixel_test(b, a, inverse(matrix))
        return other and replace(other, places=tuple((x, y) for y, x in other.places))
    warped, inside = _warped(a, b.shape[:2], matrix)
    shown = int(inside.sum())
    if shown < _LEAST_COMMON * inside.size:
        return None
    enough = _LARGEST * shown
    bad = _unlike(_softened(warped), _softened(b), inside, enough)
    if not bad.any():
        return PixelTest(0.0, 0.0, ())
    _, labels, stats, _ = cv2.connectedComponentsWithStats(bad.astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    large = [1 + int(i) for i in np.argsort(-areas, kind="stable")[:_MOST] if areas[i] > enough]
    places = []
    for label in large:
        rows, columns = np.nonzero(labels == label)
        points = np.stack([columns, rows], axis=1).astype(np.float64)
        places.append((_box(moved(inverse(matrix), points), a), _box(points, b)))
    return PixelTest(float(areas.max(initial=0)) / shown, float(bad.sum()) / shown, tuple(places))


def _unlike(here: Thumbnail, there: Thumbnail, inside: NDArray[np.bool_], enough: float) -> NDArray[np.bool_]:
    """(height, width) where light explains no difference; which way light went is tried where more than `enough` do."""
    if is_grey(here) != is_grey(there):
        # A grey copy has the same grey. With a curve, another object of another colour could have it too, unless its
        # colour burnt out.
        plain = [without_colour(side) for side in (here, there)]
        bad = _differs(iter(plain[:1]), plain[1], inside, enough)
        if np.count_nonzero(bad) <= enough:
            return bad
    allowed = _allowed(there)
    bad = (_missed(here, there, 1, 1) > allowed) & inside
    if np.count_nonzero(bad) <= enough:  # most copies are in the same light
        return bad
    # What was burnt out of one photo is still in the other: a curve leads from this to that, and none leads back.
    # A curve merges levels and parts none, so it leads to the photo with the lower entropy.
    apart = entropy(here, inside) - entropy(there, inside)
    if apart < 0:
        here, there = there, here
    bad = _differs(relit(here, there, inside), there, inside, enough)
    if np.count_nonzero(bad) <= enough or abs(apart) > _SURELY:
        return bad
    back = _differs(relit(there, here, inside), here, inside, enough)
    return min(bad, back, key=np.count_nonzero)


def remaining(a: Thumbnail, b: Thumbnail, matrix: Affine) -> float:
    """What one light leaves of the difference: mean over the common part, in grey levels.

    Where little is left of a photo that was burnt out, many others agree with it; the one that it was made from agrees
    best. 255 where more than a hundredth of the common part differs by more than noise: of 155 official photos
    that burnt out, 5 do.
    """
    if abs(np.linalg.det(matrix[:, :2])) > 1:
        return remaining(b, a, inverse(matrix))
    warped, inside = _warped(a, b.shape[:2], matrix)
    here, there = _softened(warped), _softened(b)
    left = 255.0
    for x, y in ((here, there), (there, here)):
        target, lit = _unclipped(y), [_unclipped(one) for one in relit(x, y, inside)]
        missed = np.minimum.reduce([_missed(one, target, down, across) for one in lit for down, across in _OFFSETS])
        apart = np.sqrt(missed[inside].astype(np.float32))
        if np.count_nonzero(apart > _NOISE) <= _FAINT * len(apart):
            left = min(left, float(apart.mean()))
    return left


def _warped(pixels: Thumbnail, shape: tuple[int, int], matrix: Affine) -> tuple[Thumbnail, NDArray[np.bool_]]:
    """`pixels` in a frame of `shape` (height, width), and where they cover it, without a rim."""
    height, width = shape
    across, down = (float(np.linalg.norm(matrix[:, k])) for k in (0, 1))
    blur = [0.5 * np.sqrt(1 / scale**2 - 1) if scale < 0.95 else 0.0 for scale in (across, down)]
    detailed = cv2.GaussianBlur(pixels, (0, 0), max(blur[0], 0.01), sigmaY=max(blur[1], 0.01)) if any(blur) else pixels
    covered: NDArray[Any]
    if _frame_onto_frame(pixels.shape[:2], shape, matrix):  # in a third of the time
        warped, covered = cv2.resize(detailed, (width, height)), np.ones(shape, np.uint8)
    else:
        warped = cv2.warpAffine(detailed, matrix, (width, height), flags=cv2.INTER_LINEAR)
        covered = cv2.warpAffine(np.ones(pixels.shape[:2], np.uint8), matrix, (width, height))
    rim = np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)
    inside = cv2.erode(covered, rim, borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    return np.asarray(warped, np.uint8), inside.astype(bool)


def _frame_onto_frame(shape: tuple[int, ...], other: tuple[int, int], matrix: Affine) -> bool:
    """Whether the map brings the whole of a picture of `shape` (height, width) onto the whole of another one."""
    corners = np.array([[-0.5, -0.5], [shape[1] - 0.5, -0.5], [-0.5, shape[0] - 0.5]])
    wanted = np.array([[-0.5, -0.5], [other[1] - 0.5, -0.5], [-0.5, other[0] - 0.5]])
    return bool(np.abs(moved(matrix, corners) - wanted).max() < _WHOLE)


def _softened(pixels: Thumbnail) -> Thumbnail:
    return np.asarray(cv2.GaussianBlur(pixels, (5, 5), 0.8), np.uint8)


def refined(a: Thumbnail, b: Thumbnail, matrix: Affine) -> Affine:
    """The map with which the common part agrees best, near `matrix`; `matrix` where none is found.

    Source: Evangelidis, Psarakis, "Parametric Image Alignment Using Enhanced Correlation Coefficient Maximization"
    (2008); it is blind to another brightness and contrast.
    """
    if abs(np.linalg.det(matrix[:, :2])) > 1:
        return inverse(refined(b, a, inverse(matrix)))
    greys = [cv2.cvtColor(side, cv2.COLOR_RGB2GRAY) for side in (a, b)]
    # OpenCV's map leads from the template to the input.
    back = inverse(matrix).astype(np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _REFINING, _STEADY)
    no_mask = np.full(greys[0].shape, 255, np.uint8)
    try:
        _, onto = cv2.findTransformECC(greys[1], greys[0], back, cv2.MOTION_AFFINE, stop, no_mask, 3)
    except cv2.error:  # it does not converge
        return matrix
    found = np.asarray(onto, np.float64)
    return inverse(found) if abs(np.linalg.det(found[:, :2])) > 1e-3 else matrix


def _differs(lit: Iterator[Thumbnail], other: Thumbnail, inside: NDArray[np.bool_], enough: float) -> NDArray[np.bool_]:
    """(height, width) where each of `lit` differs from `other`, at each of `_OFFSETS`, by more than noise and contrast.

    `lit`: the same photo in the light of the other one, for surfaces and for edges. `enough`: pixels; once no more
    differ, the rest is not looked at.
    """
    there, allowed = _unclipped(other), _allowed(other)
    bad = inside
    for number, side in enumerate(lit):
        if number and cv2.erode(bad.astype(np.uint8), np.ones((_SOLID, _SOLID), np.uint8)).any():
            break  # a curve for edges makes no surface another one
        here = _unclipped(side)
        for y, x in _OFFSETS:
            shown = np.count_nonzero(bad)
            if shown <= enough or (number == 0 and bad is not inside and shown > _STRANGE * np.count_nonzero(inside)):
                return bad
            # Only what differs so far is looked at again, with the other curve and a pixel beside.
            box = _around(bad)
            again = bad[box] & (_missed(here[box], there[box], y, x) > allowed[box])
            bad = np.zeros_like(inside)
            bad[box] = again
    return bad


def _around(bad: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of all that is marked, with the surroundings that means are taken over."""
    left, top, width, height = cv2.boundingRect(bad.astype(np.uint8))
    return np.s_[max(0, top - _REACH) : top + height + _REACH, max(0, left - _REACH) : left + width + _REACH]


def _allowed(there: Thumbnail) -> NDArray[np.uint16]:
    """(height, width) mean square difference that encoding and scaling explain."""
    return np.asarray((_NOISE + _CONTRAST * contrast(there, 9)) ** 2, np.uint16)


def _missed(here: Thumbnail, there: Thumbnail, y: int, x: int) -> NDArray[np.uint16]:
    """Mean square difference around each pixel, `here` moved by y - 1 and x - 1 pixels.

    In whole numbers, whose rounding is no matter beside `_allowed`: a fifth of the time that floating point takes.
    """
    height, width = there.shape[:2]
    framed = cv2.copyMakeBorder(here, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    squared = cv2.LUT(cv2.absdiff(framed[y : y + height, x : x + width], there), _SQUARES)
    return np.asarray(cv2.boxFilter(cv2.transform(squared, _MEAN), -1, (5, 5)), np.uint16)


def _unclipped(pixels: Thumbnail) -> Thumbnail:
    """The same without the levels where brightening may have clipped the picture."""
    return np.asarray(cv2.LUT(pixels, _WITHIN), np.uint8)


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
