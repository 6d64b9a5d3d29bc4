"""Lines of print as the check compares them."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from simsearch.catalog.images import ImageFacts
from simsearch.features.reading import Line, Reading
from simsearch.features.reading.types import Cut
from simsearch.filing.looker import Looker
from simsearch.filing.print_lines import joined, parted
from simsearch.recognition.pair_scorer import PairScorer
from simsearch.recognition.print_pairs import PrintSide
from simsearch.recognition.printed import PrintVerifier
from simsearch.recognition.printed.agreement import sized_words


def quad(
    left: float, top: float, width: float = 0.2, height: float = 0.05
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def read(*lines: tuple[str, float, float]) -> Reading:
    return Reading(tuple(Line(text, 0.98, quad(left, top)) for text, left, top in lines), 800, 800)


def texts(reading: Reading) -> list[str]:
    return [line.text for line in reading.lines]


@pytest.mark.parametrize(
    ("glued", "apart"),
    [
        ("Junior200mg", "Junior 200mg"),
        ("Kerdunal Junior 200mgTablets", "Kerdunal Junior 200mg Tablets"),
        ("Azosin0.5 mg", "Azosin 0.5 mg"),
        ("B12", "B12"),
        ("Omega3 plus", "Omega3 plus"),
        ("Evion400", "Evion400"),
        ("MNB/05/109", "MNB/05/109"),
    ],
)
def test_a_word_is_parted_from_the_amount_behind_or_before_it(glued: str, apart: str) -> None:
    line = Line(glued, 0.9, quad(0.1, 0.1), (Cut(glued, 0.8),))
    found = parted(Reading((line,), 800, 800))
    assert found is not None
    assert (found.lines[0].text, found.lines[0].cuts[0].text) == (apart, apart)


def test_a_parted_word_is_found_and_a_reading_without_any_stays_the_same() -> None:
    found = parted(read(("Junior200mg", 0.1, 0.1)))
    assert found is not None
    assert "junior" in {word for word, _ in sized_words(found)}
    plain = read(("Junior 200 mg", 0.1, 0.1))
    assert parted(plain) is plain
    assert parted(None) is None


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize(("upper", "lower"), [("400mg/", "100mL"), ("400 mg", "/ 100 ml"), ("2 mg/", "ml")])
def test_a_strength_on_two_lines_is_one_whichever_way_it_is_turned(upper: str, lower: str, turns: int) -> None:
    reading = read(("Cipesta", 0.1, 0.1), (upper, 0.1, 0.2), (lower, 0.12, 0.26), ("60 ml", 0.7, 0.8))
    for _ in range(turns):  # a quarter each
        lines = [Line(x.text, x.confidence, np.stack([1 - x.quad[:, 1], x.quad[:, 0]], axis=1)) for x in reading.lines]
        reading = Reading(tuple(lines), 800, 800)
    assert texts(joined(reading)) == ["Cipesta", f"{upper}{lower}", "60 ml"]


@pytest.mark.parametrize(
    "lines",
    [
        [("400mg/", 0.1, 0.2), ("100mL", 0.1, 0.5)],
        [("400mg/", 0.1, 0.2), ("100mL", 0.6, 0.26)],
        [("100mL", 0.1, 0.2), ("400mg/", 0.1, 0.26)],
        [("400 mg", 0.1, 0.2), ("100 mL", 0.1, 0.26)],
        [("400mg/", 0.1, 0.2), ("tablets", 0.1, 0.26)],
    ],
)
def test_lines_that_are_no_one_strength_stay_two(lines: list[tuple[str, float, float]]) -> None:
    reading = read(*lines)
    assert joined(reading) is reading


@pytest.mark.parametrize(("strength", "agrees"), [("400 mg/100 ml", True), ("800 mg/100 ml", False)])
def test_a_row_is_held_against_a_strength_on_two_lines(strength: str, agrees: bool) -> None:
    facts = ImageFacts(1, "", "", "front", "", "A", "Cipesta", strength, "suspension", "", {})
    looker = Looker(cast("PairScorer", None), None, PrintVerifier(None))
    row = looker.row(PrintSide(read(("Cipesta", 0.1, 0.1), ("400mg/", 0.1, 0.2), ("100mL", 0.12, 0.26))), facts)
    assert ("strength" in row.agree) == agrees
    assert [(kind, ours) for kind, ours, _ in row.against] == ([] if agrees else [("strength", "400mg/100mL")])
