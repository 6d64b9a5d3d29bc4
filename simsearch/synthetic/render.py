"""Flat pictures of products: carton faces, strips, bottles and pills, before any camera."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.synthetic import bottles, cartons, pills
from simsearch.synthetic.canvas import over
from simsearch.synthetic.products import SyntheticProduct
from simsearch.synthetic.typefaces import Mask

_SMALLEST = 96  # pixels; smaller pictures are shrunk from this size, since letters and pills would not fit their places
_SURFACES = {
    "box": ("front", "back", "side", "top"),
    "blister": ("front", "back"),
    "bottle": ("bottle", "back"),
    "pills": ("pills",),
}
_CARTON_ART = {"front": cartons.front, "back": cartons.back, "side": cartons.side, "top": cartons.top}


def surfaces(product: SyntheticProduct) -> tuple[str, ...]:
    """The surfaces that `product` can be rendered from, the most telling first."""
    return _SURFACES[product.package]


def render(product: SyntheticProduct, surface: str, size: int = 512) -> Pixels:
    """(H, W, 3) the flat picture, `size` pixels on its long side.

    A carton's face or a strip fills it; bottles and pills stand on white.
    """
    pixels, alpha = cutout(product, surface, size)
    return over(np.full_like(pixels, 255), pixels, alpha)


@lru_cache(maxsize=384)
def cutout(product: SyntheticProduct, surface: str, size: int = 512) -> tuple[Pixels, Mask]:
    """The picture and its coverage, (H, W, 3) and (H, W), 0 to 255. Shared and read only."""
    assert surface in surfaces(product), f"{product.package} has no surface {surface}"
    if size < _SMALLEST:
        pixels, alpha = (_shrunk(array, size / _SMALLEST) for array in cutout(product, surface, _SMALLEST))
    elif product.package == "box":
        width, height = _scaled(cartons.face_size(product, surface), size)
        pixels = _CARTON_ART[surface](product, width, height)
        alpha = np.full(pixels.shape[:2], 255, dtype=np.uint8)
    elif product.package == "blister":
        width, height = _scaled(pills.blister_size(product), size)
        pixels = (pills.blister_front if surface == "front" else pills.blister_back)(product, width, height)
        alpha = _rounded(width, height)
    elif product.package == "bottle":
        pixels, alpha = bottles.bottle(product, surface, size)
    else:
        pixels, alpha = pills.loose(product, size)
    pixels.flags.writeable = alpha.flags.writeable = False
    return pixels, alpha


def _shrunk(array: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    size = (max(1, round(array.shape[1] * share)), max(1, round(array.shape[0] * share)))
    return np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _scaled(measures: tuple[float, float], size: int) -> tuple[int, int]:
    longest = max(measures)
    return max(24, round(measures[0] / longest * size)), max(24, round(measures[1] / longest * size))


def _rounded(width: int, height: int) -> Mask:
    radius = max(2, round(min(width, height) * 0.05))
    mask = np.zeros((height, width), dtype=np.uint8)
    cv2.rectangle(mask, (radius, 0), (width - radius - 1, height - 1), 255, -1)
    cv2.rectangle(mask, (0, radius), (width - 1, height - radius - 1), 255, -1)
    for x in (radius, width - radius - 1):
        for y in (radius, height - radius - 1):
            cv2.circle(mask, (x, y), radius, 255, -1, cv2.LINE_AA)
    return mask
