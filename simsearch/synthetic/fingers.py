"""Fingers that reach into the picture and cover part of the package."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.synthetic.canvas import Colour, mix
from simsearch.synthetic.typefaces import Mask

_SKIN: tuple[Colour, ...] = (
    (240, 205, 182),
    (224, 180, 150),
    (198, 146, 112),
    (160, 108, 78),
    (112, 72, 50),
    (76, 48, 36),
)


def draw_fingers(pixels: Pixels, alpha: Mask, reach: float, rng: np.random.Generator) -> None:
    """Draw one to four fingers from outside onto the package that `alpha` shows; `reach` 0 to 1 says how far in."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not len(rows):
        return
    size = alpha.shape[0]
    middle = np.array([(columns[0] + columns[-1]) / 2, (rows[0] + rows[-1]) / 2])
    half = np.array([columns[-1] - columns[0], rows[-1] - rows[0]]) / 2
    angle = float(rng.uniform(0, 2 * math.pi))
    out = np.array([math.cos(angle), math.sin(angle)])
    edge = float(min(half / np.maximum(np.abs(out), 1e-3)))
    skin = _SKIN[int(rng.integers(len(_SKIN)))]
    width = size * float(rng.uniform(0.10, 0.15))
    count = int(rng.choice([1, 2, 3, 3, 4]))
    across = np.array([-out[1], out[0]])
    for number in range(count):
        aside = across * (number - (count - 1) / 2) * width * 1.06
        depth = edge - reach * min(0.55 * edge, 0.2 * size) - float(rng.uniform(0, 0.04)) * size
        tip = middle + aside + out * depth
        knuckle = tip + out * width * 2.0 + across * float(rng.normal(0, 0.15)) * width
        base = knuckle + out * size * 1.2 + aside * 0.4
        _finger(pixels, np.stack([tip, knuckle, base]), width, skin)


def _finger(pixels: Pixels, path: NDArray[np.floating], width: float, skin: Colour) -> None:
    """One finger along (3, 2) points from the tip: a shadowed rim, rounded flesh, a nail."""
    shifted = np.rint((path + width * 0.06) * 16).astype(np.int32)
    edge = mix(skin, (60, 20, 10), 0.55)
    cv2.polylines(pixels, [shifted], False, mix(edge, (0, 0, 0), 0.3), round(width * 1.04), cv2.LINE_AA, 4)
    steps = 9
    for step in range(steps):
        share = step / (steps - 1)
        moved = path - width * 0.10 * share
        colour = mix(edge, mix(skin, (255, 255, 255), 0.08), math.sqrt(share))
        line = np.rint(moved * 16).astype(np.int32)
        cv2.polylines(pixels, [line], False, colour, max(1, round(width * (1 - 0.72 * share))), cv2.LINE_AA, 4)
    direction = path[1] - path[0]
    turn = math.degrees(math.atan2(direction[1], direction[0]))
    nail = path[0] + direction / max(float(np.linalg.norm(direction)), 1e-6) * width * 0.08 - width * 0.05
    centre = (round(float(nail[0]) * 16), round(float(nail[1]) * 16))
    for grow, colour in ((1.12, mix(skin, edge, 0.6)), (1.0, mix(skin, (255, 225, 220), 0.55))):
        axes = (round(width * 0.30 * grow * 16), round(width * 0.24 * grow * 16))
        cv2.ellipse(pixels, centre, axes, turn, 0, 360, colour, -1, cv2.LINE_AA, 4)
