"""Histograms against OpenCV's compareHist and NumPy's histogram."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch import features as methods

# OpenCV's number for a pair -> the similarity that simsearch makes of it.
WAYS: dict[str, tuple[int, Callable[[float], float]]] = {
    "histogram-correlation": (cv2.HISTCMP_CORREL, lambda x: x),
    "histogram-chi-square": (cv2.HISTCMP_CHISQR_ALT, lambda x: 1 - x / 4),
    "histogram-intersection": (cv2.HISTCMP_INTERSECT, lambda x: x),
    "histogram-bhattacharyya": (cv2.HISTCMP_BHATTACHARYYA, lambda x: 1 - x),
}


def counted(values: NDArray[Any], bins: int) -> NDArray[np.float32]:
    return (np.histogram(values, bins, (0, 256))[0] / values.size).astype(np.float32)


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("bins", [256, 16])
def test_equals_opencv(name: str, bins: int, texture: Any, make_image: Any) -> None:
    method = methods.create(name, {"bins": bins})
    images = [make_image(texture(seed)) for seed in range(5)]
    descriptors = method.describe(images)
    way, turned_round = WAYS[name]
    histograms = [counted(image.grey, bins) for image in images]
    expected = [turned_round(cv2.compareHist(histograms[0], other, way)) for other in histograms]
    np.testing.assert_allclose(method.compare(descriptors[0], descriptors), expected, atol=2e-4)
    np.testing.assert_allclose(method.compare(descriptors[0], descriptors)[1:], expected[1:], atol=1e-5)


@pytest.mark.parametrize("name", WAYS)
def test_colour_is_the_mean_of_three(name: str, texture: Any, make_image: Any) -> None:
    first, second = texture(1), texture(2)
    colour, grey = methods.create(name, {"channels": "rgb"}), methods.create(name)
    a, b = colour.describe([make_image(first), make_image(second)])
    assert a.shape == (3, 256)
    singles = []
    for channel in range(3):
        one, two = grey.describe([make_image(first[..., channel]), make_image(second[..., channel])])
        singles.append(grey.compare(one, [two])[0])
    assert colour.compare(a, [b])[0] == pytest.approx(np.mean(singles), abs=1e-5)


def test_descriptor_is_the_share_of_each_brightness(make_image: Any) -> None:
    method = methods.create("histogram-intersection", {"bins": 4})
    [found] = method.describe([make_image(np.array([[0, 63], [64, 255]]))])
    assert found.tolist() == [[0.5, 0.25, 0.0, 0.25]]


@pytest.mark.parametrize(
    ("name", "nothing_in_common"),
    [
        ("histogram-correlation", -1 / 255),
        ("histogram-chi-square", 0.0),
        ("histogram-intersection", 0.0),
        ("histogram-bhattacharyya", 0.0),
    ],
)
def test_flat_photos_by_hand(name: str, nothing_in_common: float, make_image: Any) -> None:
    method = methods.create(name)
    black, white = method.describe([make_image(np.full((9, 7), value)) for value in (0, 255)])
    assert method.compare(black, [black, white]).tolist() == pytest.approx([1.0, nothing_in_common], abs=1e-6)


def test_correlation_of_a_histogram_without_spread_is_defined(make_image: Any) -> None:
    method = methods.create("histogram-correlation")
    even, uneven = method.describe([make_image(np.arange(256).reshape(16, 16)), make_image(np.full((4, 4), 7))])
    assert method.compare(even, [even, uneven]).tolist() == [1.0, 0.0]
    assert method.compare(uneven, [even, uneven]).tolist() == [0.0, 1.0]


def test_place_does_not_matter(texture: Any, make_image: Any) -> None:
    pixels = texture(6)
    for name in WAYS:
        method = methods.create(name)
        first, turned = method.describe([make_image(pixels), make_image(pixels[::-1, ::-1].copy())])
        assert method.compare(first, [turned])[0] == pytest.approx(1.0, abs=1e-6)
