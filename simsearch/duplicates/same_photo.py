"""Keypoint test: was one photo made from the other by re-encoding, resizing, cropping, turning or brightening?

A similarity transform (scale, turn and shift; Umeyama 1991; in the plane one complex factor) then maps one photo into
the frame of the other, and keypoints reappear all over the common part. Two photos taken with one stand and ruler align
just as exactly, but their keypoints reappear only on the ruler. So the test looks at neighbourhoods of keypoints. Where
both files can be read, `pixel_diff` has the first word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Descriptor
from simsearch.features.keypoints import column
from simsearch.features.orb import Geometry

Points: TypeAlias = NDArray[np.complex128]
"""(n,) x + iy, in pixels of the photo scaled to `size` on its longer side."""

_LEAST_INLIERS = 15
_MISS = 4.0  # pixels by which a keypoint may miss its predicted position
_EDGE = 12.0  # pixels; keypoints this near the border of the other frame need not reappear
_BITS_APART = 80  # of 256; two random keypoints differ in 128
_NEAR, _CROWD, _FEW = 32.0, 10, 4  # pixels, most and fewest keypoints of a neighbourhood
_LOST = 1 / 3  # share of agreeing keypoints below which a neighbourhood counts as lost


@dataclass(frozen=True)
class Placement:
    """The frame of one photo within the frame of another."""

    factor: complex
    shift: complex
    """A point z = x + iy of the first photo lies at factor * z + shift in the second; both scaled as `Points`."""
    outside: float
    """Pixels by which the inner frame leaves the outer frame; about 0 for a crop."""
    miss: float
    """Root mean square of the inliers' distances to the transform, in pixels."""

    @property
    def scale(self) -> float:
        """Scale of the second photo against the first; 1 if neither was cropped."""
        return abs(self.factor)

    @property
    def turn(self) -> float:
        """Angle in degrees, -180 to 180."""
        return float(np.degrees(np.angle(self.factor)))

    @property
    def whole(self) -> bool:
        """Whether the photo was neither cropped nor turned."""
        return abs(self.scale - 1) < 0.015 and self.outside < 3 and abs(self.turn) < 1

    @property
    def words(self) -> str:
        """The edit, in words."""
        if self.whole:
            return "re-encoded, resized or brightened"
        turned = f"turned by {abs(self.turn):.0f}°" if abs(self.turn) >= 1 else ""
        cut = "cropped" if abs(self.scale - 1) >= 0.015 else ""
        return " and ".join(filter(None, (turned, cut))) or "cropped"


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


Frames: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Width and height of the two files."""


def placement(geometry: Geometry, frames: Frames, size: int) -> Placement | None:
    """The transform that the matches from the first to the second photo fit; None without a similarity transform.

    `size`: `OrbSettings.size`.
    """
    if geometry.inliers < _LEAST_INLIERS:
        return None
    z, w = _complex(geometry.query_xy), _complex(geometry.other_xy)
    z0, w0 = z.mean(), w.mean()
    spread = float((np.abs(z - z0) ** 2).sum())
    factor = complex((np.conj(z - z0) * (w - w0)).sum()) / max(spread, 1e-9)
    if not 1 / 8 < abs(factor) < 8:
        return None
    shift = complex(w0 - factor * z0)
    sides = _scaled(frames, size)
    corners = (_corners(sides[1]) - shift) / factor, factor * _corners(sides[0]) + shift
    inner = min(_outside(corners[0], sides[0]), _outside(corners[1], sides[1]))
    miss = float(np.sqrt((np.abs(factor * z + shift - w) ** 2).mean())) / max(1.0, abs(factor))
    return Placement(factor, shift, inner, miss)


def photo_test(a: Descriptor, b: Descriptor, placed: Placement, frames: Frames, size: int) -> PhotoTest:
    """Compare the keypoints `a` and `b` under `placed`. Other arguments as for `placement`."""
    points = _complex(column(a, "xy") / 32.0), _complex(column(b, "xy") / 32.0)
    sides = _scaled(frames, size)
    to_b, to_a = placed.factor * points[0] + placed.shift, (points[1] - placed.shift) / placed.factor
    i, j = np.nonzero(np.abs(to_b[:, None] - points[1][None]) < _MISS * max(1.0, placed.scale))
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


def _scaled(frames: Frames, size: int) -> Frames:
    return frames[0] * size / frames[0].max(), frames[1] * size / frames[1].max()


def _complex(xy: NDArray[np.floating]) -> Points:
    return np.asarray(xy[:, 0] + 1j * xy[:, 1], np.complex128)


def _corners(sides: NDArray[np.float64]) -> Points:
    x, y = sides
    return np.array([0, x, 1j * y, x + 1j * y], np.complex128)


def _outside(corners: Points, sides: NDArray[np.float64]) -> float:
    x, y = corners.real, corners.imag
    return max(0.0, float(-x.min()), float(x.max() - sides[0]), float(-y.min()), float(y.max() - sides[1]))


def _within(points: Points, sides: NDArray[np.float64]) -> NDArray[np.bool_]:
    x, y = points.real, points.imag
    return np.asarray((x > _EDGE) & (x < sides[0] - _EDGE) & (y > _EDGE) & (y < sides[1] - _EDGE))


def _shares(points: Points, agreeing: NDArray[np.bool_]) -> tuple[float, float]:
    """Share of the points that agree, and share of the neighbourhoods that are lost."""
    if len(points) < _FEW:
        return 0.0, 1.0
    x, y = points.real.astype(np.float32), points.imag.astype(np.float32)
    apart = (x[:, None] - x[None]) ** 2 + (y[:, None] - y[None]) ** 2
    # Partitioned, not sorted: sorting took longer than all other work on a pair.
    nearest = np.argpartition(apart, min(_CROWD, len(points)) - 1, axis=1)[:, :_CROWD]
    near = np.take_along_axis(apart, nearest, axis=1) < _NEAR**2
    crowded = near.sum(axis=1) >= _FEW
    share = (agreeing[nearest] & near).sum(axis=1) / near.sum(axis=1)
    return float(agreeing.mean()), float((share[crowded] < _LOST).mean()) if crowded.any() else 0.0
