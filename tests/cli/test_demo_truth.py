"""Answers and groups are judged by the truth of the renderer alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsearch.catalog.images import ImageFacts
from simsearch.cli.demo_scenario import Question, Rendered
from simsearch.cli.demo_truth import found_in, judged, mixed, summary
from simsearch.core.errors import ImageError
from simsearch.core.types import Decision, Hit, Outcome, Verification
from simsearch.duplicates import DuplicateGroup, DuplicatePair
from simsearch.synthetic import Duplicate, make_products

SEED, PRODUCTS = 7, 24


VERIFICATION = Verification(0.99, 0.9, 0.9, 50, 0.9)


def decision(outcome: Outcome, sku: str | None, *listed: str) -> Decision:
    hits = tuple(Hit(s, "", n, "", VERIFICATION) for n, s in enumerate(listed))
    return Decision("", outcome, sku, None, 0.9, hits, "g", 1.0)


@pytest.mark.parametrize(
    ("sku", "answer", "right", "word"),
    [
        ("A", decision(Outcome.MATCH, "A", "A"), True, "right"),
        ("A", decision(Outcome.MATCH, "B", "B", "A"), False, "wrong"),
        ("A", decision(Outcome.AMBIGUOUS, "A", "A", "B"), False, "undecided, the right one is in"),
        ("A", decision(Outcome.AMBIGUOUS, "C", "C", "B"), False, "undecided, the right one is not in"),
        ("A", decision(Outcome.UNKNOWN, None, "A"), False, "missed"),
        ("A", ImageError("truncated", ""), False, "wrong"),
        (None, decision(Outcome.UNKNOWN, None, "A"), True, "right"),
        (None, decision(Outcome.MATCH, "A", "A"), False, "wrong"),
        (None, decision(Outcome.AMBIGUOUS, "A", "A"), False, "wrong"),
    ],
)
def test_answers_are_judged_by_the_truth(
    sku: str | None, answer: Decision | ImageError, right: bool, word: str
) -> None:
    good, words = judged(Question("", Path(), "", sku), answer)
    assert good is right
    assert words.startswith(word)


def test_a_broken_file_must_be_refused() -> None:
    question = Question("", Path(), "", None, readable=False)
    assert judged(question, ImageError("truncated", ""))[0]
    assert not judged(question, decision(Outcome.UNKNOWN, None))[0]


def group(*skus: str) -> DuplicateGroup:
    facts = [ImageFacts(n, "", "", "", "", sku, "", "", "", "", {}) for n, sku in enumerate(skus)]
    return DuplicateGroup(tuple(facts), (DuplicatePair(facts[0], facts[1], VERIFICATION),))


def test_groups_are_judged_by_the_truth() -> None:
    made = make_products(8, SEED)  # the first four are one family
    planted = [Duplicate(made[0].sku, "DUP-00000", "identical"), Duplicate(made[6].sku, "DUP-00001", "cropped")]
    stage = Rendered(Path(), made, [], planted)
    good, alike, other = (
        group(made[0].sku, "DUP-00000"),
        group("DUP-00000", made[1].sku),
        group(made[2].sku, made[6].sku),
    )
    groups = [good, alike, other]
    assert [found_in(d, groups) for d in planted] == [good, None]
    assert mixed(good, stage) == ""
    assert mixed(alike, stage).endswith("look-alikes of one family")
    assert mixed(other, stage).endswith("different products")
    assert summary(groups, stage) == "1 of 2 planted duplicates found; groups that mix different products: 2"
