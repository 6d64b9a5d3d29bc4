"""How well a product fits a photo of loose pills: by the lane of pills, whole photos, and the imprint and size that its
table states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Candidate
from simsearch.features.pills import sizes
from simsearch.features.pills.imprint_likeness import Imprints, agreement, stated
from simsearch.recognition.by_looks import words_of
from simsearch.recognition.snapshot import PILLS

WHOLE = 10.0
"""What the network's cosine of whole photos counts beside the likelihood of the lane of pills (docs/pills.md)."""
STATED = 0.3
"""What the imprint or the size that a table states counts, where it is held against the one that was read."""
_PARTS = 8
"""Words of an imprint that are compared."""


def fit(images: Iterable[tuple[Candidate, float]], looks: NDArray[Any], attributes: Mapping[str, Any]) -> float | None:
    """How well a product fits; None where the lane of pills brought up none of its images. Differences are nats.

    Args:
        images: of the product, each with the cosine of the whole photos. Either side of a pill may be the one that
            lies up, so the best of them counts.
        looks: (n,) of `LOOK`, the photo's pills.
        attributes: further columns of the product's table.
    """
    fits = [candidate.lanes[PILLS] + WHOLE * cosine for candidate, cosine in images if PILLS in candidate.lanes]
    return max(fits) + STATED * by_table(looks, attributes) if fits else None


def by_table(looks: NDArray[Any], attributes: Mapping[str, Any]) -> float:
    """What is read on the pill that agrees best beside the imprint and the size that a table states, in nats.

    0 where the table states neither, or nothing is read.
    """
    if not len(looks):
        return 0.0
    found = np.zeros(len(looks))
    if parts := words_of("imprint", attributes):
        found += agreement(Imprints.of(looks["imprint"]), stated(parts[:_PARTS])).max(axis=1)
    if side := words_of("size", attributes):
        longest = sizes.logarithms(looks["size"])[:, :1]
        found += sizes.agreement(longest, np.log([[float(side[0])]]))[:, 0]
    return float(found.max())
