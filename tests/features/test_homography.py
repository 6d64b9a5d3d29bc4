"""Which homographies a camera can have made."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.features.homography import sane
from tests.features.scenes import TILT, rotation


@pytest.mark.parametrize(
    ("homography", "wanted"),
    [
        (np.eye(3), True),
        (rotation(123), True),
        (TILT, True),
        (-TILT, True),  # a homography is one up to its factor
        (np.diag([-1.0, 1.0, 1.0]), False),
        (np.diag([9.0, 9.0, 1.0]), False),
        (np.diag([0.1, 0.1, 1.0]), False),
        (np.diag([3.0, 0.5, 1.0]), False),
        (np.array([[1, 0, 0], [0, 1, 0], [-0.01, 0, 1.0]]), False),  # the horizon runs through the inliers
        (np.zeros((3, 3)), False),
        (np.full((3, 3), np.nan), False),
        (np.full((3, 3), np.inf), False),
    ],
    ids="same turned tilted negated mirrored huge tiny squeezed horizon zero nan inf".split(),
)
def test_sane(homography: NDArray[np.float64], wanted: bool) -> None:
    points = np.array([[50, 50], [150, 60], [140, 160], [60, 150]], np.float32)
    assert sane(homography, points) is wanted
