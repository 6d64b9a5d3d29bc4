"""What is read on both sides of a pill, beside the imprint that a table states: which part stands on which side.

Tables list the parts of an imprint in any order and do not say on which side they are. Each side is therefore given
those parts, in that order, that fit best what is read on it, and all parts have to be somewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from simsearch.features.pills.imprint import Mark
from simsearch.features.pills.imprint_network_plan import CHARACTERS

MOST_PARTS = 5
MISSING, EXTRA, WRONG = 2.5, 2.0, 4.0
"""What a character costs that is not read, one that is read and is not there (if it is surely seen), and one that is
read as another at most: logarithms of how likely they are, roughly."""
TWICE = 0.5
"""What it costs that a part stands on both sides."""


@dataclass(frozen=True)
class Side:
    """One side of a pill, and what stands on it."""

    text: str
    cost: float
    pairs: tuple[tuple[int | None, int | None], ...]
    """Marks and characters in order; None where one has no other."""


def fitted(sides: Sequence[Sequence[Mark]], parts: Sequence[str]) -> list[Side] | None:
    """What stands on each side; None where the parts are too many to be tried."""
    parts = once(parts)
    if len(parts) > MOST_PARTS:
        return None
    orders = [order for n in range(len(parts) + 1) for order in permutations(range(len(parts)), n)]
    used = np.array([[i in order for i in range(len(parts))] for order in orders], bool).reshape(len(orders), -1)
    lengths = np.array([len(part) for part in parts], float)
    texts = ["".join(parts[i] for i in order) for order in orders]
    by_side = []
    for marks in sides:
        known: dict[str, Side] = {}
        for text in texts:
            if text not in known:
                known[text] = aligned(marks, text)
        by_side.append([known[text] for text in texts])
    costs = [np.array([side.cost for side in some]) for some in by_side]
    if len(sides) == 1:
        total = costs[0] + 0.5 * ((~used) * lengths).sum(axis=1)
        return [by_side[0][int(total.argmin())]]
    first, second = used[:, None], used[None]
    total = costs[0][:, None] + costs[1][None]
    total = total + MISSING * (~(first | second) * lengths).sum(axis=2) + TWICE * (first & second).sum(axis=2)
    i, j = np.unravel_index(int(total.argmin()), total.shape)
    return [by_side[0][i], by_side[1][j]]


def once(parts: Sequence[str]) -> Sequence[str]:
    """The parts without what registers repeat: an imprint that stands on both halves."""
    half = len(parts) // 2
    return parts[:half] if len(parts) % 2 == 0 and parts[:half] == parts[half:] else parts


def aligned(marks: Sequence[Mark], text: str) -> Side:
    """The cheapest way to read a text in marks: an alignment by dynamic programming (Wagner and Fischer 1974)."""
    n, m = len(marks), len(text)
    classes = [CHARACTERS.index(c) for c in text.upper()]
    extra = [EXTRA * mark.sure for mark in marks]
    best = [[0.0] * (m + 1) for _ in range(n + 1)]
    for j in range(1, m + 1):
        best[0][j] = MISSING * j
    for i in range(1, n + 1):
        best[i][0] = best[i - 1][0] + extra[i - 1]
        shares = marks[i - 1].shares
        for j in range(1, m + 1):
            wrong = min(WRONG, -float(np.log(shares[classes[j - 1]] + 1e-6)))
            best[i][j] = min(
                best[i - 1][j - 1] + wrong, best[i - 1][j] + extra[i - 1], best[i][j - 1] + MISSING
            )  # fmt: skip
    pairs: list[tuple[int | None, int | None]] = []
    i, j = n, m
    while i or j:
        if i and best[i][j] == best[i - 1][j] + extra[i - 1]:
            i -= 1
            pairs.append((i, None))
        elif j and best[i][j] == best[i][j - 1] + MISSING:
            j -= 1
            pairs.append((None, j))
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return Side(text, best[n][m], tuple(reversed(pairs)))


def right(marks: Sequence[Mark], side: Side) -> int:
    """How many characters are read as they stand there."""
    return sum(
        1 for i, j in side.pairs if i is not None and j is not None and marks[i].text == side.text[j].upper()
    )  # fmt: skip
