"""Pictures made by numpy, the same on every machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.core.types import Image

MakeImage = Callable[[NDArray[Any]], Image]
Texture = Callable[..., NDArray[np.uint8]]


@pytest.fixture(scope="session")
def make_image() -> MakeImage:
    """Image of an array (height, width, 3) or (height, width)."""

    def make(values: NDArray[Any]) -> Image:
        pixels = np.repeat(values[..., None], 3, axis=2) if values.ndim == 2 else values
        height, width = pixels.shape[:2]
        return Image(np.ascontiguousarray(pixels, np.uint8), "0" * 64, width, height)

    return make


@pytest.fixture(scope="session")
def texture() -> Texture:
    """Rectangles and discs of random colours: corners and edges enough for every method."""

    def draw(seed: int, height: int = 240, width: int = 320) -> NDArray[np.uint8]:
        random = np.random.default_rng(seed)
        canvas = np.full((height, width, 3), random.integers(60, 200, 3), np.uint8)
        for _ in range(60):
            x, y = int(random.integers(0, width)), int(random.integers(0, height))
            w, h = (int(v) for v in random.integers(6, 60, 2))
            colour = [int(c) for c in random.integers(0, 256, 3)]
            if random.random() < 0.6:
                cv2.rectangle(canvas, (x, y), (x + w, y + h), colour, -1)
            else:
                cv2.circle(canvas, (x, y), w // 2, colour, -1)
        return np.asarray(cv2.GaussianBlur(canvas, (3, 3), 0), dtype=np.uint8)

    return draw
