"""Frames of single pills: level, centred, on grey, at every turn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.features.pills.frames import GREY, SQUARE, TURNS, WIDE, framed


def ellipse(long: float, short: float, angle: float) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A photo of a red ellipse with a blue end on white, and its outline."""
    around = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    turn = np.radians(angle)
    x, y = long * np.cos(around), short * np.sin(around)
    outline = np.column_stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)]) + 300
    pixels = np.full((600, 600, 3), 255, np.uint8)
    cv2.fillPoly(pixels, [np.rint(outline).astype(np.int32)], (200, 30, 30))
    end = 300 + 0.8 * long * np.array([np.cos(turn), np.sin(turn)])
    cv2.circle(pixels, np.rint(end).astype(int).tolist(), int(short * 0.2), (30, 30, 200), -1)
    return pixels, outline.astype(np.float32)


def end_of(frame: NDArray[np.uint8]) -> tuple[float, float]:
    """Where the blue end lies from the middle, x and y in pixels."""
    blue = np.argwhere((frame[..., 2] > 150) & (frame[..., 0] < 100))
    y, x = blue.mean(axis=0) - np.array(frame.shape[:2]) / 2
    return float(x), float(y)


@pytest.mark.parametrize("angle", [0, 30, 75, 120])
def test_an_oblong_pill_lies_level_either_way_up(angle: float) -> None:
    one, other = framed(*ellipse(150, 60, angle))
    assert one.shape == other.shape == (*WIDE, 3)
    for frame in (one, other):
        x, y = end_of(frame)
        assert abs(x) > 50
        assert abs(y) < 6
    assert end_of(one)[0] * end_of(other)[0] < 0


def test_a_round_pill_is_turned_all_round() -> None:
    frames = framed(*ellipse(100, 100, 10))
    assert [frame.shape for frame in frames] == [(*SQUARE, 3)] * TURNS
    angles = np.degrees([np.arctan2(*end_of(frame)[::-1]) for frame in frames])
    steps = np.diff(np.append(angles, angles[0])) % 360
    assert np.minimum(steps, 360 - steps) == pytest.approx(360 / TURNS, abs=3)
    assert angles[0] == pytest.approx(10, abs=3)


def test_what_lies_around_is_grey_and_the_pill_fills_the_frame() -> None:
    for frame in framed(*ellipse(100, 90, 0)) + framed(*ellipse(100, 40, 50)):
        assert (frame[[0, 0, -1, -1], [0, -1, 0, -1]] == GREY).all()
        inside = (np.abs(frame.astype(int) - GREY) > 20).any(axis=2)
        assert inside.any(axis=0).mean() > 0.85
