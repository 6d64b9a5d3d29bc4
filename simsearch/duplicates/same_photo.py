"""Where one photo lies in another, and the keypoint test: was one made from the other?

An affine map (Hartley, Zisserman, "Multiple View Geometry", 2004, section 2.4) then takes one photo into the frame of
the other: scale, turn and shift, and another aspect where it was squeezed. Two photos taken with one stand and ruler
align just as exactly, but their keypoints reappear only on the ruler. So the test looks at neighbourhoods of keypoints.
Where both files can be read, `pixel_diff` decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Descriptor, Verification
from simsearch.features.keypoints import column
from simsearch.features.orb import Geometry

Points: TypeAlias = NDArray[np.float64]
"""(n, 2) x, y, in pixels of the photo scaled to `size` on its longer side."""
Affine: TypeAlias = NDArray[np.float64]
"""(2, 3): a point (x, y) goes to matrix @ (x, y, 1)."""
Frames: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Width and height of the two files."""

_LEAST_INLIERS = 15
_NEAR_FIT = 3.0  # pixels by which a match may miss the map that it is counted for
_BETTER = 0.5  # pixels by which a squeezed map must miss less than one of the same aspect
_MISS = 4.0  # pixels by which a keypoint may miss its predicted position
_EDGE = 12.0  # pixels; keypoints this near the border of the other frame need not reappear
_BITS_APART = 80  # of 256; two random keypoints differ in 128
_NEAR, _CROWD, _FEW = 32.0, 10, 4  # pixels, most and fewest keypoints of a neighbourhood
CROP_ALLOWANCE = 0.08
"""Cosine by which a cropped or turned copy may look less alike to the network than a re-encoded one."""
_LOST = 1 / 3  # share of agreeing keypoints below which a neighbourhood counts as lost


@dataclass(frozen=True)
class Placement:
    """The frame of one photo within the frame of another."""

    matrix: Affine
    """From the first photo to the second; both scaled as `Points`."""
    outside: float
    """Pixels by which the inner frame leaves the outer frame; about 0 for a crop."""
    miss: float
    """Root mean square of the matches' distances to the map, in pixels; 0 where it rests on no matches."""

    @property
    def scale(self) -> float:
        """Scale of the second photo against the first: the root of how much areas grow."""
        return float(np.sqrt(area(self.matrix)))

    @property
    def turn(self) -> float:
        """Angle in degrees, -180 to 180."""
        (a, b), (c, d) = self.matrix[:, :2]
        return float(np.degrees(np.arctan2(c - b, a + d)))

    @property
    def squeeze(self) -> float:
        """How much more one direction was scaled than the one across it; 1 where the aspect is kept."""
        (a, b, _), (c, d, _) = self.matrix.tolist()
        # Singular values: their product is the area, the sum of their squares that of the entries.
        both, squares = abs(a * d - b * c), a * a + b * b + c * c + d * d
        most = math.sqrt((squares + math.sqrt(max(squares * squares - 4 * both * both, 0.0))) / 2)
        return float(most / max(both / max(most, 1e-9), 1e-9))

    @property
    def whole(self) -> bool:
        """Whether the photo was neither cropped, turned nor squeezed."""
        return abs(self.scale - 1) < 0.015 and self.outside < 3 and abs(self.turn) < 1 and self.squeeze < 1.03

    @property
    def words(self) -> str:
        """The edit, in words."""
        if np.linalg.det(self.matrix[:, :2]) < 0:
            return "mirrored"
        if self.whole:
            return "re-encoded, resized or brightened"
        squeezed = "squeezed" if self.squeeze >= 1.03 else ""
        turned = f"turned by {abs(self.turn):.0f}°" if abs(self.turn) >= 1 else ""
        cut = "cropped" if self.outside >= 3 or (abs(self.scale - 1) >= 0.015 and not squeezed) else ""
        done = [word for word in (squeezed, turned, cut) if word] or ["cropped"]
        return " and ".join(filter(None, (", ".join(done[:-1]), done[-1])))


@dataclass(frozen=True)
class PhotoTest:
    """How well the keypoints of two photos agree under a placement."""

    placement: Placement
    agreement: float
    """Share of the keypoints in the common part that reappear, 0 to 1: the lower share of the two photos."""
    lost: float
    """Share of neighbourhoods that are lost, 0 to 1: the higher share of the two photos."""
    bits: float
    """Median over the keypoints of the least Hamming distance (0 to 256) to a keypoint at the same position."""


def placements(geometry: Geometry, frames: Frames, size: int) -> list[Placement]:
    """The maps from the first to the second photo that keypoints propose, the likelier first.

    Args:
        geometry: matches of the two photos.
        frames: width and height of the two files.
        size: `OrbSettings.size`.
    """
    found: list[Placement] = []
    if len(geometry.query_xy) >= _LEAST_INLIERS:
        z, w = (xy.astype(np.float64) for xy in (geometry.query_xy, geometry.other_xy))
        kept = _similarity(z, w)
        found.append(_placed(kept, z, w, frames, size))
    if found and found[0].miss >= _BETTER:
        _, agree = cv2.estimateAffine2D(z, w, method=cv2.RANSAC, ransacReprojThreshold=_NEAR_FIT)
        near = np.zeros(len(z), bool) if agree is None else np.asarray(agree).ravel().astype(bool)
        if near.sum() >= _LEAST_INLIERS:
            placed = _placed(_affine(z[near], w[near]), z[near], w[near], frames, size)
            if placed.miss < found[0].miss - _BETTER:
                found.insert(0, placed)
    return [p for p in found if _sane(p)]


def frame_onto_frame(frames: Frames, size: int) -> list[Placement]:
    """The map of the whole of one photo onto the whole of the other, which needs no keypoints; none if it is absurd."""
    sides = _scaled(frames, size)
    squeezed = np.array([[sides[1][0] / sides[0][0], 0, 0], [0, sides[1][1] / sides[0][1], 0]])
    return [p for p in [Placement(squeezed, 0.0, 0.0)] if _sane(p)]


def mirrored_frame(frames: Frames, size: int) -> list[Placement]:
    """The map of the mirror image, left to right, of one photo onto the whole of the other; none if it is absurd."""
    return [
        replace(p, matrix=p.matrix * [[-1, 1, 1], [1, 1, 1]] + [[0, 0, _scaled(frames, size)[1][0]], [0, 0, 0]])
        for p in frame_onto_frame(frames, size)
    ]


def same_place(a: Placement, b: Placement, frames: Frames, size: int) -> bool:
    """Whether two maps bring the corners of the first photo to the same places, to a hundredth of its size."""
    corners = _corners(_scaled(frames, size)[0])
    return bool(np.abs(moved(a.matrix, corners) - moved(b.matrix, corners)).max() < 0.01 * size)


def _sane(placed: Placement) -> bool:
    return 1 / 8 < placed.scale < 8 and placed.squeeze < 4


def _similarity(z: Points, w: Points) -> Affine:
    """Scale, turn and shift of least squares (Umeyama 1991; in the plane one complex factor)."""
    a, b = z[:, 0] + 1j * z[:, 1], w[:, 0] + 1j * w[:, 1]
    a0, b0 = a.mean(), b.mean()
    factor = complex((np.conj(a - a0) * (b - b0)).sum()) / max(float((np.abs(a - a0) ** 2).sum()), 1e-9)
    shift = complex(b0 - factor * a0)
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def _affine(z: Points, w: Points) -> Affine:
    """The affine map of least squares."""
    terms = np.concatenate([z, np.ones((len(z), 1))], axis=1)
    return np.asarray(np.linalg.lstsq(terms, w, rcond=None)[0].T, np.float64)


def _placed(matrix: Affine, z: Points, w: Points, frames: Frames, size: int) -> Placement:
    sides = _scaled(frames, size)
    scale = max(float(np.sqrt(area(matrix))), 1e-9)
    miss = float(np.sqrt((np.linalg.norm(moved(matrix, z) - w, axis=1) ** 2).mean())) / max(1.0, scale)
    if area(matrix) < 1e-6:
        return Placement(matrix, np.inf, miss)
    inward, onward = moved(inverse(matrix), _corners(sides[1])), moved(matrix, _corners(sides[0]))
    inner = min(_outside(inward, sides[0]), _outside(onward, sides[1]))
    return Placement(matrix, inner, miss)


def moved(matrix: Affine, points: Points) -> Points:
    """The points under the map."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float64)


def inverse(matrix: Affine) -> Affine:
    """The map back."""
    (a, b, x), (c, d, y) = matrix.tolist()  # written out: a hundred thousand of these take seconds by `np.linalg`
    whole = a * d - b * c
    a, b, c, d = d / whole, -b / whole, -c / whole, a / whole
    return np.array([[a, b, -a * x - b * y], [c, d, -c * x - d * y]])


def area(matrix: Affine) -> float:
    """How many times larger a map makes an area."""
    (a, b, _), (c, d, _) = matrix.tolist()
    return abs(float(a * d - b * c))


def chained(first: Affine, then: Affine) -> Affine:
    """The map that goes `first` and `then` the other way."""
    linear = then[:, :2] @ first[:, :2]
    return np.concatenate([linear, (then[:, :2] @ first[:, 2] + then[:, 2])[:, None]], axis=1)


def resized_map(matrix: Affine, factor: float) -> Affine:
    """A map between the centres of pixels, between the same photos at `factor` times the size."""
    linear = matrix[:, :2]
    shift = factor * matrix[:, 2] + (1 - factor) / 2 * (linear.sum(axis=1) - 1)
    return np.concatenate([linear, shift[:, None]], axis=1)


def photo_test(a: Descriptor, b: Descriptor, placed: Placement, frames: Frames, size: int) -> PhotoTest:
    """Compare the keypoints `a` and `b` under `placed`. Other arguments as for `placements`."""
    points = column(a, "xy") / 32.0, column(b, "xy") / 32.0
    sides = _scaled(frames, size)
    to_b, to_a = moved(placed.matrix, points[0]), moved(inverse(placed.matrix), points[1])
    across, down = ((to_b[:, k, None] - points[1][None, :, k]).astype(np.float32) for k in (0, 1))
    across *= across
    down *= down
    across += down
    i, j = np.nonzero(across < (_MISS * max(1.0, placed.scale)) ** 2)
    apart = np.bitwise_count(column(a, "bits")[i] ^ column(b, "bits")[j]).sum(axis=1, dtype=np.int64)
    good = apart < _BITS_APART
    agreeing = np.isin(np.arange(len(a)), i[good]), np.isin(np.arange(len(b)), j[good])
    common = _within(to_b, sides[1]), _within(to_a, sides[0])
    shares = [_shares(points[k][common[k]], agreeing[k][common[k]]) for k in (0, 1)]
    least = np.full(len(a), 256, np.int64)
    np.minimum.at(least, i, apart)
    met = least[common[0] & np.isin(np.arange(len(a)), i)]
    bits = float(np.median(met)) if len(met) else 256.0
    return PhotoTest(placed, min(s[0] for s in shares), max(s[1] for s in shares), bits)


def one_photo(test: PhotoTest, verification: Verification, *, pills: bool, least: float) -> bool:
    """Whether descriptors alone show that the two are one photo: the test where a file cannot be read.

    On packages the keypoints decide: they reappear all over the photo. On loose pills most keypoints sit on the ruler,
    and a drawn ruler is the same in a thousand photos. So the network must see no difference either, the keypoints must
    be as equal as re-encoding leaves them, and an uncropped photo must have the same hash. `docs/duplicates.md` has the
    measurements behind the numbers.
    """
    similarity, equal_bits = verification.similarity, verification.hash_similarity
    if test.placement.outside > 4 or test.placement.miss > 2.5:
        return False
    if not pills:
        return test.agreement >= 0.4 and test.lost <= 0.45 and similarity >= least - 0.25
    if test.agreement < 0.6 or test.lost > 0.2 or test.bits > 48:
        return False
    if test.placement.whole:
        return similarity >= least and equal_bits >= 0.85
    return similarity >= least - CROP_ALLOWANCE


def _scaled(frames: Frames, size: int) -> Frames:
    return frames[0] * size / frames[0].max(), frames[1] * size / frames[1].max()


def _corners(sides: NDArray[np.float64]) -> Points:
    x, y = sides
    return np.array([[0, 0], [x, 0], [0, y], [x, y]], np.float64)


def _outside(corners: Points, sides: NDArray[np.float64]) -> float:
    return max(0.0, float(-corners.min()), float((corners - sides).max()))


def _within(points: Points, sides: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(((points > _EDGE) & (points < sides - _EDGE)).all(axis=1))


def _shares(points: Points, agreeing: NDArray[np.bool_]) -> tuple[float, float]:
    """Share of the points that agree, and share of the neighbourhoods that are lost."""
    if len(points) < _FEW:
        return 0.0, 1.0
    x, y = points[:, 0].astype(np.float32), points[:, 1].astype(np.float32)
    apart = (x[:, None] - x[None]) ** 2 + (y[:, None] - y[None]) ** 2
    near = apart < _NEAR**2
    counts = np.count_nonzero(near, axis=1)
    share = (near.astype(np.float32) @ agreeing.astype(np.float32)) / counts
    more = np.flatnonzero(counts > _CROWD)
    # Partitioned, not sorted: sorting took longer than all other work on a pair.
    nearest = np.argpartition(apart[more], min(_CROWD, len(points)) - 1, axis=1)[:, :_CROWD]
    share[more] = agreeing[nearest].mean(axis=1)
    crowded = counts >= _FEW
    return float(agreeing.mean()), float((share[crowded] < _LOST).mean()) if crowded.any() else 0.0
