"""Outlines of candidates, and blocks of print outside of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simsearch.recognition.packages.outlines import Outlined, apart, blocks, on_photo, outline
from simsearch.recognition.packages.shapes import Polygon, hull
from tests.recognition.packages.scene import SIDE, SIZE, geometry, line, reading


def bounds(polygon: Polygon) -> list[float]:
    return [*polygon.min(axis=0).tolist(), *polygon.max(axis=0).tolist()]


def test_an_outline_reaches_over_the_print_that_stands_with_the_points() -> None:
    found = geometry(20, 20, 60, 60)
    alone = outline(found, None, SIZE, SIDE)
    assert alone is not None
    assert bounds(alone) == pytest.approx([20.5 - 1.6, 20.5 - 1.6, 60.5 + 1.6, 60.5 + 1.6], abs=0.1)
    name, far = line("Examplin", 70, 30, 110, 50), line("another shop", 300, 150, 390, 180)
    wider = outline(found, reading(name, far), SIZE, SIDE)
    assert wider is not None
    assert 105 < bounds(wider)[2] < 120


def test_there_is_no_outline_without_a_homography() -> None:
    assert outline(replace(geometry(0, 0, 50, 50), homography=None), None, SIZE, SIDE) is None


def test_print_that_the_homography_carries_away_is_left_out() -> None:
    wild = np.array([[1, 0, 0], [0, 1, 0], [0.0093, 0, 1.0]])
    found = outline(replace(geometry(20, 20, 60, 60), homography=wild), reading(line("x", 62, 30, 110, 50)), SIZE, SIDE)
    assert found is not None
    assert bounds(found)[2] <= SIZE[0]


def test_keypoints_of_a_small_photo_are_where_they_were_found() -> None:
    points = np.array([[0, 0], [511, 255]], np.float32)
    assert on_photo(points, (400, 200), SIDE).tolist() == [[0.5, 0.5], [511.5, 255.5]]  # a photo is only scaled down
    assert on_photo(points, (1024, 512), SIDE).tolist() == [[1, 1], [1023, 511]]


def candidate(sku: str, support: float, left: float, top: float, right: float, bottom: float) -> Outlined:
    points = geometry(left, top, right, bottom).query_xy
    return Outlined(sku, 1, hull(points), points, support)


def test_of_candidates_at_one_place_the_best_supported_stays() -> None:
    best, sibling = candidate("a", 50, 0, 0, 100, 100), candidate("b", 40, 5, 5, 100, 100)
    beside = candidate("c", 30, 200, 0, 300, 100)
    assert [one.sku for one in apart([beside, sibling, best])] == ["a", "c"]


def test_a_candidate_whose_points_lie_on_another_package_is_none() -> None:
    best, wide = candidate("a", 50, 0, 0, 100, 100), candidate("b", 40, 60, 0, 130, 100)
    assert [one.sku for one in apart([best, wide])] == ["a"]


def test_print_outside_of_outlines_falls_into_blocks() -> None:
    lines = [
        line("Examplin", 10, 10, 90, 30), line("500 mg tablets", 10, 35, 90, 50),
        line("Otherine capsules", 250, 20, 380, 40), line("x", 200, 190, 205, 195),
    ]  # fmt: skip
    both = blocks(reading(*lines), SIZE, [])
    assert [block.letters for block in both] == [20, 16]
    [rest] = blocks(reading(*lines), SIZE, [both[0].polygon])
    assert rest.letters == 16
    assert blocks(reading(), SIZE, []) == []
