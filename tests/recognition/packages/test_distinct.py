"""Which parts are packages, and which belong together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsearch.core.types import Outcome, PhotoPrint, PrintedLine
from simsearch.recognition.packages.distinct import Part, in_reading_order, is_package, no_worse, one_each
from simsearch.recognition.packages.outlines import Outlined
from simsearch.recognition.packages.shapes import Polygon
from tests.recognition.packages.scene import answer, geometry
from tests.recognition.packages.test_shapes import box

LEFT, RIGHT, FAR = box(0, 0, 100, 100), box(105, 0, 205, 100), box(0, 300, 100, 400)
MATCH, AMBIGUOUS, UNKNOWN = Outcome.MATCH, Outcome.AMBIGUOUS, Outcome.UNKNOWN


def one(
    polygon: Polygon, outcome: Outcome, sku: str, probability: float, letters: int = 50, image_id: int | None = None
) -> Part:
    read = PhotoPrint((PrintedLine("a" * letters, 0.9, ((0, 0), (1, 0), (1, 1), (0, 1))),))
    found = None
    if image_id is not None:
        found = Outlined(sku, image_id, polygon, geometry(0, 0, 1, 1).query_xy, 20)
    return Part(polygon, replace(answer(outcome, sku, probability), read=read), found)


def test_two_products_are_two_packages() -> None:
    parts = [one(LEFT, MATCH, "a", 0.999, image_id=1), one(RIGHT, UNKNOWN, "b", 0.6)]
    assert one_each(parts) == parts


def test_two_opinions_of_one_place_are_one_package() -> None:
    better = one(LEFT, MATCH, "a", 0.999, image_id=1)
    assert one_each([one(box(5, 5, 100, 100), UNKNOWN, "b", 0.9), better]) == [better]


def test_two_packages_of_one_product_stay_two_where_both_are_matched() -> None:
    twice = [one(LEFT, MATCH, "a", 0.999, image_id=1), one(RIGHT, MATCH, "a", 0.998, image_id=1)]
    assert one_each(twice) == twice


def test_faces_of_one_package_are_one() -> None:
    front = one(LEFT, MATCH, "a", 0.999, image_id=1)
    assert one_each([front, one(RIGHT, MATCH, "a", 0.998, image_id=2)]) == [front]
    assert one_each([front, one(RIGHT, MATCH, "a", 0.998)]) == [front]
    assert one_each([front, one(FAR, UNKNOWN, "a", 0.9, image_id=1)]) == [front]
    apart = [front, one(FAR, MATCH, "a", 0.998, image_id=2)]
    assert one_each(apart) == apart


def test_a_repeated_pattern_that_is_found_shifted_is_one_package() -> None:
    strip = one(LEFT, MATCH, "a", 0.999, image_id=1)
    assert one_each([strip, one(box(60, 0, 160, 100), MATCH, "a", 0.998, image_id=1)]) == [strip]


@pytest.mark.parametrize(
    ("part", "package"),
    [
        (one(LEFT, AMBIGUOUS, "a", 0.5, letters=0), True),
        (one(box(0, 0, 20, 20), UNKNOWN, "a", 0.8, letters=4), True),
        (one(box(0, 0, 20, 20), UNKNOWN, "a", 0.79, letters=4), False),
        (one(LEFT, UNKNOWN, "a", 0.4, letters=12), True),
        (one(LEFT, UNKNOWN, "a", 0.4, letters=11), False),
        (one(box(0, 0, 20, 20), UNKNOWN, "a", 0.4, letters=20), True),
        (one(box(0, 0, 20, 20), UNKNOWN, "a", 0.2, letters=20), False),
        (one(LEFT, UNKNOWN, "a", 0.01, letters=30), True),
        (one(LEFT, UNKNOWN, "a", 0.01, letters=29), False),
        (one(box(0, 0, 20, 20), UNKNOWN, "a", 0.01, letters=300), False),
        (replace(one(box(0, 0, 20, 20), UNKNOWN, "a", 0.01, letters=0), pills=True), True),
    ],
)
def test_a_part_is_a_package_by_its_answer_or_by_its_print(part: Part, package: bool) -> None:
    assert is_package(part, 10_000) is package


def test_parts_must_say_what_the_whole_photo_says() -> None:
    parts = [one(LEFT, MATCH, "a", 0.999), one(RIGHT, UNKNOWN, "b", 0.5)]
    assert no_worse(answer(MATCH, "a", 0.999), parts)
    assert not no_worse(answer(MATCH, "b", 0.999), parts)
    assert no_worse(answer(AMBIGUOUS, "b", 0.9), parts)
    assert not no_worse(answer(AMBIGUOUS, "b", 0.9), parts[1:])
    assert no_worse(answer(UNKNOWN, "b", 0.9), parts[1:])


def test_packages_stand_in_reading_order() -> None:
    right, left = one(box(210, 0, 300, 90), MATCH, "r", 0.99), one(box(0, 30, 100, 130), MATCH, "l", 0.99)
    below = one(FAR, MATCH, "b", 0.99)
    assert in_reading_order([below, right, left]) == [left, right, below]
