"""Characters of an imprint, read off the maps of its network, the rows that they stand in, and what is kept of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.features.pills.imprint_network_plan import CELL, CHARACTERS, HEIGHT

Floats = NDArray[np.float32]

LEAST = 0.35
"""Probability that some character's middle lies in a cell, from which on one is read there."""
MOST = 24
"""Characters of a face that are read at most, the clearest."""
_APART, _NARROW = 0.45, 0.3
"""Heights by which the middles of two characters are apart at least, and where one of them is a 1 or an I: one large
letter is seen as several."""
CLEAR = 0.55
"""Probability from which a character is named."""
KEPT_MARKS, RANKS = 16, 3
"""Characters of a face that are kept, in the order of reading, and the likeliest readings of each."""
MARK: np.dtype[Any] = np.dtype(
    [
        ("classes", "u1", (RANKS,)),  # places in `CHARACTERS`, the likeliest first
        ("shares", "u1", (RANKS,)),  # their probabilities if a character is there, 0 to 255
        ("sure", "u1"),  # probability that a character is there, 0 to 255; 0: no more of them
        ("row", "u1"),  # number of its row
    ]
)
"""One character as it is kept."""


@dataclass(frozen=True, eq=False)
class Mark:
    """One character as it was read."""

    x: float
    y: float
    """Its middle, pixels of the frame."""
    height: float
    angle: float
    """How its baseline runs: radians from left to right, y downwards."""
    sure: float
    """Probability that a character is there, 0 to 1."""
    shares: Floats
    """(36,) probability of each of `CHARACTERS` if one is there; they add up to 1."""

    @property
    def text(self) -> str:
        """The likeliest character."""
        return CHARACTERS[int(self.shares.argmax())]


def marks(maps: NDArray[Any]) -> list[Mark]:
    """Characters in the maps (40, h, w) of one frame (`ImprintNetwork.forward`), the clearest first."""
    classes = len(CHARACTERS)
    logits = np.asarray(maps[: classes + 1], np.float32)
    shares = np.exp(logits - logits.max(axis=0))
    shares /= shares.sum(axis=0)
    there = 1 - shares[classes]
    around = np.pad(there, 1, constant_values=-1)
    h, w = there.shape
    highest = np.max([around[i : i + h, j : j + w] for i in range(3) for j in range(3)], axis=0)
    ys, xs = np.nonzero((there >= LEAST) & (there >= highest))
    order = np.argsort(-there[ys, xs], kind="stable")[: 2 * MOST]
    found: list[Mark] = []
    for y, x in zip(ys[order], xs[order], strict=True):
        mark = _mark(maps, shares, there, int(y), int(x))
        if not any(_one(mark, other) for other in found):
            found.append(mark)
    return found[:MOST]


def _mark(maps: NDArray[Any], shares: Floats, there: Floats, y: int, x: int) -> Mark:
    """The character whose middle lies in a cell, by that cell and those around it."""
    h, w = there.shape
    part = np.s_[max(y - 1, 0) : min(y + 2, h), max(x - 1, 0) : min(x + 2, w)]
    weight = there[part] ** 2
    weight = weight / weight.sum()
    ys, xs = np.mgrid[part]
    by_class = (shares[(slice(0, len(CHARACTERS)), *part)] * weight).sum(axis=(1, 2))
    height, cos, sin = ((maps[(i, *part)] * weight).sum() for i in range(len(CHARACTERS) + 1, len(CHARACTERS) + 4))
    return Mark(
        CELL * (float((xs * weight).sum()) + 0.5), CELL * (float((ys * weight).sum()) + 0.5),
        HEIGHT * float(np.exp(np.clip(height, -2, 2))), float(np.arctan2(sin, cos)), float(there[y, x]),
        np.asarray(by_class / max(float(by_class.sum()), 1e-9), np.float32),
    )  # fmt: skip


def _one(mark: Mark, other: Mark) -> bool:
    """Whether two marks are of one character."""
    along, down = _seen_from(other, mark)
    height = (mark.height + other.height) / 2
    near = _NARROW if {mark.text, other.text} & {"1", "I"} else _APART
    return abs(along) < max(near * height, 3.0) and abs(down) < 0.6 * height


def _seen_from(mark: Mark, other: Mark) -> tuple[float, float]:
    """How far another mark lies along the baseline of a mark, and below it; pixels."""
    dx, dy = other.x - mark.x, other.y - mark.y
    cos, sin = float(np.cos(mark.angle)), float(np.sin(mark.angle))
    return dx * cos + dy * sin, dy * cos - dx * sin


def rows(found: Sequence[Mark]) -> list[list[Mark]]:
    """Marks in rows as they are read: each row from its first character to its last, rows from top to bottom.

    A character follows the nearest one that stands before it on about the same baseline and is about as high, so that a
    row may run along a rim.
    """
    follows: dict[int, int] = {}
    taken: set[int] = set()
    links = sorted(
        (away, i, j) for i in range(len(found)) for j in range(len(found))
        if i != j and (away := _away(found[i], found[j])) is not None
    )  # fmt: skip
    for _, i, j in links:
        if i not in follows and j not in taken and not _leads(follows, j, i):
            follows[i] = j
            taken.add(j)
    starts = [i for i in range(len(found)) if i not in taken]
    lines = [[found[i] for i in _chain(follows, start)] for start in starts]
    return sorted(lines, key=lambda line: (round(float(np.mean([m.y for m in line])) / 10), line[0].x))


def _away(mark: Mark, other: Mark) -> float | None:
    """How far the next character is, in heights; None where it is none of this row."""
    height = (mark.height + other.height) / 2
    along, down = (value / height for value in _seen_from(mark, other))
    back, up = (value / height for value in _seen_from(other, mark))
    turn = abs(np.arctan2(np.sin(mark.angle - other.angle), np.cos(mark.angle - other.angle)))
    if not (0.15 < along < 2.2 and back < -0.15 and min(abs(down), abs(up)) < 0.45 and max(abs(down), abs(up)) < 0.9):
        return None
    if turn > 1.0 or not 0.5 < mark.height / other.height < 2:
        return None
    return along + abs(down)


def _leads(follows: dict[int, int], start: int, end: int) -> bool:
    return end in _chain(follows, start)


def _chain(follows: dict[int, int], start: int) -> list[int]:
    found = [start]
    while found[-1] in follows:
        found.append(follows[found[-1]])
    return found


def kept(lines: Sequence[Sequence[Mark]]) -> NDArray[Any]:
    """(KEPT_MARKS,) of `MARK`: the rows of one face; what is beyond that many characters is left out."""
    found = np.zeros(KEPT_MARKS, MARK)
    every = [(number, mark) for number, line in enumerate(lines) for mark in line][:KEPT_MARKS]
    for place, (number, mark) in enumerate(every):
        order = np.argsort(-mark.shares, kind="stable")[:RANKS]
        shares = np.rint(255 * mark.shares[order])
        found[place] = (order, shares, max(1, round(255 * mark.sure)), number)
    return found


def evidence(lines: Sequence[Sequence[Mark]]) -> float:
    """How much is read: the number of characters, each by how sure it is there and how clear what it is.

    Upside down as many characters are seen, and hardly one of them clearly.
    """
    return float(sum(mark.sure * max(0.0, 2 * mark.shares.max() - 1) for line in lines for mark in line))


def wording(marks: NDArray[Any]) -> str:
    """The marks (n,) of `MARK` of one face as text: rows by spaces, a character that may be another as "?"."""
    words: dict[int, str] = {}
    for mark in marks[marks["sure"] >= 255 * CLEAR]:
        clear = mark["shares"][0] >= 255 * CLEAR
        words[int(mark["row"])] = words.get(int(mark["row"]), "") + (CHARACTERS[mark["classes"][0]] if clear else "?")
    return " ".join(word for word in words.values() if word.strip("?"))
