"""Drawn photos of loose pills whose looks are known."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Image, Pixels
from simsearch.features.pills.imprint import KEPT_MARKS, MARK
from simsearch.features.pills.imprint_network_plan import CHARACTERS
from simsearch.synthetic.pills import PillLook, pill
from simsearch.testing.pictures import image

WHITE, ORANGE, BLUE, YELLOW, RED = (242, 240, 236), (228, 120, 50), (60, 110, 190), (235, 205, 70), (190, 40, 45)
Colour = tuple[int, int, int]


def look(shape: str, aspect: float, colour: Colour, cap: Colour | None = None, *, scored: bool = False) -> PillLook:
    return PillLook(shape, aspect, colour, cap or colour, "A5", printed=True, scored=scored, gloss=0.2)


TABLET, CAPLET = look("round", 1.0, ORANGE), look("oblong", 2.2, BLUE)
CAPSULE = look("capsule", 2.4, YELLOW, RED)


def scene(*looks: PillLook, angle: float = 0.0, height: int = 46, size: int = 480, light: float = 1.0) -> Pixels:
    """Pills side by side on grey paper, each turned by `angle` degrees."""
    pixels: NDArray[np.float32] = np.full((size, size, 3), (206, 206, 208), np.float32)
    for number, shown in enumerate(looks):
        colours, cover = pill(shown, height, reverse=shown.scored)
        x = size / 2 + (number - (len(looks) - 1) / 2) * 2.6 * height
        turn = cv2.getRotationMatrix2D((cover.shape[1] / 2, cover.shape[0] / 2), angle, 1.0)
        turn[:, 2] += x - cover.shape[1] / 2, size / 2 - cover.shape[0] / 2
        # The ground around a sprite takes its mean colour, so that no dark fringe comes in by interpolation.
        mask = np.asarray(cv2.warpAffine(cover, turn, (size, size)), np.float32)[..., None] / 255
        laid = cv2.warpAffine(colours, turn, (size, size), borderMode=cv2.BORDER_REPLICATE)
        pixels = np.asarray(pixels * (1 - mask) + np.asarray(laid, np.float32) * mask, np.float32)
    return np.asarray(np.clip(pixels * light, 0, 255), np.uint8)


def photo(*looks: PillLook, angle: float = 0.0, height: int = 46, size: int = 480, light: float = 1.0) -> Image:
    return image(scene(*looks, angle=angle, height=height, size=size, light=light))


def read(text: str, *, sure: int = 240, share: int = 230) -> NDArray[Any]:
    """(KEPT_MARKS,) as if the text was read, rows by spaces."""
    found = np.zeros(KEPT_MARKS, MARK)
    place = 0
    for number, word in enumerate(text.split()):
        for character in word:
            klass = CHARACTERS.index(character)
            found[place] = ((klass, (klass + 7) % 36, (klass + 11) % 36), (share, (255 - share) // 2, 0), sure, number)
            place += 1
    return found
