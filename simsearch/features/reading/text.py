"""What a reader gave, made comparable. The raw text stays as it is; this makes another one beside it.

Misread characters are not mended here: what is taken for what is weighed between two texts, never rewritten in one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import chain

_SPACES = re.compile(r"[^\w%.]+|(?<!\d)\.|\.(?!\d)|_")
"""What separates words: all but letters, digits, percent signs, and points within numbers."""
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_SHORTEST, _LONGEST = 3, 5
"""Characters of an n-gram."""


@lru_cache(maxsize=16384)
def normalised(text: str) -> str:
    """`text` without what print varies: case, width and accents of letters, script of digits, decimal commas, spacing.

    Micro signs are one (µ), digits are ASCII whatever their script, words are parted by one space.
    """
    if text.isascii():  # a quarter of the time for what most print is
        letters = text.lower()
    else:
        wide = unicodedata.normalize("NFKD", text.replace("µ", "μ")).casefold()
        letters = "".join(_plain(character) for character in wide if not unicodedata.combining(character))
    return " ".join(_SPACES.sub(" ", _DECIMAL_COMMA.sub(".", letters)).split())


@cache
def _plain(character: str) -> str:
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    return "µ" if character == "μ" else character


def grams(lines: Iterable[str]) -> frozenset[str]:
    """The character 3-to-5-grams of each line by itself, so that the order of lines does not count.

    Ends of words count as characters (a space), so that whole words weigh more than parts of them.
    """
    return frozenset(chain.from_iterable(_grams(normalised(line)) for line in lines))


def _grams(line: str) -> Iterable[str]:
    framed = f" {line} "
    for length in range(_SHORTEST, _LONGEST + 1):
        for start in range(len(framed) - length + 1):
            yield framed[start : start + length]


def likeness(a: frozenset[str], b: frozenset[str]) -> float:
    """Cosine of two sets of n-grams, 0 to 1: those shared, over the geometric mean of both; 0 for an empty set."""
    return len(a & b) / (len(a) * len(b)) ** 0.5 if a and b else 0.0
