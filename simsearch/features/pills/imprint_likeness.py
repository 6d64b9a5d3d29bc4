"""How much likelier two imprints are to be readings of one than of any two: a logarithm, by aligning their characters.

Two characters that stand at one place of the alignment say as much as they are rare and surely read. A character that
one reading lacks says little: light washes characters out. One that no alignment explains says more.

Source: alignment by dynamic programming (Needleman and Wunsch 1970), with logarithms of odds as scores, as in Durbin et
al., "Biological Sequence Analysis" (1998), chapter 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.features.pills.imprint import KEPT_MARKS, MARK, RANKS
from simsearch.features.pills.imprint_network_plan import CHARACTERS

Floats = NDArray[np.float32]

MOST, LEAST = 14.0, -6.0
"""What an imprint says at most, for and against."""
_FREQUENT = "0123574A968LPNMTGREICVOSBDYWHUXZFKJQ"
"""Characters of imprints in RxIMAGE's split train, the most frequent first."""
_MISREAD = 0.06
"""Share of characters that are read as any other."""
_LACKING = 0.6
"""What it costs at most that one reading has a character which the other one lacks."""


def _priors() -> Floats:
    """(36,) how frequent each character is: Zipf's law, which fits within a third."""
    ranks = np.array([_FREQUENT.index(c) for c in CHARACTERS])
    shares = 1 / (ranks + 6.0)
    return np.asarray(shares / shares.sum(), np.float32)


_PRIOR = _priors()


def agreement(imprints: NDArray[Any], others: NDArray[Any]) -> Floats:
    """(n, m) of imprints (n, KEPT_MARKS) of `MARK` against others (m, KEPT_MARKS): nats, `LEAST` to `MOST`.

    0 where nothing is read on either.
    """
    longest = int((others["sure"] > 0).sum(axis=1).max(initial=0))
    known = np.ascontiguousarray(others[:, :longest])
    shares, classes = known["shares"].astype(np.float32) / np.float32(255), known["classes"]
    there = known["sure"].astype(np.float32) / np.float32(255)
    found = np.zeros((len(imprints), len(others)), np.float32)
    for row, one in zip(found, imprints, strict=True):
        row[:] = _aligned(one[one["sure"] > 0], shares, classes, there)
    return np.clip(found, LEAST, MOST)


def _aligned(marks: NDArray[Any], shares: Floats, classes: NDArray[np.uint8], there: Floats) -> Floats:
    """(m,) scores of the best alignments of one imprint (k,) with others (m, l)."""
    lost = -_LACKING * there
    before = np.concatenate([np.zeros((len(there), 1), np.float32), np.cumsum(lost, axis=1)], axis=1)
    for mark in marks:
        odds = _odds(mark)
        sure = float(mark["sure"]) / 255
        same = np.zeros(there.shape, np.float32)
        for rank in range(RANKS):
            same += shares[..., rank] * odds[classes[..., rank]]
        same = np.where(there > 0, np.log(same * (1 - _MISREAD) + _MISREAD) * there * sure, -np.inf)
        now = np.empty_like(before)
        now[:, 0] = before[:, 0] - _LACKING * sure
        for j in range(there.shape[1]):
            now[:, j + 1] = np.maximum(
                np.maximum(before[:, j] + same[:, j], before[:, j + 1] - _LACKING * sure), now[:, j] + lost[:, j]
            )
        before = now
    return before[:, -1]


def _odds(mark: NDArray[Any]) -> Floats:
    """(256,) how much likelier each character is where a mark was read than anywhere."""
    found = np.zeros(256, np.float32)
    for klass, share in zip(mark["classes"], mark["shares"], strict=True):
        found[klass] += float(share) / 255 / _PRIOR[klass]
    return found


def stated(parts: Sequence[str]) -> NDArray[Any]:
    """(ways, KEPT_MARKS) of `MARK`: what one side may show of an imprint that a table states in parts, in any order.

    One side may show nothing, one part, or all of them in either order. What is no character of these is left out.
    """
    known = [part for part in ("".join(c for c in p.upper() if c in CHARACTERS) for p in parts) if part]
    ways = dict.fromkeys(["", *known, "".join(known), "".join(reversed(known))])
    found = np.zeros((len(ways), KEPT_MARKS), MARK)
    for row, text in zip(found, ways, strict=True):
        for place, character in enumerate(text[:KEPT_MARKS]):
            klass = CHARACTERS.index(character)
            row[place] = ((klass,) * RANKS, (255,) + (0,) * (RANKS - 1), 255, 0)
    return found
