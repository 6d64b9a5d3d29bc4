"""Pictures made by arithmetic: the same pixels on every machine and with every version of NumPy and OpenCV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Image, Pixels


def image(values: NDArray[Any]) -> Image:
    """An image of grey (height, width) or RGB (height, width, 3) values from 0 to 255."""
    pixels = np.repeat(values[..., None], 3, axis=2) if values.ndim == 2 else values
    height, width = pixels.shape[:2]
    return Image(np.ascontiguousarray(pixels, np.uint8), "0" * 64, width, height)


def numbers(seed: int) -> Iterator[int]:
    """Endless whole numbers from 0 to 2**31 - 1.

    The upper bits of a linear congruential generator (Knuth's MMIX constants). NumPy may change the stream of its own
    generators between versions.
    """
    state = seed
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield state >> 33


def texture(seed: int, height: int = 240, width: int = 320) -> Pixels:
    """Overlapping rectangles and discs of drawn colours: corners and edges enough for every method."""
    draw = numbers(seed)
    rows, columns = np.indices((height, width))
    canvas = np.full((height, width, 3), [60 + next(draw) % 140 for _ in range(3)], np.uint8)
    for _ in range(60):
        x, y, w, h = next(draw) % width, next(draw) % height, 6 + next(draw) % 54, 6 + next(draw) % 54
        colour = [next(draw) % 256 for _ in range(3)]
        if next(draw) % 5 < 3:
            canvas[y : y + h, x : x + w] = colour
        else:
            canvas[4 * ((rows - y) ** 2 + (columns - x) ** 2) <= w * w] = colour
    return _softened(canvas)


def _softened(pixels: Pixels) -> Pixels:
    """Edges spread over three pixels by the weights 1, 2, 1, as a lens does."""
    x = np.pad(pixels.astype(np.int64), ((1, 1), (1, 1), (0, 0)), mode="edge")
    x = x[:-2] + 2 * x[1:-1] + x[2:]
    x = x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:]
    return (x // 16).astype(np.uint8)


def waves(seed: int, height: int = 480, width: int = 640) -> Pixels:
    """Three systems of rings, one in each channel, without a single sharp edge but where they wrap round."""
    draw = numbers(seed)
    rows, columns = np.indices((height, width))
    planes = []
    for _ in range(3):
        y, x, step = next(draw) % height, next(draw) % width, 60 + next(draw) % 60
        ramp = ((rows - y) ** 2 + (columns - x) ** 2) // step % 512
        planes.append(np.minimum(ramp, 511 - ramp))
    return np.stack(planes, axis=2).astype(np.uint8)


def letters(seed: int, height: int = 600, width: int = 900) -> Pixels:
    """Lines of small dark glyphs on a light ground, as print on a carton."""
    draw = numbers(seed)
    canvas = np.full((height, width, 3), [235, 230, 224], np.uint8)
    for top in range(24, height - 24, 32):
        for left in range(24, width - 24, 16):
            strokes = next(draw)
            glyph = np.array([[strokes >> (3 * row + column) & 1 for column in range(3)] for row in range(5)], bool)
            block = np.repeat(np.repeat(glyph, 4, axis=0), 4, axis=1)
            canvas[top : top + 20, left : left + 12][block] = [20, 30, 90]
    return canvas


PINNED: dict[str, Callable[[], Pixels]] = {
    "texture": lambda: texture(1),
    "large texture": lambda: texture(2, 700, 560),
    "waves": lambda: waves(3),
    "letters": lambda: letters(4),
}
"""Pictures of different structure, smaller and larger than the sizes that methods scale to."""
