"""Two readings of one place: do they say the same, something else, or nothing of each other?

Each side was cut out twice, with a narrow and a wide margin. A contradiction asks that each side reads the same both
times and is sure of it at least once. docs/reading.md has the figures behind the thresholds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product

from simsearch.core.forms import differ, forms
from simsearch.core.quantities import Comparison, compare_packs
from simsearch.core.quantities import compare as compare_strengths
from simsearch.features.reading.content import Content, content, lasting
from simsearch.features.reading.text import normalised
from simsearch.features.reading.types import Cut
from simsearch.recognition.printed import digits
from simsearch.recognition.printed.spelling import held, likeness, same_word

SURE, LEAST = 0.8, 0.5
"""Of the digits of a side: its best confidence, and what none of its readings may fall below."""
SURE_OF_FORM = 0.9
_WELL_READ = 0.6
_ALIKE = 0.6
_LETTERS = re.compile(r"[\d\W_]+")
_SAME_LETTERS = 0.8
SURE_OF_WORDS = 0.85
"""Of all four readings, for words that differ."""
_LEAST_LETTERS = 4
_LONGEST_MORE = 9
"""Letters of a word that tells a sibling; salts and waters of crystallisation are longer."""
_MISREAD = 0.55
"""Likeness from which two words may be one, misread or spelt in another way."""
_STEADY = 0.9
"""Likeness of the two readings of a side."""
_OTHER_THING = 0.3
"""Likeness below which the two sides count other things; `tabs` and `Tablets` are one."""
_OTHER_WORDS = 0.7
"""Likeness of two sides below which they are other words."""
SURE_OF_CLOSE, LEAST_OF_CLOSE = 0.97, 0.9
"""The same where it may not be what it seems: digits that look alike (a blurred 60 is read as 50, and as 80), small
print, and texts that differ in more than their numbers."""


class Relation(StrEnum):
    """What two readings of one place say of each other."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    UNREAD = "unread"
    """The photo shows the place, and nothing can be read there."""
    NOTHING = "nothing"


@dataclass(frozen=True)
class Judgement:
    """What the photo says where the catalog's photo has a line."""

    relation: Relation
    kind: str = "line"
    """As in `core.types.PrintedFact`."""
    photo: str = ""
    catalog: str = ""
    likeness: float = 0.0
    """Of the two texts, 0 to 1."""
    confidence: float = 0.0
    """Of the less sure side: of each its more confident reading, 0 to 1."""
    lacking: bool = False
    """Whether one side has words or numbers beside those of both: `Forte`, `-N`, `10 mg`."""


def judge(
    photo: Sequence[Cut], catalog: Sequence[Cut], *, small: bool = False, name: bool = True, form: str = ""
) -> Judgement:
    """Compare one place; at least one reading a side. With one alone a side can agree, and contradict nothing.

    Args:
        photo: what it says at that place.
        catalog: the same.
        small: whether the print is so small on one side that digits are guessed.
        name: whether it may hold the product's name. Other words change from one printing to the next.
        form: of the product, where known: grams of a tube are no strength.
    """
    sure = min(max(cut.confidence for cut in side) for side in (photo, catalog))
    ours, theirs = ([replace(cut, text=lasting(cut.text)) for cut in side] for side in (photo, catalog))
    return replace(_judge(ours, theirs, small, name, form), confidence=sure)


def _judge(photo: Sequence[Cut], catalog: Sequence[Cut], small: bool, name: bool, form: str) -> Judgement:
    pairs = sorted(product(photo, catalog), key=lambda pair: -pair[0].confidence * pair[1].confidence)
    best = max(pairs, key=lambda pair: likeness(normalised(pair[0].text), normalised(pair[1].text)))
    alike = likeness(normalised(best[0].text), normalised(best[1].text))
    if max(cut.confidence for cut in photo) < _WELL_READ or not any(map(str.isalnum, best[0].text)):
        unread = max(cut.confidence for cut in photo) < LEAST or not any(map(str.isalnum, pairs[0][0].text))
        relation, text = (Relation.UNREAD, "") if unread else (Relation.NOTHING, best[0].text)
        return Judgement(relation, "line", text, best[1].text, alike)
    if any(content(cut.text).varies for cut in (*photo, *catalog)):
        return Judgement(Relation.NOTHING, "line", best[0].text, best[1].text, alike)
    ours, theirs = pairs[0][0].text, pairs[0][1].text
    kind = _kind(content(ours, form), content(theirs, form))
    numbers = _numbers(photo, catalog)
    if numbers is Comparison.EQUAL:
        relation = Relation.NOTHING if kind == "pack" and _of_other_things(*best) else Relation.AGREES
        return Judgement(relation, kind, best[0].text, best[1].text, alike)
    misread = digits.numbers(ours) != digits.numbers(theirs) and digits.look_alike(ours, theirs)
    doubtful = small or misread or not _comparable(ours, theirs)
    sure = (SURE_OF_CLOSE, LEAST_OF_CLOSE) if doubtful else (SURE, LEAST)
    if numbers is Comparison.DIFFERENT and all(_sure(side, *sure) for side in (photo, catalog)):
        return Judgement(Relation.CONTRADICTS, kind, ours, theirs, alike)
    if name and (words := _words(photo, catalog)):
        return Judgement(Relation.CONTRADICTS, "name", *words, alike)
    found = _forms(photo, catalog)
    if found and (found[0] is Relation.CONTRADICTS or not _has_numbers(photo, catalog)):
        return Judgement(found[0], "form", found[1], found[2], alike)
    if name and alike >= _ALIKE and (words := _other_words(photo, catalog)):
        return Judgement(Relation.CONTRADICTS, "name", *words, alike)
    if alike >= _ALIKE and _lacking(photo, catalog):
        return Judgement(Relation.NOTHING, kind, best[0].text, best[1].text, alike, lacking=True)
    if alike >= 0.8 and not _has_numbers(photo, catalog):
        told = "form" if content(best[1].text).forms else "line"
        return Judgement(Relation.AGREES, told, best[0].text, best[1].text, alike)
    return Judgement(Relation.NOTHING, kind, best[0].text, best[1].text, alike)


def _comparable(a: str, b: str) -> bool:
    """Whether two texts speak of the same thing: the same letters around the numbers, or amounts of one kind."""
    ours, theirs = content(a), content(b)
    kinds = ((ours.value, theirs.value), (ours.pack, theirs.pack), (ours.volumes, theirs.volumes))
    bare = not any(map(str.isalpha, a + b))
    return bare or same_letters(a, b) or any(x and y for x, y in kinds)


def _of_other_things(a: Cut, b: Cut) -> bool:
    """Whether what is counted has another name on each side: `1 vip` and `1 pre-filled syringe`."""
    ours, theirs = (_LETTERS.sub("", normalised(cut.text)) for cut in (a, b))
    return min(len(ours), len(theirs)) >= 3 and likeness(ours, theirs) < _OTHER_THING


def _sure(side: Sequence[Cut], best: float, least: float) -> bool:
    """Whether a side is sure of its digits: two readings have them, one with more than `best`, none below `least`."""
    steady = len(side) > 1 and all(digits.compare(side[0].text, c.text) is Comparison.EQUAL for c in side[1:])
    return steady and max(c.confidence for c in side) > best and min(c.confidence for c in side) >= least


def _words(photo: Sequence[Cut], catalog: Sequence[Cut]) -> tuple[str, str] | None:
    """The texts of both sides where each is sure of its words and they are other words; None where they are not.

    A word that is a piece of one of the other side is the same one, cut off.
    """
    if min(len(photo), len(catalog)) < 2 or min(cut.confidence for cut in (*photo, *catalog)) < SURE_OF_WORDS:
        return None
    words = [[word for cut in side for word in _words_of(cut.text)] for side in (photo, catalog)]
    if any(len(a) != len(b) and (held(a, b) or held(b, a)) for a, b in product(*words)):
        return None
    for but_forms in (False, True):
        sides = [["".join(_words_of(cut.text, but_forms)) for cut in side] for side in (photo, catalog)]
        if any(len(text) < _LEAST_LETTERS or likeness(text, side[0]) < _STEADY for side in sides for text in side):
            return None
        if any(held(a, b) or held(b, a) or likeness(a, b) >= _OTHER_WORDS for a, b in product(*sides)):
            return None
    return photo[0].text, catalog[0].text


def _other_words(photo: Sequence[Cut], catalog: Sequence[Cut]) -> tuple[str, str] | None:
    """The texts of both sides where each is sure of a word that the other has not, beside one that both have: SR, H."""
    pairs = list(product(photo, catalog))
    if len(pairs) < 4 or min(cut.confidence for cut in (*photo, *catalog)) < SURE_OF_FORM:
        return None
    both = ((words_apart(a, b), words_apart(b, a)) for a, b in pairs)
    return (photo[0].text, catalog[0].text) if all(a and b for a, b in both) else None


def _lacking(photo: Sequence[Cut], catalog: Sequence[Cut]) -> bool:
    """Whether both sides were read well, and one has whole words more than the other, however the other is read."""
    if min(cut.confidence for cut in (*photo, *catalog)) < SURE_OF_WORDS:
        return False
    pairs = list(product(photo, catalog))
    return any(all(more_words(*((a, b) if way else (b, a))) for a, b in pairs) for way in (True, False))


def more_words(one: Cut, other: Cut) -> bool:
    """Whether `one` has whole words that `other` has not, beside one that both have.

    A word that is a piece of another one was cut off, and a number counts where the other side has none.
    """
    words, others = normalised(one.text).split(), normalised(other.text).split()
    if "".join(words) == "".join(others) or not any(len(w) > 2 and same_word(w, o) for w in words for o in others):
        return False
    if digits.numbers(other.text):
        words = [word for word in words if word.isalpha()]
    return not all(any(_one_word(word, each) for each in [*others, "".join(others)]) for word in words)


def whole_words(one: Cut, other: Cut) -> bool:
    """Whether each word of `one` is a whole word of `other`, and not a piece of it."""
    others = normalised(other.text).split()
    return all(any(same_word(word, each) for each in others) for word in normalised(one.text).split())


def words_apart(one: Cut, other: Cut) -> tuple[float, float] | None:
    """Where the words stand that `one` has more than `other`, as shares of its text; None for none or too few letters.

    Only one word at an end of the line counts, as short as those that name a sibling (SR, Forte, Junior), and like no
    word of the other side: `sulphate` and `sulfate` are one. Forms and numbers do not count.
    """
    words, others = normalised(one.text).split(), normalised(other.text).split()
    apart = [not any(_one_word(word, each) for each in others) for word in words]
    if all(apart) or not any(apart) or (apart != sorted(apart) and apart != sorted(apart, reverse=True)):
        return None
    extra = [word for word, alone in zip(words, apart, strict=True) if alone]
    if len(extra) > 1 or not names_sibling(extra[0], others):
        return None
    share = (len(" ".join(extra)) + 0.5) / len(" ".join(words))
    return (1 - share, 1.0) if apart[-1] else (0.0, share)


def names_sibling(word: str, others: Sequence[str]) -> bool:
    """Whether a word that stands beside a name may be what tells a sibling, and none of `others` misread."""
    if not word.isalpha() or forms(word) or len(word) > _LONGEST_MORE:
        return False
    # B of B12: the rest was not read. D and DO: a mark beside it was read as a letter.
    return not any(
        likeness(word, each) >= _MISREAD
        or (min(len(word), len(each)) < 3 and (each.startswith(word) or word.startswith(each)))
        for each in others
    )


def _one_word(a: str, b: str) -> bool:
    return same_word(a, b) or (min(len(a), len(b)) > 2 and (held(a, b) or held(b, a)))


def _words_of(text: str, but_forms: bool = False) -> list[str]:
    """The words of a line without its numbers and signs; and without what says no more than the form, if asked."""
    words = [word for word in _LETTERS.split(normalised(text)) if len(word) >= 3]
    return [word for word in words if not (but_forms and forms(word))]


def same_letters(a: str, b: str) -> bool:
    """Whether two texts have the same letters around their numbers, two at least: one line of one design."""
    ours, theirs = (_LETTERS.sub("", normalised(text)) for text in (a, b))
    return min(len(ours), len(theirs)) >= 2 and likeness(ours, theirs) >= _SAME_LETTERS


def _has_numbers(photo: Sequence[Cut], catalog: Sequence[Cut]) -> bool:
    return any(digits.numbers(cut.text) for cut in (*photo, *catalog))


def _numbers(photo: Sequence[Cut], catalog: Sequence[Cut]) -> Comparison:
    """Of all pairs of readings: EQUAL where one pair is, DIFFERENT where all are."""
    found = {_amounts(a.text, b.text) for a, b in product(photo, catalog)}
    for each in (Comparison.EQUAL, Comparison.UNKNOWN):
        if each in found:
            return each
    return Comparison.DIFFERENT


def _amounts(a: str, b: str) -> Comparison:
    """As quantities where both are (1.5 mg and 1500 mcg), as digits otherwise."""
    ours, theirs = content(a), content(b)
    as_digits = digits.compare(a, b)
    if ours.value and theirs.value:
        as_strengths = compare_strengths(ours.value, theirs.value)
        if as_strengths is Comparison.EQUAL:
            return as_strengths
        # One digit after another the same and two units: one of them was misread.
        return Comparison.UNKNOWN if as_strengths is Comparison.UNKNOWN or as_digits is Comparison.EQUAL else as_digits
    if ours.pack and theirs.pack and ours.pack.count == theirs.pack.count:
        return compare_packs(ours.pack, theirs.pack)
    return as_digits


def _kind(ours: Content, theirs: Content) -> str:
    if ours.strength or theirs.strength:
        return "strength"
    if ours.pack or theirs.pack:
        return "pack"
    if ours.volumes or theirs.volumes:
        return "volume"
    return "line"


def _forms(photo: Sequence[Cut], catalog: Sequence[Cut]) -> tuple[Relation, str, str] | None:
    """Whether the forms that the sides name agree or contradict; None where one names none with confidence."""
    named = [
        (a, b)
        for a, b in product(photo, catalog)
        if content(a.text).forms and content(b.text).forms and min(a.confidence, b.confidence) > SURE_OF_FORM
    ]
    if not named:
        return None
    apart = [(a, b) for a, b in named if differ(content(a.text).forms, content(b.text).forms)]
    if len(apart) == len(named):
        return Relation.CONTRADICTS, apart[0][0].text, apart[0][1].text
    both = [(a, b) for a, b in named if content(a.text).forms & content(b.text).forms]
    return (Relation.AGREES, both[0][0].text, both[0][1].text) if both and not apart else None
