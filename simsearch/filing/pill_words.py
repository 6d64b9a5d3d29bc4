"""Loose pills against their rows: how badly the colours and the shape that a photo shows fit the columns.

Names of colours and shapes are right in six of seven photos, so a name that differs says little. What counts is how
improbable the row's words are by the rules that name a pill (`features.pills.names`), in nats.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from simsearch.core.types import Descriptor
from simsearch.features.keypoints import column
from simsearch.features.pills.likeness import columns
from simsearch.features.pills.names import Rule, colour_features, named, rules, shape_features
from simsearch.recognition.by_looks import COLUMNS, canonical

KINDS = ("colour", "shape")
_LEAST_SHARE = 1e-4
"""What a rule gives less than this is equally improbable: it was learned from some thousand photos."""
_NEAR = ({"oval", "capsule", "bullet"}, {"square", "rectangle", "diamond", "trapezoid"}, {"round", "freeform"})
"""Shapes between which registers draw the line differently."""


@dataclass(frozen=True)
class PillApart:
    """How a photo's pill fits a column of its row."""

    kind: str
    """colour or shape."""
    apart: float
    """How improbable the row's word is by the picture, in nats: 0 for certain, 9 at most."""
    ours: str
    """What the pill is called by its picture."""
    theirs: str
    """As the row says."""


def pills_apart(looks: Descriptor, attributes: Mapping[str, Any]) -> list[PillApart]:
    """How the largest pills of a photo fit the columns of a row, by the one that fits best; by kind.

    `looks`: of the method `pills`, one element a pill. Columns that name nothing that the rules know are left out.
    """
    said = {kind: _said(kind, attributes) for kind in KINDS}
    if not len(looks) or not any(said.values()):
        return []
    colour, shape = rules()
    names = named(looks)
    found = []
    if wanted := _known(said["colour"], colour):
        both = column(looks, "colours").astype(np.float64)
        halves = [colour.shares(colour_features(both[:, i])) for i in range(2)]
        at = [colour.names.index(name) for name in wanted]
        share = np.minimum(*(half[:, at].sum(axis=1) for half in halves))
        found.append(_apart("colour", share, [" and ".join(one.colours) for one in names], attributes))
    if wanted := _known(_with_near(said["shape"]), shape):
        at = [shape.names.index(name) for name in wanted]
        share = shape.shares(shape_features(columns(looks)))[:, at].sum(axis=1)
        found.append(_apart("shape", share, [one.shape for one in names], attributes))
    return found


def _apart(kind: str, shares: Any, names: Sequence[str], attributes: Mapping[str, Any]) -> PillApart:
    best = int(np.argmax(shares))
    return PillApart(kind, -log(max(float(shares[best]), _LEAST_SHARE)), names[best], _column(kind, attributes))


def _column(kind: str, attributes: Mapping[str, Any]) -> str:
    listed = {key.casefold(): str(value).strip() for key, value in attributes.items()}
    return next((listed[name] for name in COLUMNS[kind] if listed.get(name)), "")


def _said(kind: str, attributes: Mapping[str, Any]) -> frozenset[str]:
    split = r"[;|/,]" if kind == "shape" else r"[;|/,\s]+"
    words = (canonical(part) for part in re.split(split, _column(kind, attributes)))
    return frozenset(word for word in words if word)


def _with_near(shapes: frozenset[str]) -> frozenset[str]:
    return shapes.union(*(group for group in _NEAR if group & shapes)) if shapes else shapes


def _known(words: frozenset[str], rule: Rule) -> list[str]:
    """The words that a rule knows, sorted; none where it does not know all of them."""
    return sorted(words) if words and words <= {*rule.names} else []
