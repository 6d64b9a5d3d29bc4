"""Packages with print on them, drawn by the test itself."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from simsearch.core.types import Pixels
from simsearch.synthetic.typefaces import Typeface, text_mask

BOLD = Typeface("DejaVuSans-Bold.ttf")


def line(text: str, size: int = 40, face: Typeface = BOLD, margin: int = 8) -> Pixels:
    """One upright line, dark on light, with a margin."""
    mask = np.pad(text_mask(text, face, size), margin)[..., None].astype(np.float32) / 255
    return np.asarray(np.rint(mask * (30, 40, 110) + (1 - mask) * (238, 236, 228)), np.uint8)


def carton(texts: Sequence[tuple[str, int]], height: int = 480, width: int = 640) -> Pixels:
    """A light carton on a grey table; `texts` are (text, size in pixels), one below the other."""
    picture = np.full((height, width, 3), (120, 122, 126), np.uint8)
    picture[40:-40, 40:-40] = (238, 236, 228)
    top = 70
    for text, size in texts:
        drawn = line(text, size, margin=0)
        picture[top : top + drawn.shape[0], 80 : 80 + drawn.shape[1]] = drawn
        top += drawn.shape[0] + 16
    return picture


def turned(picture: Pixels, degrees: float) -> Pixels:
    """The picture turned anticlockwise, on a larger table, so that nothing is cut off."""
    if degrees % 90 == 0:
        return np.ascontiguousarray(np.rot90(picture, round(degrees / 90)))
    height, width = picture.shape[:2]
    side = int(np.hypot(height, width)) + 1
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    way, border = cv2.INTER_CUBIC, cv2.BORDER_CONSTANT
    return np.asarray(
        cv2.warpAffine(picture, matrix, (side, side), flags=way, borderMode=border, borderValue=(120, 122, 126)),
        np.uint8,
    )
