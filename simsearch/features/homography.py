"""Homographies: the change of viewpoint that explains matches between two photos of a flat face.

Sources: MAGSAC++ (Barath et al. 2020) fits; guided matching after Hartley, Zisserman, "Multiple View Geometry" (2003),
section 4.8.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.features.keypoints import one_to_one

LEAST_INLIERS = 6
"""Four matches fix a homography, so four always agree: fewer than six show nothing."""
_WIDER = 1.6
"""Guided matching allows this many times the tolerance, because packages bend."""
_ALIKE_BITS = 80
"""Guided matching takes keypoints for the same below this Hamming distance, of 256."""


def fit(query: NDArray[np.float32], other: NDArray[np.float32], tolerance: float) -> NDArray[np.float64] | None:
    """The sane homography (3, 3), query to other, that most of the matched points (n, 2) agree with.

    None where fewer than :data:`LEAST_INLIERS` agree within `tolerance` pixels, or no camera could have made it.
    """
    if len(query) < LEAST_INLIERS:
        return None
    found, mask = cv2.findHomography(query, other, cv2.USAC_MAGSAC, tolerance, maxIters=1000, confidence=0.999)
    if found is None:
        return None
    inside, homography = mask.reshape(-1).astype(bool), np.asarray(found, np.float64)
    return homography if inside.sum() >= LEAST_INLIERS and sane(homography, query[inside]) else None


def guided(
    query: NDArray[np.float32],
    other: NDArray[np.float32],
    distances: NDArray[np.int32],
    indices: NDArray[np.int64],
    homography: NDArray[np.float64],
    tolerance: float,
) -> NDArray[np.int64]:
    """Matches (m, 2) of keypoints that lie where the homography expects them; none is taken twice.

    Letters repeat within a photo: most keypoints of a package have a second neighbour as near as the first, and fail
    the ratio test. The homography tells which of the two is meant.

    Args:
        query: (n, 2) positions of all keypoints of the query.
        other: positions of all keypoints of the other photo.
        distances: (n, 2) Hamming, to the two nearest of the other photo.
        indices: (n, 2) which those are.
        homography: query to other.
        tolerance: with which the homography was fitted, in pixels.
    """
    there = cv2.perspectiveTransform(query[None], homography)[0]
    apart = there[:, None] - other[indices]
    missed = np.sqrt(np.add.reduce(apart * apart, axis=2))
    fits = (missed < _WIDER * tolerance) & (distances < _ALIKE_BITS)
    own = np.flatnonzero(fits.any(axis=1))
    which = (~fits[own, 0]).astype(np.int64)  # 0: the nearest fits; 1: only the second does
    return one_to_one(own, indices[own, which], distances[own, which])


def sane(homography: NDArray[np.float64], points: NDArray[np.float32]) -> bool:
    """Whether a camera could have made it of a flat face: no mirroring, scale 1/8 to 8, no extreme tilt.

    Judged at the inliers `points` (n, 2) of the first photo: by the derivative at their centre, and by the sign of the
    depth at each of them.
    """
    if not np.isfinite(homography).all():
        return False
    depth = points @ homography[2, :2] + homography[2, 2]
    if not (np.all(depth > 1e-6) or np.all(depth < -1e-6)):
        return False
    x, y = points.mean(axis=0).tolist()
    (a, b, c), (d, e, f), (g, h, i) = homography.tolist()
    w = g * x + h * y + i
    if abs(w) < 1e-9:
        return False
    u, v = (a * x + b * y + c) / w, (d * x + e * y + f) / w
    xx, xy, yx, yy = (a - u * g) / w, (b - u * h) / w, (d - v * g) / w, (e - v * h) / w
    area = xx * yy - xy * yx
    if area <= 0:
        return False
    # Singular values of the derivative: their product is its determinant, the sum of their squares that of its entries.
    squares = xx * xx + xy * xy + yx * yx + yy * yy
    large = math.sqrt((squares + math.sqrt(max(squares * squares - 4 * area * area, 0.0))) / 2)
    small = area / large
    return large < 8 and small > 1 / 8 and large / small < 5
