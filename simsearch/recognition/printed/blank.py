"""Whether nothing is printed where a word would have to stand: bare package, and neither glare nor a finger."""

from __future__ import annotations

import cv2
import numpy as np

from simsearch.core.types import Pixels
from simsearch.features.reading.types import Cut
from simsearch.recognition.printed.lines import words_apart

_FLAT = 0.35
"""Contrast of a bare place, beside that of the rest of the line."""
_DARKER, _BRIGHTER = 24.0, 10.0
"""Levels of 255 by which the ground of a bare place may differ from that of the rest of a line: glare is brighter."""
_LEAST_CONTRAST = 30.0


def lacks_words(crop: Pixels, photo: Cut, catalog: Cut) -> bool:
    """Whether the photo has not the words at the end or beginning of a line that the catalog's side has more.

    Args:
        crop: (h, w, 3), the place of the catalog's line in the photo, upright.
        photo: what it says; words of the catalog's line are missing in it.
        catalog: what the catalog's side says.
    """
    missing = words_apart(catalog, photo)
    if not missing or words_apart(photo, catalog):
        return False
    start, end = missing
    width = crop.shape[1]
    left, right = round(start * width), round(end * width)
    grey = cv2.GaussianBlur(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (0, 0), max(0.5, crop.shape[0] / 40))
    place = np.asarray(grey[:, left:right], np.float64)
    rest = np.asarray(np.hstack([grey[:, :left], grey[:, right:]]), np.float64)
    if min(place.shape[1], rest.shape[1]) < crop.shape[0] / 4:
        return False
    contrast = _spread(rest)
    bare = _spread(place) < _FLAT * contrast and contrast >= _LEAST_CONTRAST
    # Letters cover less than half of a line: its ground is the level that most of it has.
    return bool(bare and -_DARKER <= _ground(place) - _ground(rest) <= _BRIGHTER)


def _spread(grey: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    low, high = np.percentile(grey, (3, 97))
    return float(high - low)


def _ground(grey: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    levels, edges = np.histogram(grey, bins=64, range=(0, 256))
    most = int(levels.argmax())
    return float(edges[most] + edges[most + 1]) / 2
