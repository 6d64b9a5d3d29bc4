"""SIFT: matches and descriptors are OpenCV's and Lowe's."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.core.config import parse_settings
from simsearch.core.errors import ConfigError
from simsearch.features.keypoints import column
from simsearch.features.sift import KEYPOINT, Sift, SiftSettings
from tests.features.scenes import TILT, warped


def test_matches_are_opencv_s(scene: NDArray[np.uint8], make_image: Any) -> None:
    method = Sift(SiftSettings())
    a, b = method.describe([make_image(scene), make_image(warped(scene, TILT))])
    own, theirs = (column(side, "gradients").astype(np.float32) for side in (a, b))
    clear = [m for m, n in cv2.BFMatcher(cv2.NORM_L2).knnMatch(own, theirs, k=2) if m.distance < 0.75 * n.distance]
    best: dict[int, Any] = {}
    for match in sorted(clear, key=lambda m: m.distance):
        best.setdefault(match.trainIdx, match)
    assert {(m.queryIdx, m.trainIdx) for m in best.values()} == {(int(q), int(t)) for q, t in method.matches(a, b)}


def test_similarity_is_kept_of_possible(scene: NDArray[np.uint8], make_image: Any) -> None:
    method = Sift(SiftSettings(keypoints=100))
    a, b = method.describe([make_image(scene), make_image(warped(scene, TILT))])
    assert max(len(a), len(b)) <= 100
    assert method.compare(a, [b])[0] == pytest.approx(len(method.matches(a, b)) / min(len(a), len(b)))


def test_descriptors_have_lowe_s_length(scene: NDArray[np.uint8], make_image: Any) -> None:
    for root in (False, True):
        [found] = Sift(SiftSettings(root=root)).describe([make_image(scene)])
        assert found.dtype == KEYPOINT
        lengths = np.linalg.norm(column(found, "gradients").astype(np.float64), axis=1)
        assert np.abs(lengths - 512).max() < 12


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="keypoints: 0 is below 8"):
        parse_settings(SiftSettings, {"keypoints": 0}, where="test")
