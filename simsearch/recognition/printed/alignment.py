"""Places of a catalog photo in a photo that is asked about, and the other way round, by their homography."""

from __future__ import annotations

from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.features.orb import Geometry

Points = NDArray[np.float64]
"""(n, 2), x and y in shares of the picture's width and height."""

_REACH = 0.04
"""How far beyond the hull of the agreeing points a line may reach that lies within it, in shares of the catalog photo's
longer side."""
_NEAR = 0.15
"""The same for the middle of a line that lies near."""


class Zone(StrEnum):
    """Where a line lies, seen from the points that agree."""

    WITHIN = "within"
    """Among them."""
    NEAR = "near"
    """Beside them: on the same face most often, but perhaps on another one, which lies in another plane."""
    FAR = "far"


class Alignment:
    """A homography between two photos, for places in shares of their sizes."""

    def __init__(
        self,
        geometry: Geometry,
        photo: tuple[int, int],
        catalog: tuple[int, int],
        side: int,
        *,
        of_lines: bool = False,
    ) -> None:
        """
        Args:
            geometry: with a homography.
            photo, catalog: width and height of the pictures whose places are carried, in any size.
            side: longer side in pixels to which both are scaled at most for keypoints.
            of_lines: whether lines of print agree, and not keypoints.
        """
        assert geometry.homography is not None
        self._there = geometry.homography
        self._back = np.asarray(np.linalg.inv(geometry.homography), np.float64)
        self._photo, self._catalog = scaled(photo, side), scaled(catalog, side)
        self.inliers = geometry.inliers
        """Keypoints that agree, or lines."""
        self.of_lines = of_lines
        self._hull = cv2.convexHull(geometry.other_xy.astype(np.float32))

    def to_photo(self, points: Points) -> Points:
        """Places of the catalog's photo, in the photo; not finite where they lie behind the camera."""
        return _carried(points, self._catalog, self._back, self._photo)

    def to_catalog(self, points: Points) -> Points:
        """The other way round."""
        return _carried(points, self._photo, self._there, self._catalog)

    def zone(self, quad: Points) -> Zone:
        """Where a line of the catalog's photo lies."""
        size = self._catalog
        ends = [(quad[0] + quad[3]) / 2, (quad[1] + quad[2]) / 2, quad.mean(axis=0)]
        inside = [cv2.pointPolygonTest(self._hull, tuple((p * size - 0.5).tolist()), True) / size.max() for p in ends]
        if min(inside) >= -_REACH and inside[2] >= 0:
            return Zone.WITHIN
        return Zone.NEAR if inside[2] >= -_NEAR else Zone.FAR


def scaled(size: tuple[int, int], side: int) -> NDArray[np.float64]:
    scale = min(1.0, side / max(size))
    return np.array([max(1, round(size[0] * scale)), max(1, round(size[1] * scale))], np.float64)


def _carried(points: Points, of: NDArray[np.float64], way: NDArray[np.float64], into: NDArray[np.float64]) -> Points:
    # Keypoints count from the middle of the first pixel, places from its corner.
    there = np.column_stack([points * of - 0.5, np.ones(len(points))]) @ way.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((there[:, :2] / there[:, 2:] + 0.5) / into, np.float64)
