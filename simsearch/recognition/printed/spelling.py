"""How alike two words or lines are, where a reader may have taken one letter for another.

Costs lie between the two sides; neither is rewritten. `lisinopril` stays `lisinopril`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import accumulate, pairwise
from math import ceil, inf
from operator import add
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_TAKEN = 0.2
"""Cost of a letter that is often taken for the other; any other change costs 1."""
_HELD = 0.75
_GROUPS = ("0oqdc", "1li|jt!", "5s", "8b", "6b", "9gq", "2z", "4a", "uv", "µmu", "ce", "nh", "ft", "fe")
_ALIKE = frozenset((a, b) for group in _GROUPS for a in group for b in group if a != b)
_MOST_CHANGES, _MOST_PAIRS = 3, 4
"""Above these, texts are compared letter by letter at once."""
_TWO_FOR_ONE = frozenset({("rn", "m"), ("nn", "m"), ("cl", "d"), ("vv", "w"), ("ii", "u"), ("li", "h"), ("ln", "m")})


@lru_cache(maxsize=16384)
def distance(a: str, b: str) -> float:
    """Edit distance of two normalised texts: insertions and deletions cost 1, as do changes, but for letters alike."""
    return _distance(a, b, inf)


def within(a: str, b: str, most: float) -> bool:
    """Whether the distance of two texts is `most` at most. Few pairs of texts are compared letter by letter for it."""
    return a == b or (_least(_known(a), _known(b)) <= most and _near(a, b, most))


def _near(a: str, b: str, most: float) -> bool:
    return _may_become(a, b, int(most)) and _distance(a, b, most) <= most


def _may_become(a: str, b: str, changes: int) -> bool:
    """Whether so many changes of cost 1 may make one text of the other; what costs `_TAKEN` costs nothing here."""
    if changes > _MOST_CHANGES or _known(a).pairs + _known(b).pairs > _MOST_PAIRS:
        return True
    for x in _spellings(a):
        for y in _spellings(b):
            if _share_a_piece(x, y, changes) and _become(x, y, changes):
                return True
    return False


def _share_a_piece(a: str, b: str, changes: int) -> bool:
    """Whether one of the pieces that so many changes leave whole stands in the other text."""
    length, count, start = len(a), changes + 1, 0
    for i in range(1, count + 1):
        end = length * i // count
        if a[start:end] in b:
            return True
        start = end
    return False


@lru_cache(maxsize=65536)
def _spellings(text: str) -> tuple[str, ...]:
    """A text with one letter for all that are taken for one another, with and without one letter for each two."""
    found = [""]
    ahead: list[str] = []  # those that go one letter farther, because it is one with the letter before
    for at, letter in enumerate(text):
        whole = _WHOLE.get(text[at : at + 2], "")
        farther = [each + _SIGN[whole] for each in found] if whole else []
        found, ahead = [*(each + _SIGN.get(letter, letter) for each in found), *ahead], farther
    return tuple(dict.fromkeys(found))


def _become(a: str, b: str, changes: int) -> bool:
    """Whether at most so many letters put in, left out or changed make one text of the other."""
    if abs(len(a) - len(b)) > changes:
        return False
    if not changes:
        return a == b
    at = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        at += 1
    else:
        return True
    x, y, left = a[at + 1 :], b[at + 1 :], changes - 1
    return _become(x, y, left) or _become(a[at:], y, left) or _become(x, b[at:], left)


def _distance(a: str, b: str, most: float) -> float:
    """The distance, or more than `most` where it is more."""
    if a == b:
        return 0.0
    # Each letter more, and each two for one, leads one place away from the diagonal.
    reach = min(most, len(a) + len(b)) + _known(a).pairs + _known(b).pairs
    far = [inf] * (len(b) + 1)
    rows: list[list[float]] = [[float(j) if j <= reach else inf for j in range(len(b) + 1)]]
    for i, x in enumerate(a, 1):
        row, above = far.copy(), rows[i - 1]
        if i <= reach:
            row[0] = float(i)
        first, last = max(1, ceil(i - reach)), min(len(b), int(i + reach))
        for j in range(first, last + 1):
            y = b[j - 1]
            changed = above[j - 1] + (0.0 if x == y else _TAKEN if (x, y) in _ALIKE else 1.0)
            best = min(changed, above[j] + 1.0, row[j - 1] + 1.0)
            if i > 1 and (a[i - 2 : i], y) in _TWO_FOR_ONE:
                best = min(best, rows[i - 2][j - 1] + _TAKEN)
            if j > 1 and (b[j - 2 : j], x) in _TWO_FOR_ONE:
                best = min(best, above[j - 2] + _TAKEN)
            row[j] = best
        rows.append(row)
        if min(row) > most and min(above) > most:  # what follows goes on from one of the two
            return inf
    return rows[-1][-1]


class _Known(NamedTuple):
    """What bounds the distances of a text."""

    length: int
    letters: int
    """One bit for each of its letters; some signs share one."""
    related: int
    """One bit for each letter that one of its letters may be taken for, itself among them."""
    counts: int
    """Of each kind of letters that are taken for one another, as many bits as it has of them, up to a limit."""
    pairs: int
    """How many pairs of its letters may be one letter."""
    halves: int
    """One bit for each of `_TWO_FOR_ONE` whose two letters it has."""
    wholes: int
    """One bit for each of these whose one letter it has."""


@lru_cache(maxsize=65536)
def _known(text: str) -> _Known:
    letters = related = counts = halves = wholes = 0
    free = dict[int, int]()
    for letter in text:
        bit, like, kind, whole = _of_letter(letter)
        letters |= bit
        related |= like
        wholes |= whole
        place = free.get(kind) or _BITS[kind][0]
        counts |= place & _BITS[kind][1]
        free[kind] = place << 1
    pairs = [_HALVES[pair] for pair in map(add, text, text[1:]) if pair in _HALVES]
    for half in pairs:
        halves |= half
    return _Known(len(text), letters, related, counts, len(pairs), halves, wholes)


@cache
def _of_letter(letter: str) -> tuple[int, int, int, int]:
    """Its bit, those of the letters that it may be taken for, its kind, and the bits of the pairs that it may be."""
    bit = _bit(letter)
    return bit, bit | _RELATED.get(letter, 0), _KIND.get(letter, _OTHERS), _WHOLES.get(letter, 0)


def _least(a: _Known, b: _Known) -> float:
    """No distance is less; see :func:`_may_be`, which asks the same of many texts at once."""
    alone = max((a.letters & ~b.related).bit_count(), (b.letters & ~a.related).bit_count())
    apart = abs(a.length - b.length)
    two_for_one = (a.pairs if a.halves & b.wholes else 0) + (b.pairs if b.halves & a.wholes else 0)
    counted = ((a.counts ^ b.counts).bit_count() + apart - 4 * two_for_one) / 2
    return max(float(alone), apart - two_for_one, counted)


def _bit(letter: str) -> int:
    """A to z and digits have a bit each."""
    code = ord(letter)
    return 1 << (code - 97 if 97 <= code <= 122 else code - 22 if 48 <= code <= 57 else 36 + code % 28)


def _relations() -> dict[str, int]:
    """Letter -> the bits of the letters that it is like, or is one half or the whole of."""
    found: dict[str, int] = defaultdict(int)
    halves = [(half, whole) for pair, whole in _TWO_FOR_ONE for half in pair]
    for a, b in [*_ALIKE, *halves, *((whole, half) for half, whole in halves)]:
        found[a] |= _bit(b)
    return dict(found)


_RELATED = _relations()
_HALVES = {pair: 1 << i for i, (pair, _) in enumerate(sorted(_TWO_FOR_ONE))}
_WHOLE = dict(_TWO_FOR_ONE)
_WHOLES = {
    whole: sum(_HALVES[pair] for pair, other in _TWO_FOR_ONE if other == whole) for _, whole in sorted(_TWO_FOR_ONE)
}
_COUNTED = (
    ("0oqdcefti1l|j!9g", 11), ("a4", 6), ("uvmµ", 5), ("nh", 4), ("5s", 4), ("8b6", 4), ("r", 4), ("p", 4), ("y", 3),
    ("2z", 2), ("k", 2), ("w", 2), ("x", 2), ("3", 2), ("7", 2),
)  # fmt: skip
"""Letters that are taken for one another, or for one that is taken for another; how many of them are counted."""
_KIND = {letter: i for i, (kind, _) in enumerate(_COUNTED) for letter in kind}
_OTHERS = len(_COUNTED)
_SIGN = {letter: kind[0] for kind, _ in _COUNTED for letter in kind}
"""One letter for all of a kind."""
_STARTS = [*accumulate((most for _, most in _COUNTED), initial=0), 64]
_BITS = [(1 << start, (1 << end) - (1 << start)) for start, end in pairwise(_STARTS)]
"""The first bit, and all bits, of each kind; the last is of all other letters."""


class Beside:
    """Texts side by side, so that many words are compared with all of them at once, and few letter by letter."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = tuple(texts)
        known = np.array([_known(text) for text in self.texts], np.uint64).reshape(-1, len(_Known._fields))
        self._known = _Many(*known.T.copy())
        self._lengths, self._pairs = (x.astype(np.int64) for x in (self._known.length, self._known.pairs))

    def may_be(self, others: Beside, most: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each of the texts (n) may be as near to each of `others` (m) as `most` (n, m): False where none is.

        A letter that none of the other text is like was put in or changed, at a cost of 1. A letter more changes the
        length and one count by 1; a change two counts; two for one the length by 1, and three counts at most.
        """
        a, b = self._known, others._known
        alone = np.maximum(
            np.bitwise_count(a.letters[:, None] & ~b.related), np.bitwise_count(~a.related[:, None] & b.letters)
        )
        apart = np.abs(self._lengths[:, None] - others._lengths)
        two_for_one = np.where(a.halves[:, None] & b.wholes, self._pairs[:, None], 0)
        two_for_one += np.where(a.wholes[:, None] & b.halves, others._pairs, 0)
        counted = np.bitwise_count(a.counts[:, None] ^ b.counts) + apart - 4 * two_for_one
        return np.asarray((alone <= most) & (apart - two_for_one <= most) & (counted <= 2 * most), np.bool_)

    def same(self, words: Beside) -> list[list[str]]:
        """For each of `words` the texts that may be the word, as by :func:`same_word`."""
        found: list[list[str]] = [[] for _ in words.texts]
        longer = np.maximum(words._lengths[:, None], self._lengths)
        for i, j in zip(*np.nonzero(words.may_be(self, np.maximum(0.5, longer / 6))), strict=True):
            ours, theirs = words.texts[i], self.texts[j]
            if ours == theirs or _near(ours, theirs, _of_one_word(max(len(ours), len(theirs)))):
                found[i].append(theirs)
        return found


class _Many(NamedTuple):
    """Columns of `_Known`."""

    length: NDArray[np.uint64]
    letters: NDArray[np.uint64]
    related: NDArray[np.uint64]
    counts: NDArray[np.uint64]
    pairs: NDArray[np.uint64]
    halves: NDArray[np.uint64]
    wholes: NDArray[np.uint64]


def likeness(a: str, b: str) -> float:
    """1 less the distance over the longer length, 0 to 1; 0 where one is empty."""
    return max(0.0, 1 - distance(a, b) / max(len(a), len(b))) if a and b else 0.0


def held(part: str, whole: str) -> bool:
    """Whether `part` may be a piece of `whole`: as long a piece somewhere in it is like it."""
    length = len(part)
    return length <= len(whole) and any(
        likeness(part, whole[start : start + length]) >= _HELD for start in range(len(whole) - length + 1)
    )


def same_word(a: str, b: str) -> bool:
    """Whether two words may be one word, misread in one letter of six at most; short ones in none but letters alike."""
    return within(a, b, _of_one_word(max(len(a), len(b))))


def _of_one_word(length: int) -> float:
    """The distance at which two words are one, by the letters of the longer one."""
    return max(0.5, length / 6)
