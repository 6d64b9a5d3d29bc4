"""How alike two pills are: how likely photos of one medicine differ as these two do.

Differences of colour and of shape are taken as normal, with covariances learned from photos that people took of pills
whose studio photos are known (`scripts/pills/fit_likeness.py`). Lamps and cameras move both halves of a pill alike,
and move lightness more than hue: the covariance knows it. One photo in twenty shows a wrong outline or a colour beyond
all that; a wide normal distribution stands for these, so that no single difference rules a pill out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COLOURS = 6
"""Leading columns of `columns`: CIELAB of both halves."""
_WAVES = 8
_ASTRAY = 0.05
"""Share of photos whose colour, or whose outline, is nothing like the pill's."""
LEAST = -60.0
"""Similarity where a photo shows no pill, and the lowest one."""


@dataclass(frozen=True, eq=False)
class Normal:
    """A normal distribution around 0."""

    precision: Floats
    log_scale: float
    """Half the logarithm of the precision's determinant."""

    @classmethod
    def of(cls, covariance: Any) -> Normal:
        matrix = np.asarray(covariance, np.float64)
        return cls(np.asarray(np.linalg.inv(matrix), np.float64), -0.5 * float(np.linalg.slogdet(matrix)[1]))

    def log_density(self, off: Floats) -> Floats:
        """(...,) of differences (..., d), up to a constant that all distributions of this size share."""
        return np.asarray(self.log_scale - 0.5 * np.einsum("...i,ij,...j->...", off, self.precision, off))


@dataclass(frozen=True, eq=False)
class Part:
    """Colour or shape: how it differs between photos of one medicine, and of any two."""

    same: Normal
    other: Normal

    def log_likelihood(self, off: Floats) -> Floats:
        """(...,) of differences (..., d); 0 where there is none, else below."""
        return self._log(off) - self._log(np.zeros(off.shape[-1]))

    def log_ratio(self, off: Floats) -> Floats:
        """(...,) logarithm of how much likelier differences (..., d) are for one medicine than for any two."""
        return self._log(off) - self.other.log_density(off)

    def _log(self, off: Floats) -> Floats:
        near = np.log1p(-_ASTRAY) + self.same.log_density(off)
        return np.asarray(np.logaddexp(near, np.log(_ASTRAY) + self.other.log_density(off)))


@cache
def parts() -> tuple[Part, Part]:
    """Colour and shape, as learned."""
    table = json.loads(files(__package__).joinpath("likeness.json").read_text(encoding="utf-8"))
    colour, shape = (
        Part(Normal.of(table[name]["same"]), Normal.of(table[name]["other"])) for name in ("colour", "shape")
    )
    return colour, shape


def columns(looks: NDArray[Any]) -> Floats:
    """(n, 17) of pills (n,) of `LOOK`: colours of both halves, then what tells the shape at any turn, and mirrored."""
    waves = (
        np.abs(np.fft.rfft(looks["radii"].astype(np.float64), axis=-1))[:, 1 : _WAVES + 1] / looks["radii"].shape[-1]
    )
    shape = np.column_stack([np.log(looks["ratio"]), looks["fill"], looks["solidity"], waves])
    return np.column_stack([looks["colours"].reshape(len(looks), COLOURS).astype(np.float64), shape])


def swapped(table: Floats) -> Floats:
    """The same pills (n, 17) with their halves exchanged: a photo may show a capsule either way round."""
    order = [3, 4, 5, 0, 1, 2, *range(COLOURS, table.shape[1])]
    return table[:, order]


def log_likelihoods(pills: Floats, others: Floats, by: tuple[Part, Part] | None = None) -> Floats:
    """(n, m) of pills (n, 17) against others (m, 17): 0 where nothing differs, else below, `LEAST` at least.

    `by`: colour and shape; None: as learned.
    """
    colour, shape = by or parts()
    off = pills[:, None] - others[None]
    turned = (swapped(pills)[:, None] - others[None])[..., :COLOURS]
    hue = np.maximum(colour.log_likelihood(off[..., :COLOURS]), colour.log_likelihood(turned))
    return np.maximum(hue + shape.log_likelihood(off[..., COLOURS:]), LEAST)
