"""Which packages of two photos were compared, where one of the photos shows several."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simsearch.core.types import Outline
from simsearch.features.orb import Geometry
from simsearch.features.reading import Reading
from simsearch.recognition.packages.outlines import LEAST_POINTS, blocks, outline
from simsearch.recognition.packages.shapes import area, in_shares

_LETTERS = 30
"""Letters of print outside of what agrees that show another package, and not a side of the same."""
_LARGE = 0.2
"""Share of its outline, in square pixels, that such print covers."""


def compared(
    a: Reading | None, b: Reading | None, geometry: Geometry | None, side: int
) -> tuple[Outline | None, Outline | None]:
    """For each photo the outline of what agrees with the other one; None where it shows nothing else, or none agrees.

    Args:
        a, b: what was read on the photos.
        geometry: of their keypoints, a to b.
        side: longer side in pixels to which photos were scaled for it.
    """
    if geometry is None or geometry.homography is None or geometry.inliers < LEAST_POINTS:
        return None, None
    back = replace(
        geometry, query_xy=geometry.other_xy, other_xy=geometry.query_xy,
        homography=np.asarray(np.linalg.inv(geometry.homography), np.float64),
    )  # fmt: skip
    return _one_of_several(a, b, geometry, side), _one_of_several(b, a, back, side)


def _one_of_several(own: Reading | None, other: Reading | None, geometry: Geometry, side: int) -> Outline | None:
    if own is None:
        return None
    size = own.width, own.height
    polygon = outline(geometry, other, size, side)
    if polygon is None:
        return None
    rest = blocks(own, size, [polygon])
    several = any(b.letters >= _LETTERS and area(b.polygon) >= _LARGE * area(polygon) for b in rest)
    return in_shares(polygon, size) if several else None


def in_words(outlines: tuple[Outline | None, Outline | None]) -> str:
    """Which packages were compared; "" where neither photo shows several."""
    names = ("the first photo", "the second photo")
    said = [f"the {where(o)} package of {name}" for o, name in zip(outlines, names, strict=True) if o is not None]
    return f"compared: {' and '.join(said)}" if said else ""


def where(outline: Outline) -> str:
    """Where an outline lies on a photo, in words."""
    x, y = np.mean(outline, axis=0).tolist()
    words = [("upper", "", "lower")[_third(y)], ("left", "", "right")[_third(x)]]
    return " ".join(filter(None, words)) or "middle"


def _third(share: float) -> int:
    return min(2, int(3 * max(0.0, share)))
