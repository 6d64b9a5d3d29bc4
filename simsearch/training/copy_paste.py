"""Copy-paste augmentation of loose pills: each pill is cut out, turned, and pasted on the photo's own ground.

Photos of one drug differ in how many pills they show, on which side and how aligned. Augmentations of the whole picture
keep that arrangement, and a network trained on them learns the arrangement instead of the pill.
Source: Dwibedi, Misra, Hebert, "Cut, Paste and Learn" (ICCV 2017).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from simsearch.core.images import shrunk
from simsearch.core.types import Pixels

_COUNTS = (0.25, 0.6, 0.15)  # probabilities of one, two and three pills
_RIM = 3  # pixels around an outline that belong to the pill: its edge, and the shadow at its foot
_SIDE = 160  # longer side of the crop that pills are cut out of, in pixels; views are not much larger


def copy_pasted(crop: Pixels, outlines: Sequence[NDArray[np.float32]], rng: Generator) -> Pixels:
    """A square picture of one to three pills of `crop`, RGB.

    `outlines`, one or more: (n, 2) points x, y of each pill, in pixels of the crop.
    """
    small = shrunk(crop, _SIDE)
    scale = max(small.shape[:2]) / max(crop.shape[:2])
    shapes = [np.rint(outline * scale).astype(np.int32) for outline in outlines]
    ground = _ground(small, shapes)
    number = 1 + int(rng.choice(len(_COUNTS), p=_COUNTS))
    chosen = [shapes[int(i)] for i in rng.choice(len(shapes), number, replace=number > len(shapes))]
    reach = max(float(np.linalg.norm(s.max(axis=0) - s.min(axis=0))) for s in chosen) + 2 * _RIM
    width, height = int(reach * (1.15 * number + 0.5)), int(1.5 * reach)
    canvas = np.empty((height, width, 3), np.float32)
    canvas[:] = ground
    filled = np.zeros((height, width), np.float32)
    # About half of all real photos show their pills aligned.
    turn, aligned = rng.uniform(0, 360), rng.random() < 0.5
    x, y = 0.75 * reach, height / 2
    for shape in chosen:
        angle = turn if aligned else rng.uniform(0, 360)
        patch, cover = _cut(small, shape)
        middle = np.array(patch.shape[1::-1]) / 2
        matrix = np.asarray(cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), angle, 1.0), np.float64)
        across = abs(np.cos(np.deg2rad(angle))) * patch.shape[1] + abs(np.sin(np.deg2rad(angle))) * patch.shape[0]
        matrix[:, 2] += np.array([x, y + rng.uniform(-0.15, 0.15) * reach]) - middle
        into = cv2.warpAffine(cover, matrix, (width, height))[..., None].astype(np.float32) / 255
        moved = cv2.warpAffine(patch, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        canvas += into * (moved - canvas)
        filled = np.maximum(filled, into[..., 0])
        x += across * rng.uniform(0.85, 1.15)
    return _around(canvas, filled)


def _ground(small: Pixels, shapes: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
    """(3,) median colour of the ground beside the pills."""
    mask = np.zeros(small.shape[:2], np.uint8)
    for shape in shapes:
        cv2.fillPoly(mask, [shape], 1)
    beside = cv2.dilate(mask, np.ones((15, 15), np.uint8)) == 0
    places = small[beside] if beside.any() else small.reshape(-1, 3)
    return np.asarray(np.median(places, axis=0), np.float32)


def _cut(small: Pixels, shape: NDArray[np.int32]) -> tuple[Pixels, NDArray[np.uint8]]:
    """The patch around a pill, (h, w, 3), and its alpha mask with a soft edge, (h, w) of 0 to 255."""
    height, width = small.shape[:2]
    left, top = np.maximum(shape.min(axis=0) - 2 * _RIM, 0).tolist()
    right, bottom = np.minimum(shape.max(axis=0) + 2 * _RIM + 1, [width, height]).tolist()
    cover = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(cover, [shape - np.array([left, top], np.int32)], 255)
    soft = cv2.GaussianBlur(cv2.dilate(cover, np.ones((_RIM, _RIM), np.uint8)), (0, 0), 1.0)
    return small[top:bottom, left:right], np.asarray(soft, np.uint8)


def _around(canvas: NDArray[np.float32], filled: NDArray[np.float32]) -> Pixels:
    """The square around the pasted pills, with the margin that `pill_crop` leaves."""
    rows, columns = np.flatnonzero(filled.max(axis=1) > 0.5), np.flatnonzero(filled.max(axis=0) > 0.5)
    if not len(rows):  # outlines without area
        return np.clip(canvas, 0, 255).astype(np.uint8)
    half = 0.6 * max(rows[-1] - rows[0], columns[-1] - columns[0]) + 2
    y, x = (rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2
    top, left = max(0, int(y - half)), max(0, int(x - half))
    return np.clip(canvas[top : int(y + half) + 1, left : int(x + half) + 1], 0, 255).astype(np.uint8)
