"""Outlines: how they lie to each other."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.recognition.packages.shapes import (
    Polygon,
    area,
    around,
    cut,
    distances,
    gap,
    hull,
    in_shares,
    inside,
    overlap,
    rectangle,
)


def box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def test_a_hull_leaves_out_what_lies_within() -> None:
    points = np.array([[0, 0], [10, 0], [10, 10], [0, 10], [5, 5]])
    assert area(hull(points)) == 100
    assert len(hull(points)) == 4
    assert area(hull(np.array([[1, 1]]))) == 0


def test_overlap_is_of_the_smaller_one() -> None:
    assert overlap(box(0, 0, 10, 10), box(5, 0, 105, 10)) == pytest.approx(0.5)
    assert overlap(box(0, 0, 10, 10), box(2, 2, 4, 4)) == 1
    assert overlap(box(0, 0, 10, 10), box(20, 0, 30, 10)) == 0
    assert cut(box(0, 0, 10, 10), hull(np.array([[3, 3]]))) is None


def test_a_gap_is_nothing_where_outlines_overlap() -> None:
    assert gap(box(0, 0, 10, 10), box(30, 0, 40, 10)) == pytest.approx(20)
    assert gap(box(0, 0, 10, 10), box(2, 2, 4, 4)) == 0


def test_distances_are_those_of_the_rims() -> None:
    apart = distances([box(0, 0, 10, 10), box(30, 0, 40, 10), box(0, 70, 10, 80)])
    assert apart[0].tolist() == pytest.approx([0, 20, 60])
    assert np.array_equal(apart, apart.T)


def test_a_rectangle_around_points_stays_on_the_photo() -> None:
    points = box(10, 10, 30, 20)
    grown = around(points, 0.1, (100, 100))
    assert (grown.min(axis=0).tolist(), grown.max(axis=0).tolist()) == (pytest.approx([8, 8]), pytest.approx([32, 22]))
    assert around(points, 5.0, (100, 100)).min() >= 0
    assert area(around(points, 50.0, (100, 100))) == area(rectangle((100, 100)))


def test_a_turned_rectangle_stays_turned() -> None:
    turned = np.array([[50, 10], [90, 50], [50, 90], [10, 50]], np.float32)
    assert area(around(turned, 0.0, (100, 100))) == pytest.approx(area(hull(turned)), rel=0.01)


def test_points_inside() -> None:
    points = np.array([[5, 5], [12, 5], [30, 5]])
    assert inside(points, box(0, 0, 10, 10)).tolist() == [True, False, False]
    assert inside(points, box(0, 0, 10, 10), rim=3).tolist() == [True, True, False]


def test_shares_lie_between_nothing_and_one() -> None:
    corners = in_shares(box(-1, 0, 50, 201), (100, 200))
    assert corners == ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
