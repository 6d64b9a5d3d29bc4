"""The print of a photo as it is asked for: its terms with their weights, ready to be met in many documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from simsearch.indexes.text_terms import Terms, Text, numbered
from simsearch.indexes.text_weights import TextWeights

_ASKED_WORDS = 32
"""Rarest words of a photo that are looked up."""
_HEAVIEST = 1 << 16
"""More than any weight, in 1/64."""
_OWNER = np.uint64(32 + 17)
"""Bits of a term and of a weight."""
_OF_WEIGHT = np.uint64(2**17 - 1)
MOST_TOGETHER = 2**15
"""Documents whose heaviest terms are found at once, at most."""
_LOWER_BITS = 15
"""Bits of a term that do not count when it is looked for first."""


@dataclass(frozen=True, eq=False)
class Asked:
    """The print of a photo, weighted once for all indexes of a generation and its delta."""

    terms: Terms
    units: NDArray[np.int64]
    """Weight of each term, in 1/64."""
    rare: Terms
    """Words, the rarest first."""

    @classmethod
    def of(cls, text: Text, weights: TextWeights) -> Self:
        """`text` as it is asked for."""
        return cls(text.terms, weights.units(text.terms), heaviest([text.words], weights, _ASKED_WORDS)[0])

    def shared(self, held: Terms) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Places in `held` (v,) of the terms that are asked for, and the square of the weight of each."""
        # Most are not. A table of where terms with the same upper bits begin takes a third of the time of a search.
        first, most = self._table
        start = first[held >> _LOWER_BITS]
        perhaps = np.flatnonzero(start >= 0)
        start, left = start[perhaps], held[perhaps]
        squares = np.zeros(len(left))
        for step in range(most):
            place = np.minimum(start + step, len(self.terms) - 1)
            squares = np.where(self.terms[place] == left, self._squares[place], squares)
        return perhaps, squares

    @cached_property
    def _squares(self) -> NDArray[np.float64]:
        return (self.units**2).astype(np.float64)

    @cached_property
    def _table(self) -> tuple[NDArray[np.int32], int]:
        """Where (2^17,) terms of the same upper bits begin, -1 where there are none; how many there are at most."""
        upper = self.terms >> _LOWER_BITS
        starts = np.flatnonzero(np.diff(upper.astype(np.int64), prepend=-1))
        first = np.full(1 << (32 - _LOWER_BITS), -1, np.int32)
        first[upper[starts]] = starts
        return first, int(np.diff(starts, append=len(upper)).max(initial=0))

    @cached_property
    def square(self) -> int:
        """Of the length of its vector."""
        return int((self.units**2).sum())


def heaviest(
    terms: Sequence[Terms], weights: TextWeights, most: int
) -> tuple[Terms, NDArray[np.int64], NDArray[np.int64]]:
    """The `most` rarest terms of each of several documents, document by document: terms, weights and documents (n,).

    The rarest first; of equally rare ones those of the lower number.
    """
    assert len(terms) <= MOST_TOGETHER
    joined, owners = np.concatenate([np.zeros(0, np.uint32), *terms]), numbered(map(len, terms))
    # A document, a weight and a term are one number, so that one sort puts all in order.
    lighter = (_HEAVIEST - weights.units(joined)).astype(np.uint64)
    keys = np.sort(owners.astype(np.uint64) << _OWNER | lighter << np.uint64(32) | joined)
    keys = keys[np.arange(len(keys)) - np.searchsorted(owners, owners) < most]
    units = _HEAVIEST - (keys >> np.uint64(32) & _OF_WEIGHT).astype(np.int64)
    return keys.astype(np.uint32), units, (keys >> _OWNER).astype(np.int64)
