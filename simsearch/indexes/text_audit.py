"""The audit of an index of text: what an exact comparison with every document finds, the index has to find."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Ids
from simsearch.indexes.manifest import Audit
from simsearch.indexes.text import CANDIDATES, TextIndex, cosines, slices
from simsearch.indexes.text_asked import Asked
from simsearch.indexes.text_terms import Text, places
from simsearch.indexes.text_weights import TextWeights

_SAMPLE = 50
"""Documents that are asked for by half of their terms, as if the other half had not been read."""
_NEAREST = 10
"""Documents that each of them has to find."""
_NEAR = 0.8
"""Share of the best similarity below which a document need not be found: the sketch is too coarse to order many that
are somewhat alike, and only the most alike are of use."""
_BLOCK = 4096
"""Documents that are compared at once."""
RECALL = 0.9
"""Share of them that must be found. Two in a hundred real photos lose theirs."""


def audit_text(index: TextIndex, expected: Ids, weights: TextWeights) -> Audit:
    """Ask for a sample of the documents, and compare with exact similarities to all of them.

    Args:
        index: as it was written, opened again.
        expected: the images that it must hold, ascending.
        weights: that it was built with.
    """
    held = index.ids()
    if not np.array_equal(held, expected):
        lacking, extra = len(np.setdiff1d(expected, held)), len(np.setdiff1d(held, expected))
        return Audit(False, f"{lacking} images are missing, {extra} do not belong to it")
    rng = np.random.default_rng(len(index))
    rows = np.sort(rng.choice(len(index), min(_SAMPLE, len(index)), replace=False))
    asked = [Asked.of(_half(index, row), weights) for row in rows.tolist()]
    shares = [_found(index, one, all_) for one, all_ in zip(asked, exact(index, asked), strict=True) if all_.any()]
    recall = float(np.mean(shares)) if shares else 1.0
    reason = "" if recall >= RECALL else f"recall is {recall:.4f}, below {RECALL}"
    return Audit(not reason, reason, len(shares), _NEAREST, round(recall, 6))


def exact(index: TextIndex, asked: Sequence[Asked]) -> NDArray[np.float64]:
    """The similarity (m, n) of every document to each of `asked`."""
    a = index.arrays
    count = len(a.bits)
    terms = np.unique(np.concatenate([np.zeros(0, np.uint32), *(one.terms for one in asked)]))
    found = np.zeros((len(asked), count))
    if not len(terms):
        return found
    squares = np.zeros((len(asked), len(terms)))
    for row, one in enumerate(asked):
        squares[row, np.searchsorted(terms, one.terms)] = one.units.astype(np.float64) ** 2
    for start in range(0, count, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, count))
        held, document = slices(a.terms, a.term_starts, rows)
        at = np.minimum(np.searchsorted(terms, held), len(terms) - 1)
        shared = terms[at] == held
        at, document = at[shared], document[shared]
        for row, one in enumerate(asked):
            dots = np.bincount(document, squares[row, at], minlength=len(rows))
            found[row, rows] = cosines(dots.astype(np.float64), a.squares[rows], one.square)
    return found


def _half(index: TextIndex, row: int) -> Text:
    a = index.arrays
    terms = a.terms[a.term_starts[row] : a.term_starts[row + 1]]
    kept = terms[places(terms) >> np.uint64(63) == 0]
    words = a.rare[a.rare_rows == row]
    return Text(kept, np.unique(words[np.isin(words, kept)]))


def _found(index: TextIndex, asked: Asked, exact: NDArray[np.float64]) -> float:
    """Share of the most alike documents that the index finds, or others that are as alike."""
    best = np.sort(exact)[::-1][:_NEAREST]
    least = max(float(best[-1]), _NEAR * float(best[0]))
    wanted = min(_NEAREST, int(np.count_nonzero(best >= least)))
    rows, _ = index.nearest(asked, CANDIDATES)
    # The similarities that the index returned are not trusted: they may stand beside the wrong documents.
    return min(1.0, int(np.count_nonzero(exact[rows] >= least - 1e-9)) / wanted)
