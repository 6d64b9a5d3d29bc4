"""Colours and shapes of pills in the words of the FDA's lists, with those of Taiwan's beside them.

A linear rule on colour and shape, learned from studio photos whose register says both (`scripts/pills/fit_names.py`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Outline, SeenPill
from simsearch.features.pills.imprint import wording
from simsearch.features.pills.likeness import COLOURS, columns
from simsearch.features.pills.looks import RADII

Floats = NDArray[np.float64]

TAIWAN = {
    "white": "白", "yellow": "黃", "pink": "粉", "orange": "橘", "blue": "藍", "green": "綠", "brown": "棕",
    "red": "紅", "purple": "紫", "gray": "灰", "black": "黑", "turquoise": "藍綠",
    "round": "圓形", "capsule": "膠囊", "oval": "橢圓形", "rectangle": "四邊形", "square": "四邊形",
    "diamond": "四邊形", "triangle": "三角形", "octagon": "八邊形", "hexagon": "六邊形", "pentagon": "五邊形",
    "tear": "水滴形", "double circle": "雙圓形",
}  # fmt: skip
"""The FDA's word, in lower case -> the word of Taiwan's register."""


@dataclass(frozen=True, eq=False)
class Rule:
    """A linear rule over standardised features."""

    names: tuple[str, ...]
    mean: Floats
    scale: Floats
    weights: Floats
    """(features + 1, names); the last row is the bias."""

    def shares(self, features: Floats) -> Floats:
        """(n, names) probability of each name for features (n, f)."""
        x = np.column_stack([(features - self.mean) / self.scale, np.ones(len(features))])
        logits = x @ self.weights
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(e / e.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Named:
    """What one pill is called."""

    colours: tuple[str, ...]
    """One name, or two of a pill whose halves have different ones; sorted."""
    shape: str
    scored: bool
    imprint: str
    """What is read on it (`imprint.wording`)."""
    size: tuple[float, float] = (0.0, 0.0)
    """Longer and shorter side in millimetres, to a tenth; 0 where no ruler was read."""


@cache
def rules() -> tuple[Rule, Rule]:
    """Colour and shape, as learned."""
    table = json.loads(files(__package__).joinpath("names.json").read_text(encoding="utf-8"))
    colour, shape = (
        Rule(tuple(t["names"]), *(np.asarray(t[part], np.float64) for part in ("mean", "scale", "weights")))
        for t in (table["colour"], table["shape"])
    )
    return colour, shape


def colour_features(lab: Floats) -> Floats:
    """(n, 10) of CIELAB colours (n, 3): the colour, its chroma, squares and products."""
    lightness, a, b = (lab[:, i] / 50 for i in range(3))
    chroma = np.hypot(a, b)
    return np.column_stack([lightness, a, b, chroma, lightness**2, a**2, b**2, a * b, lightness * a, lightness * b])


def shape_features(table: Floats) -> Floats:
    """(n, 23) of pills as `likeness.columns` (n, 17) has them."""
    shape = table[:, COLOURS:]
    return np.column_stack([shape, shape**2, np.sqrt(np.maximum(shape[:, 0], 0))])


def named(looks: NDArray[Any], by: tuple[Rule, Rule] | None = None) -> list[Named]:
    """What each of the pills (n,) of `LOOK` is called. `by`: rules of colour and shape; None: as learned."""
    if not len(looks):
        return []
    colour, shape = by or rules()
    halves = [colour.shares(colour_features(looks["colours"][:, i].astype(np.float64))) for i in range(2)]
    shapes = shape.shares(shape_features(columns(looks))).argmax(axis=1)
    return [
        Named(
            _colours(left, right, colour.names, look),
            shape.names[at],
            bool(look["score"] > SCORED),
            wording(look["imprint"]),
            _size(look),
        )
        for look, left, right, at in zip(looks, *halves, shapes, strict=True)
    ]


def seen(looks: NDArray[Any], width: int, height: int) -> tuple[SeenPill, ...]:
    """The pills (n,) of `LOOK` of a photo of that size in words, each with its outline."""
    told = zip(looks, named(looks), strict=True)
    return tuple(
        SeenPill(_outline(look, width, height), n.colours, n.shape, n.scored, n.imprint, n.size if n.size[0] else None)
        for look, n in told
    )


def _size(look: Any) -> tuple[float, float]:
    long, short = (round(float(side), 1) for side in look["size"])
    return long, short


def _outline(look: Any, width: int, height: int) -> Outline:
    """The outline by its radii, in shares of the photo's width and height."""
    x, y, radius, angle = (float(value) for value in look["place"])
    ways = angle + np.arange(RADII) * 2 * np.pi / RADII
    reach = look["radii"].astype(np.float64) * radius
    longer = max(width, height)
    points = np.column_stack(
        [(x + reach * np.cos(ways)) * longer / width, (y + reach * np.sin(ways)) * longer / height]
    )
    return tuple((float(across), float(down)) for across, down in np.clip(points, 0, 1).round(5))


SCORED = 1.2
"""`LOOK`'s score from which a groove counts as a score line."""
_ONE_COLOUR = 14.0
"""Distance in CIELAB up to which two halves are one colour in uneven light."""


def _colours(left: Floats, right: Floats, names: Sequence[str], look: Any) -> tuple[str, ...]:
    apart = float(np.linalg.norm((look["colours"][0] - look["colours"][1]) * (0.5, 1, 1)))
    if apart <= _ONE_COLOUR:
        return (names[int((left + right).argmax())],)
    return tuple(sorted({names[int(left.argmax())], names[int(right.argmax())]}))
