"""How much likelier two imprints are to be readings of one than of any two: a logarithm, by aligning their characters.

Two characters that stand at one place of the alignment say as much as they are rare and surely read. A character that
one reading lacks says little: light washes characters out. One that no alignment explains says more.

Source: alignment by dynamic programming (Needleman and Wunsch 1970), with logarithms of odds as scores, as in Durbin et
al., "Biological Sequence Analysis" (1998), chapter 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, eq=False)
class Imprints:
    """Imprints as they are compared, what they have at one place side by side; what is not read is 0."""

    classes: NDArray[np.uint8]
    """(RANKS, KEPT_MARKS, n) places in `CHARACTERS`."""
    shares: Floats
    """(RANKS, KEPT_MARKS, n) their probabilities if a character is there, 0 to 1."""
    sure: Floats
    """(KEPT_MARKS, n) probability that a character is there, 0 to 1."""

    @classmethod
    def of(cls, marks: NDArray[Any]) -> Imprints:
        """Imprints (n, KEPT_MARKS) of `MARK`."""
        classes, shares, sure = (np.ascontiguousarray(marks[name].T) for name in ("classes", "shares", "sure"))
        return cls(classes, *(np.asarray(part / 255, np.float32) for part in (shares, sure)))

    def __len__(self) -> int:
        return int(self.sure.shape[1])

    def __getitem__(self, kept: Any) -> Imprints:
        """Those of a slice or a mask."""
        return Imprints(self.classes[..., kept], self.shares[..., kept], self.sure[..., kept])


def agreement(imprints: Imprints, others: Imprints) -> Floats:
    """(n, m) of n imprints against m others: nats, `LEAST` to `MOST`; 0 where nothing is read on either."""
    longest = np.count_nonzero(others.sure.any(axis=1))
    known = Imprints(others.classes[:, :longest], others.shares[:, :longest], others.sure[:longest])
    found = [_aligned(imprints[i : i + 1], known) for i in range(len(imprints))]
    return np.clip(np.array(found, np.float32).reshape(len(imprints), len(others)), LEAST, MOST)


def _aligned(one: Imprints, others: Imprints) -> Floats:
    """(m,) scores of the best alignments of one imprint with others."""
    lost = -_LACKING * others.sure
    before = np.concatenate([np.zeros((1, len(others)), np.float32), np.cumsum(lost, axis=0)])
    for place in np.flatnonzero(one.sure[:, 0]):
        odds, sure = _odds(one.classes[:, place, 0], one.shares[:, place, 0]), float(one.sure[place, 0])
        same = (others.shares * odds.take(others.classes)).sum(axis=0)
        same = np.where(others.sure > 0, np.log(same * (1 - _MISREAD) + _MISREAD) * others.sure * sure, -np.inf)
        now = np.empty_like(before)
        now[0] = before[0] - _LACKING * sure
        for j in range(len(lost)):
            beside = np.maximum(before[j] + same[j], before[j + 1] - _LACKING * sure)
            np.maximum(beside, now[j] + lost[j], out=now[j + 1])
        before = now
    return np.asarray(before[-1], np.float32)


def _odds(classes: NDArray[np.uint8], shares: Floats) -> Floats:
    """(36,) how much likelier each character is where one was read so than anywhere."""
    found = np.zeros(len(CHARACTERS), np.float32)
    np.add.at(found, classes, shares / _PRIOR[classes])
    return found


def stated(parts: Sequence[str]) -> Imprints:
    """What one side may show of an imprint that a table states in parts, in any order.

    One side may show nothing, one part, or all of them in either order. What is no character of these is left out.
    """
    known = [part for part in ("".join(c for c in p.upper() if c in CHARACTERS) for p in parts) if part]
    ways = dict.fromkeys(["", *known, "".join(known), "".join(reversed(known))])
    found = np.zeros((len(ways), KEPT_MARKS), MARK)
    for row, text in zip(found, ways, strict=True):
        for place, character in enumerate(text[:KEPT_MARKS]):
            klass = CHARACTERS.index(character)
            row[place] = ((klass,) * RANKS, (255,) + (0,) * (RANKS - 1), 255, 0)
    return Imprints.of(found)
