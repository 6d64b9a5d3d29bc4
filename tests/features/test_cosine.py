"""Cosine similarity of pixels, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simsearch import features as methods


def test_by_hand(make_image: Any) -> None:
    method = methods.create("cosine", {"size": 2})
    a, b = method.describe([make_image(np.array([[30, 0], [40, 0]])), make_image(np.array([[40, 0], [30, 0]]))])
    assert a.tolist() == pytest.approx([0.6, 0.0, 0.8, 0.0])
    assert method.compare(a, [a, b]).tolist() == pytest.approx([1.0, 0.96])


def test_nothing_in_common_is_zero(make_image: Any) -> None:
    method = methods.create("cosine", {"size": 2})
    a, b = method.describe([make_image(np.array([[9, 0], [9, 0]])), make_image(np.array([[0, 5], [0, 5]]))])
    assert method.compare(a, [b]).tolist() == [0.0]


def test_every_flat_photo_points_the_same_way(make_image: Any) -> None:
    method = methods.create("cosine")
    black, *others = method.describe([make_image(np.full((30, 50), value)) for value in (0, 1, 128, 255)])
    np.testing.assert_allclose(method.compare(black, others), 1.0, atol=1e-6)


def test_brightness_does_not_matter(texture: Any, make_image: Any) -> None:
    method = methods.create("cosine")
    pixels = texture(2)
    first, darker = method.describe([make_image(pixels), make_image(pixels // 2)])
    assert method.compare(first, [darker])[0] > 0.999


def test_colour_has_three_times_the_numbers(texture: Any, make_image: Any) -> None:
    method = methods.create("cosine", {"size": 8, "channels": "rgb"})
    red, green = (np.eye(3, dtype=np.uint8)[channel] * np.full((4, 4, 3), 200, np.uint8) for channel in (0, 1))
    a, b = method.describe([make_image(red), make_image(green)])
    assert a.shape == (192,)
    assert method.compare(a, [a, b]).tolist() == pytest.approx([1.0, 0.0])
