"""One pill as its network sees it: cut out along its outline, laid on grey, at every turn that it may be read at.

An oblong pill lies level in a wide frame and is read either way up. Any other pill keeps its photo's way up in a square
frame and is read at `TURNS` turns: people mostly hold an imprint upright, but not always.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.features.network.frames import halved, warped
from simsearch.features.pills.outlines import Outline

TURNS = 8
"""Turns of a pill that is not oblong, evenly spread."""
SQUARE, WIDE = (128, 128), (80, 176)
"""Height and width of the frames."""
FINER = {False: 1.0, True: 1.5}
"""How much larger the frames are in which imprints are read, by whether the pill is oblong: what is printed on capsules
is small."""
OBLONG = 1.25
"""Longer side over the shorter one from which a pill is oblong."""
GREY = 124
"""What lies around the pill: the mean of the network's input."""
_LONG, _SHORT = 0.93, 0.944
"""Sides of an oblong pill over those of its frame, at most."""
_ACROSS, _MOST = 0.93, 1.046
"""Diameter of a disc of any other pill's area over its frame's side, and its longest extent at most."""


def framed(pixels: Pixels, outline: Outline) -> list[Pixels]:
    """The pill within `outline`, (h, w, 3) at each turn: 2 in `WIDE` frames, or `TURNS` in `SQUARE` ones."""
    return _framed(pixels, outline)


def framed_to_read(pixels: Pixels, outline: Outline, faces: Sequence[Pixels], turns: Sequence[int]) -> list[Pixels]:
    """Some of the turns, as large as `FINER` says. `faces`: what `framed` gives, which is not cut out again."""
    finer = FINER[faces[0].shape[:2] == WIDE]
    return [faces[turn] for turn in turns] if finer == 1 else _framed(pixels, outline, finer, turns)


def _framed(pixels: Pixels, outline: Outline, finer: float = 1.0, wanted: Sequence[int] | None = None) -> list[Pixels]:
    centre, angle, scale, (height, width), turns = _placed(outline)
    frame, scale = (round(height * finer), round(width * finer)), scale * finer
    source = halved(pixels, scale)
    ways = 2 * np.pi * np.arange(turns) / turns
    return [
        _cut(source, outline, _matrix(centre, angle - way, scale, frame), frame)
        for way in (ways if wanted is None else ways[list(wanted)])
    ]


def _placed(outline: Outline) -> tuple[tuple[float, float], float, float, tuple[int, int], int]:
    """Centre in the photo, angle that is to lie level, scale, frame and number of turns."""
    (x, y), (a, b), degrees = cv2.minAreaRect(outline)
    long, short = max(a, b, 1.0), max(min(a, b), 1.0)
    if long >= OBLONG * short:
        angle = (np.radians(degrees if a >= b else degrees + 90) + np.pi / 2) % np.pi - np.pi / 2
        scale = min(_LONG * WIDE[1] / long, _SHORT * WIDE[0] / short)
        return (x, y), float(angle), scale, WIDE, 2
    low, high = outline.min(axis=0), outline.max(axis=0)
    across = 2 * (max(cv2.contourArea(outline), 1.0) / np.pi) ** 0.5
    scale = min(_ACROSS * SQUARE[0] / across, _MOST * SQUARE[0] / max(float((high - low).max()), 1.0))
    return ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2), 0.0, scale, SQUARE, TURNS


def _matrix(centre: tuple[float, float], angle: float, scale: float, frame: tuple[int, int]) -> NDArray[np.float64]:
    cos, sin = float(np.cos(angle)) * scale, float(np.sin(angle)) * scale
    matrix = np.array([[cos, sin, 0], [-sin, cos, 0]])
    matrix[:, 2] = (frame[1] / 2, frame[0] / 2) - matrix[:, :2] @ centre
    return matrix


def _cut(source: tuple[Pixels, float], outline: Outline, matrix: NDArray[np.float64], frame: tuple[int, int]) -> Pixels:
    picture = warped(source, matrix, (frame[1], frame[0]))
    points = outline @ matrix[:, :2].T + matrix[:, 2]
    mask = np.zeros(frame, np.uint8)
    cv2.fillPoly(mask, [np.rint(points * 8).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=3)
    share = (mask.astype(np.float32) / 255)[..., None]
    return np.asarray(np.rint(picture * share + GREY * (1 - share)), np.uint8)
