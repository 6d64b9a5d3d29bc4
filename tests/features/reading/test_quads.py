"""Geometry of lines at any turn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from simsearch.features.reading import quads
from simsearch.features.reading.quads import Quad
from tests.features.reading.prints import line


def at(degrees: float, along: float = 80.0, across: float = 20.0, centre: tuple[float, float] = (100, 90)) -> Quad:
    """A line that runs in a direction, clockwise from the x axis."""
    turn = np.deg2rad(degrees)
    x, y = np.array([np.cos(turn), np.sin(turn)]) * along / 2, np.array([-np.sin(turn), np.cos(turn)]) * across / 2
    return np.asarray(np.stack([-x - y, x - y, x + y, y - x]) + np.array(centre), np.float64)


@pytest.mark.parametrize("degrees", [0, 30, 90, 135, 180, -90])
def test_size_and_direction(degrees: float) -> None:
    assert quads.size(at(degrees)) == pytest.approx((80, 20))
    turn = np.deg2rad(degrees)
    np.testing.assert_allclose(quads.direction(at(degrees)), [np.cos(turn), np.sin(turn)], atol=1e-9)


def test_a_quad_without_size_has_some_direction() -> None:
    assert np.isfinite(quads.direction(np.zeros((4, 2)))).all()
    assert np.isfinite(quads.grown(np.zeros((4, 2)), 1, 1)).all()


@pytest.mark.parametrize(("quarters", "degrees"), [(0, 20), (1, 110), (2, 200), (3, 290)])
def test_turned(quarters: int, degrees: float) -> None:
    sides = (80, 20) if quarters % 2 == 0 else (20, 80)
    np.testing.assert_allclose(quads.turned(at(20), quarters), at(degrees, *sides), atol=1e-9)


def test_grown_keeps_the_middle_and_the_direction() -> None:
    np.testing.assert_allclose(quads.grown(at(30), 1.0, 0.5), at(30, 80 + 2 * 20, 20 + 20), atol=1e-9)


def test_holds() -> None:
    assert quads.holds(at(30), np.array([100.0, 90.0]))
    assert not quads.holds(at(30), np.array([100.0, 125.0]))


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_line_is_cut_out_upright(degrees: int) -> None:
    drawn = line("500 mg")
    picture = np.full((300, 400, 3), 128, np.uint8)
    picture[100 : 100 + drawn.shape[0], 60 : 60 + drawn.shape[1]] = drawn
    box = np.array([[60, 100], [60 + drawn.shape[1], 100]], np.float64)
    quad = np.stack([box[0], box[1], box[1] + [0, drawn.shape[0]], box[0] + [0, drawn.shape[0]]])
    for _ in range(degrees // 90):  # anticlockwise
        quad = np.stack([quad[:, 1], picture.shape[1] - quad[:, 0]], axis=1)
        picture = np.rot90(picture)
    found = quads.upright(np.ascontiguousarray(picture), quad)
    assert found.shape == drawn.shape
    inner = np.s_[4:-4, 4:-4]
    assert np.abs(found[inner].astype(int) - drawn[inner]).max() <= 1


def test_the_way_back_from_a_cut() -> None:
    _, back = quads.cut(np.zeros((200, 200, 3), np.uint8), at(30), 40, 160)
    corners = np.array([[[0, 0]], [[160, 0]], [[160, 40]], [[0, 40]]], np.float64)
    np.testing.assert_allclose(cv2.perspectiveTransform(corners, back)[:, 0], at(30), atol=1e-3)
