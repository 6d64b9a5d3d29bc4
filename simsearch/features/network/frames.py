"""Which picture the network sees of a photo: its size, and what fills what the photo leaves.

A square holds a 20:9 photo at less than half of its area. Frames of one area and several shapes give every photo the
same number of pixels, for the same time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.images import resized
from simsearch.core.types import Pixels
from simsearch.features.network.weights_file import Architecture

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, of RGB from 0 to 1: what a network's input is normalised by."""
_MEAN, _STD = np.array(MEAN, np.float32), np.array(STD, np.float32)
Frame = tuple[int, int]
"""Height and width in pixels."""

_STEP = 32
"""A backbone halves its input five times."""
_RATIOS = (1.0, 4 / 3, 2.0)
"""Of a frame's longer side to its shorter one. Few, since each shape has its own copy of the network's weights laid
out (`onednn`)."""


def frames(architecture: Architecture) -> tuple[Frame, ...]:
    """The shapes of input of a network, the square first."""
    size = architecture.input_size
    square = (size, size)
    if architecture.frames == "square":
        return (square,)
    sides = [(_steps(size / math.sqrt(r)), _steps(size * math.sqrt(r))) for r in _RATIOS[1:]]
    return (square, *(each for low, high in sides for each in ((low, high), (high, low))))


def normalised(pictures: Sequence[Pixels]) -> NDArray[np.float32]:
    """n pictures (h, w, 3) of one shape -> a network's input (n, 3, h, w), for those who need no PyTorch."""
    x = (np.stack(pictures).astype(np.float32) / np.float32(255) - _MEAN) / _STD
    return np.asarray(x.transpose(0, 3, 1, 2), np.float32)


def _steps(side: float) -> int:
    return max(_STEP, round(side / _STEP) * _STEP)


def frame_for(height: int, width: int, architecture: Architecture) -> Frame:
    """The frame in which a photo is largest; of equal ones the first."""
    return max(frames(architecture), key=lambda frame: min(frame[0] / height, frame[1] / width))


def framed(pixels: Pixels, frame: Frame) -> Pixels:
    """The photo scaled to fit `frame`, aspect kept, padded with the mean colour of its border."""
    height, width = pixels.shape[:2]
    most_high, most_wide = frame
    scale = min(most_high / height, most_wide / width)
    small = resized(pixels, max(1, round(max(height, width) * scale)))[:most_high, :most_wide]
    h, w = small.shape[:2]
    if (h, w) == frame:
        return small
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]]).mean(axis=0)
    out = np.empty((most_high, most_wide, 3), np.uint8)
    out[:] = border.round().astype(np.uint8)
    top, left = (most_high - h) // 2, (most_wide - w) // 2
    out[top : top + h, left : left + w] = small
    return out


def seen(pixels: Pixels, architecture: Architecture) -> Pixels:
    """What a network of this architecture sees of a photo."""
    height, width = pixels.shape[:2]
    return framed(pixels, frame_for(height, width, architecture))


def halved(pixels: Pixels, scale: float) -> tuple[Pixels, float]:
    """The photo halved until `scale` shrinks it by less than two, and by how much: warping alone would skip pixels."""
    shrunk = 1.0
    while scale * shrunk < 0.5 and min(pixels.shape[:2]) > 1:
        pixels, shrunk = np.asarray(cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)), shrunk * 2
    return pixels, shrunk


def warped(source: tuple[Pixels, float], matrix: NDArray[np.float64], size: tuple[int, int]) -> Pixels:
    """What a photo shows in a picture of `size` (width, height), the rim drawn on beyond it.

    Args:
        source: the photo as :func:`halved` gives it.
        matrix: (2, 3) from the photo to the picture.
        size: of the picture.
    """
    pixels, shrunk = source
    own = matrix.copy()
    own[:, :2] *= shrunk
    return np.asarray(cv2.warpAffine(pixels, own, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
