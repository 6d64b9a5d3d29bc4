"""How alike two words or lines are, where a reader may have taken one letter for another.

Costs lie between the two sides; neither is rewritten. `lisinopril` stays `lisinopril`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from math import inf
from typing import NamedTuple

_TAKEN = 0.2
"""Cost of a letter that is often taken for the other; any other change costs 1."""
_HELD = 0.75
_GROUPS = ("0oqdc", "1li|jt!", "5s", "8b", "6b", "9gq", "2z", "4a", "uv", "µmu", "ce", "nh", "ft", "fe")
_ALIKE = frozenset((a, b) for group in _GROUPS for a in group for b in group if a != b)
_TWO_FOR_ONE = frozenset({("rn", "m"), ("nn", "m"), ("cl", "d"), ("vv", "w"), ("ii", "u"), ("li", "h"), ("ln", "m")})


@lru_cache(maxsize=16384)
def distance(a: str, b: str) -> float:
    """Edit distance of two normalised texts: insertions and deletions cost 1, as do changes, but for letters alike."""
    return _distance(a, b, inf)


def within(a: str, b: str, most: float) -> bool:
    """Whether the distance of two texts is `most` at most. Few pairs of texts are compared letter by letter for it."""
    return a == b or (_least(_known(a), _known(b)) <= most and _near(a, b, most))


@lru_cache(maxsize=16384)
def _near(a: str, b: str, most: float) -> bool:
    return bool(_beside(b).may_be(a, int(most))) and _distance(a, b, most) <= most


def _distance(a: str, b: str, most: float) -> float:
    """The distance, or more than `most` where it is more."""
    if a == b:
        return 0.0
    rows: list[Sequence[float]] = [[float(j) for j in range(len(b) + 1)]]
    for i, x in enumerate(a, 1):
        row = [float(i)]
        above = rows[i - 1]
        for j, y in enumerate(b, 1):
            changed = above[j - 1] + (0.0 if x == y else _TAKEN if (x, y) in _ALIKE else 1.0)
            best = min(changed, above[j] + 1.0, row[j - 1] + 1.0)
            if i > 1 and (a[i - 2 : i], y) in _TWO_FOR_ONE:
                best = min(best, rows[i - 2][j - 1] + _TAKEN)
            if j > 1 and (b[j - 2 : j], x) in _TWO_FOR_ONE:
                best = min(best, above[j - 2] + _TAKEN)
            row.append(best)
        rows.append(row)
        if min(row) > most and min(above) > most:  # what follows goes on from one of the two
            return inf
    return rows[-1][-1]


class _Known(NamedTuple):
    """What bounds the distances of a text."""

    length: int
    letters: int
    """One bit for each of its letters; some letters share one."""
    related: int
    """One bit for each letter that one of its letters may be taken for, itself among them."""
    pairs: int
    """How many pairs of its letters may be one letter."""


@lru_cache(maxsize=65536)
def _known(text: str) -> _Known:
    letters = related = 0
    for letter in text:
        letters |= _bit(letter)
        related |= _RELATED.get(letter, 0) | _bit(letter)
    return _Known(len(text), letters, related, sum(pair in _PAIRS for pair in map("".join, pairwise(text))))


def _least(a: _Known, b: _Known) -> float:
    """No distance is less: a letter that no letter of the other text is like was put in or changed."""
    alone = max((a.letters & ~b.related).bit_count(), (b.letters & ~a.related).bit_count())
    apart = abs(a.length - b.length)
    two_for_one = min(apart, a.pairs if a.length > b.length else b.pairs)
    return max(float(alone), apart - two_for_one + _TAKEN * two_for_one)


def _bit(letter: str) -> int:
    return 1 << ord(letter) % 128


def _relations() -> dict[str, int]:
    """Letter -> the bits of the letters that it is like, or is one half or the whole of."""
    found: dict[str, int] = defaultdict(int)
    halves = [(half, whole) for pair, whole in _TWO_FOR_ONE for half in pair]
    for a, b in [*_ALIKE, *halves, *((whole, half) for half, whole in halves)]:
        found[a] |= _bit(b)
    return dict(found)


_RELATED = _relations()
_PAIRS = frozenset(pair for pair, _ in _TWO_FOR_ONE)


class Beside:
    """Texts side by side in the bits of one number, so that a word is compared with all of them at once.

    A bit is a place in a text: before its first letter, behind that, and so on. It is set once the letters of a word
    may spell the text up to there with at most so many changes of cost 1 (Wu, Manber, 1992). What costs `_TAKEN` costs
    nothing here. So a text that is not reached is surely farther away, and one that is reached may be.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._ends: list[tuple[int, str]] = []
        self._shortest: dict[int, int] = {}
        """Changes that :func:`same_word` allows a text -> letters of the shortest word that may be one with it."""
        behind: dict[str, int] = defaultdict(int)
        """A letter, or two that one may stand for -> the places behind them."""
        start = self._starts = 0
        for text in texts:
            self._starts |= 1 << start
            for at, letter in enumerate(text, 1):
                behind[letter] |= 1 << start + at
                if (pair := text[at - 2 : at]) in _PAIRS:
                    behind[pair] |= 1 << start + at
            self._ends.append((1 << start + len(text), text))
            self._allow(text)
            start += len(text) + 1
        self._letters = ((1 << start) - 1) & ~self._starts
        self._like = dict(behind)
        """Letter -> places behind one like it; two letters -> places behind one that they may stand for."""
        self._two = dict[str, int]()
        """Letter -> places behind two that it may stand for."""
        for ours, theirs in _ALIKE:
            self._like[ours] = self._like.get(ours, 0) | behind.get(theirs, 0)
        for pair, whole in _TWO_FOR_ONE:
            self._like[pair] = behind.get(whole, 0)
            self._two[whole] = self._two.get(whole, 0) | behind.get(pair, 0)

    def _allow(self, text: str) -> None:
        allowed = int(_of_one_word(len(text)))
        least = len(text) - _known(text).pairs - allowed
        self._shortest[allowed] = min(least, self._shortest.get(allowed, least))

    def may_be(self, word: str, changes: int) -> list[str]:
        """The texts that a word may be, with so many changes of cost 1 at most."""
        before: list[int] = [0] * (changes + 1)
        places = [self._starts]
        for _ in range(changes):
            places.append(places[-1] | (places[-1] << 1 & self._letters))
        for i, letter in enumerate(word):
            alike, two = self._like.get(letter, 0), self._two.get(letter, 0)
            one = self._like.get(word[i - 1 : i + 1], 0) if i else 0
            reached: list[int] = []
            for k, here in enumerate(places):
                there = (here << 1 & alike) | (here << 2 & two) | (before[k] << 1 & one)
                if k:
                    fewer = places[k - 1]
                    there |= fewer | ((fewer | reached[k - 1]) << 1 & self._letters)
                reached.append(there)
            before, places = places, reached
            if not (places[-1] or before[-1]):
                return []
        return [text for end, text in self._ends if places[-1] & end]

    def has(self, word: str) -> bool:
        """Whether one of the texts may be the word, as by :func:`same_word`."""
        length = len(word)
        changes = [allowed for allowed, shortest in self._shortest.items() if shortest <= length]
        return any(same_word(word, text) for text in self.may_be(word, max(int(_of_one_word(length)), *changes, 0)))


@lru_cache(maxsize=16384)
def _beside(text: str) -> Beside:
    return Beside([text])


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
