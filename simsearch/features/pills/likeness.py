"""How alike two pills are: how likely photos of one medicine differ as these two do.

Differences of colour and of shape are taken as normal, with covariances learned from photos that people took of pills
whose studio photos are known (`scripts/pills/fit_likeness.py`). Lamps and cameras move both halves of a pill alike,
and move lightness more than hue: the covariance knows it. One photo in twenty shows a wrong outline or a colour beyond
all that; a wide normal distribution stands for these, so that no single difference rules a pill out. Faces are compared
by the cosine of the network's embeddings, at the turns that agree best, and imprints by what is read of both
(`imprint_likeness`); their weights are learned from the same photos. Where both photos show a ruler, sizes count, too
(`sizes`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.features.pills import sizes
from simsearch.features.pills.imprint_likeness import Imprints, agreement

Floats = NDArray[np.float64]

COLOURS = 6
"""Leading columns of `columns`: CIELAB of both halves."""
_WAVES = 8
_ASTRAY = 0.05
"""Share of photos whose colour, or whose outline, is nothing like the pill's."""
_STRAY = 12.0
"""Nats by which a pill of a photo may be less like than the one that is most like; chosen on official photos, split
train (docs/pills.md)."""
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

    def _log(self, off: Floats) -> Floats:
        near = np.log1p(-_ASTRAY) + self.same.log_density(off)
        return np.asarray(np.logaddexp(near, np.log(_ASTRAY) + self.other.log_density(off)))


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files(__package__).joinpath("likeness.json").read_text(encoding="utf-8"))
    return found


@cache
def parts() -> tuple[Part, Part]:
    """Colour and shape, as learned."""
    table = _table()
    colour, shape = (
        Part(Normal.of(table[name]["same"]), Normal.of(table[name]["other"])) for name in ("colour", "shape")
    )
    return colour, shape


@dataclass(frozen=True)
class Weights:
    """What colours and shape count, and the faces: they are not independent of each other."""

    looks: float
    face: float
    """Logarithm of the likelihood that a cosine of 0 loses against one of 1."""
    imprint: float
    """Of what the characters say (`imprint_likeness.agreement`)."""


@cache
def weights() -> Weights:
    """As learned."""
    return Weights(**_table()["weights"])


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


@dataclass(frozen=True, eq=False)
class Pills:
    """Pills as they are compared."""

    table: Floats
    """(n, 17): see `columns`."""
    faces: NDArray[np.float32]
    """(n, KEPT, EMBEDDING)."""
    imprints: Imprints
    sizes: Floats
    """(n, 2) logarithms of the sides in millimetres (`sizes.logarithms`)."""

    @classmethod
    def of(cls, looks: NDArray[Any]) -> Pills:
        """Pills (n,) of `LOOK`."""
        imprints, sides = Imprints.of(looks["imprint"]), sizes.logarithms(looks["size"])
        return cls(columns(looks), looks["faces"].astype(np.float32), imprints, sides)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, kept: Any) -> Pills:
        """Those of a slice or a mask."""
        return Pills(self.table[kept], self.faces[kept], self.imprints[kept], self.sizes[kept])


def log_likelihoods(pills: Pills, others: Pills) -> Floats:
    """(n, m) of n pills against m others: 0 where nothing differs, above where imprints or sizes agree, else below.

    `LEAST` at least.
    """
    cosine = cosines(pills.faces, others.faces)
    read = agreement(pills.imprints, others.imprints)
    looks = combined(by_looks(pills.table, others.table), cosine, read, weights())
    return np.maximum(looks + sizes.agreement(pills.sizes, others.sizes), LEAST)


def together(each: Floats) -> Floats:
    """(n, m) likelihoods of each of a photo's n pills to be those of m other photos -> (m,) of the whole photo.

    Their mean, since a photo mostly shows pills of one medicine, from both sides: of official photos more are first so
    than by the pill that is most alike. One that is less like than that by `_STRAY` nats is another medicine's, or half
    a pill, and counts no further.
    """
    return np.asarray(np.maximum(each, each.max(axis=0) - _STRAY).mean(axis=0))


def combined(looks: Floats, cosine: Floats, read: NDArray[Any], by: Weights) -> Floats:
    """Likelihoods by colours and shape, cosines of faces and what imprints say, as one logarithm of a likelihood."""
    return by.looks * looks + by.face * (cosine - 1) + by.imprint * read


def cosines(faces: NDArray[np.float32], others: NDArray[np.float32]) -> Floats:
    """(n, m) of faces (n, turns, d) against others (m, turns, d): of the two turns that agree best."""
    (n, turns, d), m = faces.shape, len(others)
    each = faces.reshape(n * turns, d) @ others.reshape(m * others.shape[1], d).T
    return np.asarray(each.reshape(n, turns, m, others.shape[1]).max(axis=(1, 3)), np.float64).clip(-1, 1)


def by_looks(pills: Floats, others: Floats, by: tuple[Part, Part] | None = None) -> Floats:
    """(n, m) of colours and shape alone of pills (n, 17) against others (m, 17): 0 where nothing differs, else below.

    `by`: colour and shape; None: as learned.
    """
    colour, shape = by or parts()
    off = pills[:, None] - others[None]
    turned = (swapped(pills)[:, None] - others[None])[..., :COLOURS]
    hue = np.maximum(colour.log_likelihood(off[..., :COLOURS]), colour.log_likelihood(turned))
    return hue + shape.log_likelihood(off[..., COLOURS:])
