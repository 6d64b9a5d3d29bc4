"""Pictures seen again from another side."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.testing.pictures import texture

SCENE = 512
"""Side of the pictures: that at which keypoints are sought, so that pixels are the same before and after."""
TILT = np.array([[0.9, -0.08, 30.0], [0.06, 0.95, 12.0], [1.5e-4, -1e-4, 1.0]])


def scene() -> NDArray[np.uint8]:
    """A photo with a border, so that turning and tilting cut nothing off."""
    return np.asarray(np.pad(texture(11, 380, 380), ((66, 66), (66, 66), (0, 0)), constant_values=128), np.uint8)


def rotation(degrees: float) -> NDArray[np.float64]:
    turn = cv2.getRotationMatrix2D((SCENE / 2, SCENE / 2), degrees, 1.0)
    return np.vstack([turn, [0, 0, 1]])


def warped(pixels: NDArray[np.uint8], homography: NDArray[np.float64]) -> NDArray[np.uint8]:
    border = cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpPerspective(pixels, homography, (SCENE, SCENE), borderMode=border), dtype=np.uint8)


def moved(points: NDArray[np.float64], homography: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cv2.perspectiveTransform(points[:, None].astype(np.float64), homography)[:, 0], np.float64)
