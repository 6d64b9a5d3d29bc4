"""What a line says: a recognition network, decoded by CTC (Graves et al., 2006) with the alphabet in the model file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.features.reading.detection import tensor
from simsearch.features.reading.models import RECOGNITION, run, session

_HEIGHT = 48
"""Pixels; what the network was trained at."""
_LEAST_WIDTH, _MOST_WIDTH = 16, 2400
"""Pixels at that height. A longer line is squeezed: 2,400 pixels hold about 120 letters."""


def recognise(crop: Pixels) -> tuple[str, float]:
    """Text and confidence of a picture that holds one upright line.

    Lines are read one at a time. Six of unlike width in one batch, padded to the widest, take as long as the widest six
    times, and what is read would depend on the neighbours.
    """
    height, width = crop.shape[:2]
    wide = min(max(math.ceil(width * _HEIGHT / height), _LEAST_WIDTH), _MOST_WIDTH)
    way = cv2.INTER_AREA if height > _HEIGHT else cv2.INTER_LINEAR
    line = np.asarray(cv2.resize(crop, (wide, _HEIGHT), interpolation=way), np.uint8)
    steps = run(RECOGNITION, tensor(line))[0]
    return decoded(steps, alphabet())


@cache
def alphabet() -> Sequence[str]:
    """Characters by class: "" (CTC's blank), those of the model file, and the space, which the file leaves out."""
    listed: str = session(RECOGNITION).get_modelmeta().custom_metadata_map["character"]
    return ("", *listed.removesuffix("\n").split("\n"), " ")


def decoded(steps: NDArray[np.float32], characters: Sequence[str]) -> tuple[str, float]:
    """Best path of probabilities (steps, classes): repeats are one character, blanks (class 0) none.

    The confidence is the mean over the characters, each taken where it first shows; 0 without any.
    """
    best = steps.argmax(axis=1)
    shown = best != 0
    shown[1:] &= best[1:] != best[:-1]
    if not shown.any():
        return "", 0.0
    text = "".join(characters[i] for i in best[shown])
    return text, float(steps[shown, best[shown]].astype(np.float64).mean())
