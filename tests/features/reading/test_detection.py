"""From a map of probabilities to rectangles."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.features.reading.detection import boxes, detect, tensor
from simsearch.features.reading.quads import direction, size
from tests.features.reading.prints import carton


def cores(
    centre: tuple[float, float], along: float, across: float, degrees: float, value: float = 0.9
) -> NDArray[np.float32]:
    """A map (160, 240) with one core."""
    drawn = np.zeros((160, 240), np.float32)
    cv2.fillPoly(drawn, [cv2.boxPoints((centre, (along, across), degrees)).astype(np.int32)], (value,))
    return drawn


@pytest.mark.parametrize("degrees", [0, 20, 70, 90, 110, 160])
def test_a_core_grows_to_a_line_that_runs_to_the_right(degrees: float) -> None:
    [quad] = boxes(cores((120, 80), 100, 10, degrees))
    along, across = size(quad)
    # The mask is dilated by a pixel, and both margins together are 1.6 * 100 * 10 / 110.
    assert along == pytest.approx(100 + 14.5, abs=5)
    assert across == pytest.approx(10 + 14.5, abs=5)
    np.testing.assert_allclose(quad.mean(axis=0), [120, 80], atol=1.5)
    turn = np.deg2rad(degrees)
    assert abs(direction(quad) @ np.array([np.cos(turn), np.sin(turn)])) > 0.995
    assert direction(quad)[0] >= 0


@pytest.mark.parametrize(
    ("along", "across", "value"), [(100, 10, 0.2), (100, 10, 0.45), (100, 1, 0.9), (0, 0, 0.9)],
    ids=["below the threshold", "not sure enough", "too thin", "nothing"],
)  # fmt: skip
def test_what_is_no_line(along: float, across: float, value: float) -> None:
    drawn = cores((120, 80), along, across, 0, value) if along else np.zeros((160, 240), np.float32)
    assert boxes(drawn) == []


def test_two_cores_are_two_lines() -> None:
    both = np.maximum(cores((120, 40), 100, 10, 0), cores((120, 120), 60, 8, 0))
    assert sorted(round(float(quad[:, 1].mean())) for quad in boxes(both)) == [40, 120]


def test_the_networks_take_blue_first_from_minus_one_to_one() -> None:
    found = tensor(np.array([[[255, 0, 127]]], np.uint8))
    assert found.shape == (1, 3, 1, 1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.ravel(), [-0.0039, -1.0, 1.0], atol=1e-3)


@pytest.mark.parametrize("side", [640, 960])
def test_lines_are_where_they_were_drawn(side: int) -> None:
    pytest.importorskip("onnxruntime")
    found = sorted(detect(carton([("HEMIPAN", 72), ("500 mg", 56)]), side), key=lambda quad: quad[0, 1])
    assert len(found) == 2
    for quad, (top, height, left) in zip(found, [(70, 86, 80), (172, 66, 80)], strict=True):
        np.testing.assert_allclose(quad[0], [left, top], atol=20)
        assert size(quad)[1] == pytest.approx(height, rel=0.3)
