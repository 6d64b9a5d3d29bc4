"""Whether a word is missing on a package: its place is bare, or taken by other letters; no glare, and no finger."""

from __future__ import annotations

import cv2
import numpy as np

from simsearch.core.types import Pixels
from simsearch.features.reading.types import Cut
from simsearch.recognition.printed.lines import whole_words, words_apart

_FLAT = 0.35
"""Contrast of a bare place, beside that of the rest of the line."""
_PRINTED = 0.6
"""The same of a place with letters."""
_DARKER, _BRIGHTER = 24.0, 10.0
"""Levels of 255 by which the ground of a bare place may differ from that of the rest of a line: glare is brighter."""
_LEAST_CONTRAST = 30.0
_SURE = 0.94


def lacks_words(crop: Pixels, photo: Cut, catalog: Cut) -> bool:
    """Whether the photo has not the words at the end or beginning of a line that the catalog's side has more.

    Args:
        crop: (h, w, 3), the place of the catalog's line in the photo, upright.
        photo: what it says; words of the catalog's line are missing in it.
        catalog: what the catalog's side says.
    """
    missing = words_apart(catalog, photo)
    if not missing or not whole_words(photo, catalog):
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
    if contrast < _LEAST_CONTRAST:
        return False
    if _spread(place) >= _PRINTED * contrast:  # a shorter name that was set as wide: all that stands there was read
        return min(photo.confidence, catalog.confidence) >= _SURE
    # Letters cover less than half of a line: its ground is the level that most of it has.
    return bool(_spread(place) < _FLAT * contrast and -_DARKER <= _ground(place) - _ground(rest) <= _BRIGHTER)


def _spread(grey: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    low, high = np.percentile(grey, (3, 97))
    return float(high - low)


def _ground(grey: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    levels, edges = np.histogram(grey, bins=64, range=(0, 256))
    most = int(levels.argmax())
    return float(edges[most] + edges[most + 1]) / 2
