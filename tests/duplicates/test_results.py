"""What the results say of themselves: kind, conflict and probability of a group, and parts of the findings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsearch.catalog.images import ImageFacts
from simsearch.catalog.reviews import ReviewVerdict
from simsearch.core.types import Verification
from simsearch.duplicates.results import PHOTO_PROBABILITY, DuplicateGroup, DuplicatePair, Findings, PairKind


def image(number: int, sku: str, sha: str = "") -> ImageFacts:
    return ImageFacts(number, f"{number}.jpg", f"/{number}.jpg", "front", sha or str(number), sku, "", "", "", "", {})


A, B, C = image(1, "one"), image(2, "one"), image(3, "two")


def pair(a: ImageFacts, b: ImageFacts, probability: float, kind: PairKind = PairKind.SAME_PRODUCT) -> DuplicatePair:
    return DuplicatePair(a, b, Verification(probability, 0.9, 0.9, 9, 0.9), kind)


def test_the_probability_of_a_pair() -> None:
    assert pair(A, B, 0.6).probability == 0.6
    assert pair(A, B, 0.6, PairKind.SAME_PHOTO).probability == PHOTO_PROBABILITY
    assert DuplicatePair(A, replace(A, id=9), None, PairKind.IDENTICAL).probability == 1.0


def test_a_group_is_as_probable_as_its_weakest_unconfirmed_pair() -> None:
    weak = replace(pair(A, C, 0.5), said=ReviewVerdict.CONFIRMED)
    group = DuplicateGroup((A, B, C), (pair(A, B, 0.8), weak, pair(B, C, 0.9)))
    assert group.probability == 0.8
    assert replace(group, pairs=(weak,)).probability == 0.5


def test_the_kind_of_a_conflict_is_that_between_different_skus() -> None:
    group = DuplicateGroup((A, B, C), (pair(A, B, 0.9, PairKind.SAME_PHOTO), pair(A, C, 0.9), pair(B, C, 0.9)))
    assert (group.skus, group.conflict, group.kind) == (("one", "two"), True, PairKind.SAME_PRODUCT)
    group = DuplicateGroup((A, B), (pair(A, B, 0.9, PairKind.SAME_PHOTO),))
    assert (group.conflict, group.kind) == (False, PairKind.SAME_PHOTO)


@pytest.mark.parametrize(
    ("kinds", "conflicts", "groups", "look_alikes"),
    [
        (tuple(PairKind), False, 2, 1),
        (tuple(PairKind), True, 1, 1),
        ((PairKind.SAME_PHOTO,), False, 1, 0),
        ((PairKind.LOOK_ALIKE,), False, 0, 1),
    ],
)
def test_parts_of_the_findings(kinds: tuple[PairKind, ...], conflicts: bool, groups: int, look_alikes: int) -> None:
    one = DuplicateGroup((A, B), (pair(A, B, 0.9, PairKind.SAME_PHOTO),))
    two = DuplicateGroup((A, C), (pair(A, C, 0.9),))
    every = Findings((two, one), (pair(B, C, 0.6, PairKind.LOOK_ALIKE),), 3, 3, 4, left_out=5, unread=6)
    found = every.only(kinds, conflicts=conflicts)
    assert (len(found.groups), len(found.look_alikes)) == (groups, look_alikes)
    assert replace(found, groups=every.groups, look_alikes=every.look_alikes) == every  # counts are kept
