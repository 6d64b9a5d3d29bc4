"""Reviews of pairs: which photos and SKUs a name stands for, and what is recorded."""

from __future__ import annotations

import pytest

from simsearch.catalog.reviews import ReviewVerdict, Side
from simsearch.core.errors import UsageError
from simsearch.duplicates.feedback import PairFeedback, built_at
from tests.duplicates.world import World

A, B = Side("one", "a" * 64), Side("two", "b" * 64)


@pytest.fixture
def feedback(world: World) -> PairFeedback:
    world.add("a", sku="one")
    world.add("b", sku="two")
    world.add("c", sku="three")
    world.add("c", sku="four")
    return PairFeedback(world.catalog)


@pytest.mark.parametrize(
    ("a", "b", "pair"),
    [
        ("a", "b", (A, B)),
        ("/a", "b", (A, B)),  # by its path
        ("one", "two", (Side("one"), Side("two"))),
        ("one", "b", (Side("one"), Side("two"))),  # a photo beside an SKU stands for its SKU
    ],
)
def test_names_stand_for_photos_or_skus(feedback: PairFeedback, a: str, b: str, pair: tuple[Side, Side]) -> None:
    assert feedback.pair(a, b) == pair


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("a", "nobody", "nobody: is neither an SKU nor a photo"),
        ("a", "c", r"c: several photos bear this name \(SKUs four, three\)"),
        ("a", "a", "a: is given twice"),
    ],
)
def test_names_that_are_unknown_or_ambiguous(feedback: PairFeedback, a: str, b: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        feedback.pair(a, b)


def test_a_review_is_recorded_listed_and_taken_back(feedback: PairFeedback) -> None:
    assert feedback.say("a", "b", ReviewVerdict.DISMISSED, "two makers") == (A, B)
    assert [(r.a, r.b, r.said, r.note) for r in feedback.reviews()] == [(A, B, ReviewVerdict.DISMISSED, "two makers")]
    assert feedback.forget("b", "a") == (B, A)
    with pytest.raises(UsageError, match="nothing was said of them"):
        feedback.forget("a", "b")


def test_when_a_generation_was_built(world: World) -> None:
    with pytest.raises(UsageError, match="the latest are: none was built yet"):
        built_at(world.catalog, "g000001")
    world.catalog.builds.record("g000001", 4, "built", {})
    assert built_at(world.catalog, "g000001").tzinfo is None
    with pytest.raises(UsageError, match=r"--since g7: is no generation; the latest are: g000001"):
        built_at(world.catalog, "g7")
