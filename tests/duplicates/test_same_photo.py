"""Whether two photos are one, cut or copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from simsearch.duplicates.same_photo import (
    Placement,
    area,
    chained,
    frame_onto_frame,
    inverse,
    moved,
    photo_test,
    placements,
    same_place,
)
from simsearch.features import create
from simsearch.features.orb import KEYPOINT, Geometry, Orb

if TYPE_CHECKING:
    pass


def keypoints(xy: np.ndarray[Any, Any], bits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    out = np.zeros(len(xy), KEYPOINT)
    out["xy"], out["bits"] = xy * 32, bits
    return out


def test_a_crop_is_one_photo_and_a_common_ruler_is_not() -> None:
    rng = np.random.default_rng(1)
    orb = create("orb")
    assert isinstance(orb, Orb)
    frame = np.array([512.0, 384.0])
    xy, bits = rng.uniform(20, [490, 360], (300, 2)), rng.integers(0, 256, (300, 32), dtype=np.uint8)
    whole = keypoints(xy, bits)
    inside = ((xy > [52, 42]) & (xy < [460, 342])).all(axis=1)
    crop = keypoints((xy[inside] - [40, 30]) * 512 / 432, bits[inside])
    cut_frames = frame, np.array([432.0, 324.0])
    placed = placements(orb.geometry(whole, crop), cut_frames, 512)[0]
    assert placed.scale == pytest.approx(512 / 432, abs=0.01)
    assert (placed.whole, placed.words, placed.outside < 2) == (False, "cropped", True)
    test = photo_test(whole, crop, placed, cut_frames, 512)
    assert (test.agreement > 0.9, test.lost) == (True, 0.0)

    pill = (np.abs(xy - [256, 192]) < 70).all(axis=1)  # the same ruler, another pill in the middle
    bits_of_another = bits.copy()
    bits_of_another[pill] = rng.integers(0, 256, (int(pill.sum()), 32), dtype=np.uint8)
    other = keypoints(xy, bits_of_another)
    placed = placements(orb.geometry(whole, other), (frame, frame), 512)[0]
    assert placed.whole
    assert photo_test(whole, other, placed, (frame, frame), 512).lost > 0.05
    assert placements(orb.geometry(whole, whole[:5]), (frame, frame), 512) == []
    [whole_frame] = frame_onto_frame((frame, frame), 512)
    assert (whole_frame.whole, whole_frame.miss) == (True, 0.0)
    assert same_place(placed, whole_frame, (frame, frame), 512)
    assert frame_onto_frame((frame, np.array([512.0, 60.0])), 512) == [], "no copy is squeezed to a sixth"


def test_a_squeezed_and_turned_photo_is_placed_and_named() -> None:
    rng = np.random.default_rng(2)
    orb = create("orb")
    assert isinstance(orb, Orb)
    xy, bits = rng.uniform(20, [490, 360], (300, 2)), rng.integers(0, 256, (300, 32), dtype=np.uint8)
    matrix = np.array([[0.6, -0.2, 150.0], [0.3, 0.9, 20.0]])
    a, b = keypoints(xy, bits), keypoints(moved(matrix, xy), bits)
    frames = np.array([512.0, 384.0]), np.array([512.0, 512.0])
    placed = placements(orb.geometry(a, b), frames, 512)[0]
    assert placed.miss < 1
    assert np.allclose(placed.matrix, matrix, atol=0.02 * 150)
    assert placed.words.startswith("squeezed, turned by ")
    assert np.allclose(chained(matrix, inverse(matrix)), np.eye(3)[:2], atol=1e-9)


def test_maps_turned_round_and_measured_without_a_library() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        matrix = rng.normal(0, 1, (2, 3)) + np.eye(2, 3)
        back = inverse(matrix)
        assert np.allclose(back[:, :2], np.linalg.inv(matrix[:, :2]))
        points = rng.normal(0, 100, (5, 2))
        assert np.allclose(moved(back, moved(matrix, points)), points)
        assert np.isclose(area(matrix), abs(np.linalg.det(matrix[:, :2])))
        most, least = np.linalg.svd(matrix[:, :2], compute_uv=False)
        assert np.isclose(Placement(matrix, 0.0, 0.0).squeeze, most / least)


def test_where_scale_and_turn_explain_all_no_other_aspect_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object, **named: object) -> None:
        raise AssertionError

    monkeypatch.setattr(cv2, "estimateAffine2D", never)
    xy = np.random.default_rng(8).uniform(0, 400, (60, 2)).astype(np.float32)
    frames = np.array([512.0, 384.0]), np.array([512.0, 384.0])
    [found] = placements(Geometry(xy, xy * 0.9 + 5, 60, np.eye(3)), frames, 512)
    assert found.miss < 0.01
    assert abs(found.scale - 0.9) < 1e-3
