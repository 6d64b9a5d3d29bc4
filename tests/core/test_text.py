"""The wording that all rooms share."""

from __future__ import annotations

import pytest

from simsearch.core.text import basis, below, headline, percent, title
from simsearch.core.types import Decision, Outcome, Verification


@pytest.mark.parametrize(
    ("p", "words"),
    [(0, "0.0%"), (0.9989, "99.9%"), (0.9996, "99.960%"), (0.99999, "over 99.999%"), (1, "over 99.999%")],
)
def test_no_probability_is_called_certain(p: float, words: str) -> None:
    assert percent(p) == words


def test_a_probability_that_prints_like_the_threshold_it_misses_is_not_quite_it() -> None:
    assert below(0.8999, 0.9) == "not quite 90.0%"
    assert below(0.85, 0.9) == "85.0%"


def test_a_title_names_the_strength_once() -> None:
    assert title("Aspirin", "100 mg") == "Aspirin 100 mg"
    assert title("Aspirin 100 MG tablets", "100 mg") == "Aspirin 100 MG tablets"
    assert title("Aspirin", "") == "Aspirin"


@pytest.mark.parametrize(
    ("name", "strength"),
    [
        ("Examplin 25 mg", "5 mg"), ("Examplin 2.5 mg", "5 mg"), ("Examplin 2,5 mg", "5 mg"), ("Vitamin B12", "2"),
        ("Examplin 875/125 mg", "125 mg"), ("Examplin 15 mg/5 ml", "15 mg"), ("Examplin 1 mg/ml", "1 mg/m"),
        ("Examplin 10 mg + 5 mg", "10 mg"),
    ],
)  # fmt: skip
def test_a_part_of_another_strength_does_not_stand_for_it(name: str, strength: str) -> None:
    assert title(name, strength) == f"{name} {strength}"


@pytest.mark.parametrize(
    ("outcome", "sku", "words"),
    [
        (Outcome.MATCH, "A", "A  Aspirin 100 mg"),
        (Outcome.AMBIGUOUS, "A", "perhaps A  Aspirin 100 mg"),
        (Outcome.UNKNOWN, None, "not in the catalog, as far as this photo tells"),
    ],
)
def test_a_headline_names_what_the_answer_names(outcome: Outcome, sku: str | None, words: str) -> None:
    assert headline(Decision("q.jpg", outcome, sku, "Aspirin 100 mg" if sku else None, 0.9, (), "g", 1.0)) == words


@pytest.mark.parametrize(
    ("inliers", "support", "words"),
    [
        (0, 0.0, "by appearance alone"),
        (1, 1.0, "1 matching point"),
        (42, 41.8, "42 matching points"),
        (42, 17.2, "42 matching points that count as 17"),
        (90, 0.0, "90 matching points that count as 0"),
    ],
)
def test_a_probability_rests_on_points_what_they_count_as_and_similarity(
    inliers: int, support: float, words: str
) -> None:
    assert basis(Verification(0.9, 0.876, 0.9, inliers, 0.9, support=support)) == f"{words}, similarity 0.88"
