"""How well a product fits a photo of loose pills: by the lane of pills, whole photos, and the imprint, size, colour and
shape that its table states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Candidate
from simsearch.features.pills import sizes
from simsearch.features.pills.imprint_likeness import Imprints, agreement, stated
from simsearch.features.pills.names import Named, named
from simsearch.recognition.by_looks import canonical, like_shapes, size_of, words_of
from simsearch.recognition.snapshot import PILLS

WHOLE = 10.0
"""What the network's cosine of whole photos counts beside the likelihood of the lane of pills (docs/pills.md)."""
STATED = 0.3
"""What a table states counts, where it is held against what is seen: its photos tell much of the same."""
_COLOURS = -1.9, 0.0, 1.4
"""Nats where none of the colours that are seen is the table's, some are, and all are. Of 6,600 studio photos (rximage,
split train) 0.11, 0.04 and 0.85 are so beside their own row, and 0.73, 0.05 and 0.22 beside any other."""
_SHAPES = -2.5, 0.7
"""Nats where the shape is another one, and where it is the table's: 0.99 of them beside their own row, 0.47 beside any
other. Registers write some shapes down in their own way, so that another one counts less than it came up."""
_PARTS = 8
"""Words of an imprint that are compared."""


class SeenPills:
    """The loose pills of a photo, as products are held against them."""

    def __init__(self, looks: NDArray[Any]) -> None:
        """`looks`: (n,) of `LOOK`, one or more."""
        self.imprints = Imprints.of(looks["imprint"])
        self.longest = sizes.logarithms(looks["size"])[:, :1]
        self._looks = looks

    @cached_property
    def names(self) -> list[Named]:
        """What each of them is called."""
        return named(self._looks)

    def fit(self, images: Iterable[tuple[Candidate, float]], attributes: Mapping[str, Any]) -> float | None:
        """How well a product fits; None where the lane of pills brought up none of its images. Differences are nats.

        Args:
            images: of the product, each with the cosine of the whole photos. Either side of a pill may be the one that
                lies up, so the best of them counts.
            attributes: further columns of the product's table.
        """
        fits = [candidate.lanes[PILLS] + WHOLE * cosine for candidate, cosine in images if PILLS in candidate.lanes]
        return max(fits) + STATED * self.by_table(attributes) if fits else None

    def by_table(self, attributes: Mapping[str, Any]) -> float:
        """What is seen of the pill that agrees best with what a table states, in nats; 0 where it states nothing."""
        found = np.zeros(len(self.longest))
        if parts := words_of("imprint", attributes):
            found += agreement(self.imprints, stated(parts[:_PARTS])).max(axis=1)
        if side := size_of(attributes):
            found += sizes.agreement(self.longest, np.log([[side]]))[:, 0]
        colours, shapes = ({canonical(word) for word in words_of(what, attributes)} for what in ("colour", "shape"))
        if colours or shapes:
            found += [_in_words(name, colours, shapes) for name in self.names]
        return float(found.max())


def _in_words(seen: Named, colours: set[str], shapes: set[str]) -> float:
    """What the colours and the shape of a table say of a pill."""
    nats = 0.0
    if colours:
        mine = set(seen.colours)
        nats += _COLOURS[2 if colours == mine else 1 if colours & mine else 0]
    if shapes:
        nats += _SHAPES[bool(shapes & like_shapes(seen.shape))]
    return nats
