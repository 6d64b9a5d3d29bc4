"""Strengths of combinations, and numbers of names, beside those that a row states.

`recognition.printed` compares amounts where each side names one alone: in an answer a wrong contradiction is worse than
none. A package says several, and a row may be wrong in one of them. Here such a row is told as unsure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from simsearch.catalog.images import ImageFacts
from simsearch.core.quantities import Strength, parse
from simsearch.features.reading import Line, Reading
from simsearch.features.reading.content import content, lasting
from simsearch.features.reading.text import normalised
from simsearch.recognition.printed import digits
from simsearch.recognition.printed.table import stated

_SURE = 0.9
"""Confidence of a line whose numbers count."""
_BEHIND = re.compile(r"\b([^\W\d_]+)[ -]?(\d+(?:\.\d+)?)(?![\w.])")
"""A number behind a word of a name."""
_OF_A_CODE = re.compile(r"(?<![\d.,])0\d")
"""A number that begins with 0 and is no decimal: `MNB/05/109` is a licence."""
Amount = tuple[str, str, float, float]


def strength_said(reading: Reading, facts: ImageFacts) -> tuple[bool, str]:
    """Whether a photo says the strength of a row number by number, and the line that says another one; "" for none."""
    strength = stated(facts).strength
    lines = [line for line in reading.lines if line.confidence >= _SURE and _may_say(line)]
    wanted = _numbers(strength)
    if len(wanted) > 1:
        said = [(line.text, numbers) for line in lines if len(numbers := _numbers(lasting(line.text))) == len(wanted)]
        if any(Counter(numbers) == Counter(wanted) for _, numbers in said):
            return True, ""
        other = next((text for text, numbers in said if {*numbers} & {*wanted} and _is_other(text, strength)), "")
        if other or (other := _other_part(lines, strength, facts.form)):
            return False, other
    return False, _behind_name(lines, facts.name)


def _may_say(line: Line) -> bool:
    about = content(line.text)
    return not (about.varies or about.pack or about.volumes or _OF_A_CODE.search(line.text))


def _numbers(text: str) -> list[float]:
    return [float(number) for number in digits.numbers(text)]


def _other_part(lines: Sequence[Line], strength: str, form: str) -> str:
    """A line that says an amount which is none of the row's, where others are, and not all of the row's are said."""
    wanted = _amounts(parse(strength, form))
    said = {line.text: _amounts(value) for line in lines if (value := content(line.text, form).value)}
    known = {amount for of in said.values() for amount in of}
    if len(wanted) < 2 or not wanted & known or wanted <= known:
        return ""
    return next((text for text, of in said.items() if not of & wanted and _is_other(text, strength)), "")


def _is_other(text: str, strength: str) -> bool:
    """Whether a line has a number that is none of a strength, misread in a digit: 326 of 325."""
    known = digits.numbers(strength)
    return any(not any(_one_number(number, other) for other in known) for number in digits.numbers(text))


def _one_number(a: str, b: str) -> bool:
    """Whether two numbers may be one, misread in a digit or without its point: 75 of 7.5."""
    return digits.look_alike(a, b) or a.replace(".", "") == b.replace(".", "")


def _amounts(value: Strength) -> set[Amount]:
    quantities = (q for part in value.readings[0].parts for q in part.alternatives)
    return {(q.dimension, q.per, float(q.low), float(q.high)) for q in quantities}


def _behind_name(lines: Sequence[Line], name: str) -> str:
    """A line with a word of the name before another number than in the name, which is nowhere said."""
    wanted = {word: number for word, number in _BEHIND.findall(normalised(name)) if len(word) > 1 or "-" in name}
    if not wanted:
        return ""
    texts = {line.text: normalised(line.text) for line in lines}
    every = {number for text in texts.values() for number in _numbers(text)}
    for raw, text in texts.items():
        for word, number in _BEHIND.findall(text):
            if word in wanted and float(number) != float(wanted[word]) and float(wanted[word]) not in every:
                return raw
    return ""
