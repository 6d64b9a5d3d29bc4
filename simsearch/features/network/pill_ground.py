"""The ground that a pill lies on, told from the rim of its photo, and how far each pixel stands out from it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels

Floats = NDArray[np.float32]

_RIM = 0.03
"""Width of the rim in shares of the photo's longer side."""
_ROUNDS = 4
_LEVEL = 0.02
"""How hard the ground is held level: tight crops show it on two sides only, which say nothing of the other slope."""
_WEIGHTS = np.array([0.6, 1.8, 1.8])
"""Of CIELAB differences: lightness counts less than hue, because shadows and lamps change it."""
_SHADE = 0.35
"""Weight of the lightness below the ground's: a shadow, more often than a pill."""
_BRIGHT, _HUE = 0.6, 2.2
"""Scales of lightness and hue in the picture that is cut: hue tells a pill from its shadow."""


@dataclass(frozen=True)
class Apart:
    """A photo against its ground, at the photo's own size."""

    distance: Floats
    """(h, w) how far each pixel stands out, 0 upwards; a shadow stands out little."""
    picture: Pixels
    """(h, w, 3) the differences as colours around a middle grey: what GrabCut is given."""
    noise: float
    """Median distance of the rim from the ground fitted to it."""


def apart(pixels: Pixels) -> Apart:
    """Each pixel against a plane of colour through the photo's rim."""
    lab = cv2.cvtColor(cv2.GaussianBlur(pixels, (3, 3), 0), cv2.COLOR_RGB2LAB).astype(np.float32)
    ground, noise = _plane(lab)
    off = lab - ground
    lightness = np.where(off[..., 0] < 0, _SHADE, _WEIGHTS[0]) * off[..., 0]
    distance = np.sqrt(lightness**2 + ((_WEIGHTS[1:] * off[..., 1:]) ** 2).sum(axis=2))
    scaled = off * np.array([_BRIGHT, _HUE, _HUE]) + np.array([150, 128, 128])  # most pills are lighter than a shadow
    return Apart(distance.astype(np.float32), np.clip(scaled, 0, 255).astype(np.uint8), noise)


def _plane(lab: Floats) -> tuple[Floats, float]:
    """Colour (h, w, 3) that changes evenly across the photo, fitted to its rim; and the rim's median distance from it.

    By least squares reweighted after Cauchy, so that a pill which reaches the rim does not bend it.
    Source: Holland and Welsch (1977), "Robust regression using iteratively reweighted least-squares".
    """
    height, width = lab.shape[:2]
    wide = max(2, round(_RIM * max(height, width)))
    rim = np.ones((height, width), bool)
    rim[wide:-wide, wide:-wide] = False
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    places = np.stack([np.ones_like(x), x / width - 0.5, y / height - 0.5], axis=2)
    a, colours = places[rim], lab[rim].astype(np.float64)
    fit = np.zeros((3, 3))
    fit[0] = np.median(colours, axis=0)
    for _ in range(_ROUNDS):
        off = (np.abs(colours - a @ fit) * _WEIGHTS).max(axis=1)
        weights = 1 / (1 + (off / max(2.0, 1.5 * float(np.median(off)))) ** 2)
        level = _LEVEL * weights.sum()
        fit = np.linalg.solve(
            a.T @ (a * weights[:, None]) + np.diag([1e-6, level, level]), a.T @ (colours * weights[:, None])
        )
    noise = float(np.median((np.abs(colours - a @ fit) * _WEIGHTS).max(axis=1)))
    return (places @ fit).astype(np.float32), noise
