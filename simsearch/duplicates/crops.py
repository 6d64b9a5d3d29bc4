"""Where one photo lies in another, without keypoints: of a plain photo in another light few keypoints come back.

Template matching by normalised correlation (Lewis, "Fast Normalized Cross-Correlation", 1995) over sizes, first at a
glance, then at `COARSE`. Correlation is blind to another brightness and contrast.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np

from simsearch.duplicates.pixel_diff import COARSE
from simsearch.duplicates.same_photo import Placement, inverse
from simsearch.duplicates.thumbnails import GLANCE, Shown

_SIZES = np.geomspace(0.5, 0.97, 15)
"""Of the crop's longer side to that of the whole."""
_NEARBY = np.linspace(0.97, 1.03, 7)
_ALIKE = 0.8
"""Least correlation, at a glance and at `COARSE`."""
_MISS = 1.0
"""Pixels that such a map may be off by, of `OrbSettings.size` on the longer side; it is refined on the pixels."""


def crop_placements(a: Shown, b: Shown, size: int) -> list[Placement]:
    """The map from `a` to `b` under which one is a crop of the other; none where neither seems to be.

    `size`: `OrbSettings.size`, of whose pixels the placement is.
    """
    found = [
        (*_best(whole.glance, crop.glance, _SIZES), whole, crop, swapped)
        for whole, crop, swapped in ((b, a, False), (a, b, True))
    ]
    score, scale, _, whole, crop, swapped = max(found, key=lambda one: one[0])
    if score < _ALIKE:
        return []
    within, cut = (cv2.cvtColor(side.coarse, cv2.COLOR_RGB2GRAY).astype(np.float32) for side in (whole, crop))
    score, scale, (x, y) = _best(within, cut, scale * _NEARBY)
    if score < _ALIKE:
        return []
    onto = np.array([[scale, 0.0, x * size / COARSE], [0.0, scale, y * size / COARSE]])
    return [Placement(inverse(onto) if swapped else onto, 0.0, _MISS)]


def _best(whole: Any, crop: Any, sizes: Iterable[float]) -> tuple[float, float, tuple[int, int]]:
    """The highest correlation, the size of the crop against the whole, and where its upper left corner lies."""
    best: tuple[float, float, tuple[int, int]] = (-1.0, 1.0, (0, 0))
    for scale in sizes:
        height, width = (max(1, round(side * scale)) for side in crop.shape)
        if height > whole.shape[0] or width > whole.shape[1] or min(height, width) < GLANCE // 6:
            continue
        small = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)
        scores = cv2.matchTemplate(whole, small, cv2.TM_CCOEFF_NORMED)
        _, score, _, at = cv2.minMaxLoc(scores)
        if score > best[0]:
            best = float(score), width / crop.shape[1], (int(at[0]), int(at[1]))
    return best
