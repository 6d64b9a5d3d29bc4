"""What ORB and SIFT share: what they find again, nearest keypoints, and shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch import features as methods
from simsearch.features.keypoints import column, matched_share, nearest, one_to_one
from simsearch.features.orb import KEYPOINT, Orb, OrbMatching, OrbMatchingSettings, OrbSettings
from simsearch.features.sift import Sift, SiftSettings
from tests.features.scenes import moved, rotation, warped


@pytest.mark.parametrize("name", ["sift", "orb", "orb-matching"])
def test_a_turned_copy_is_found(name: str, scene: NDArray[np.uint8], texture: Any, make_image: Any) -> None:
    method = methods.create(name)
    pictures = [scene, warped(scene, rotation(50)), texture(30, 512, 512), texture(31, 512, 512)]
    query, *others = method.describe([make_image(p) for p in pictures])
    same, *different = method.compare(query, others)
    assert same > 4 * max(different)


@pytest.mark.parametrize(
    "method", [Sift(SiftSettings()), Sift(SiftSettings(root=True)), OrbMatching(OrbMatchingSettings())]
)
def test_matches_lie_where_the_rotation_puts_them(
    method: Sift | OrbMatching, scene: NDArray[np.uint8], make_image: Any
) -> None:
    turn = rotation(50)
    a, b = method.describe([make_image(scene), make_image(warped(scene, turn))])
    pairs = method.matches(a, b)
    assert len(pairs) >= 40
    assert len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1])) == len(pairs)
    there = moved(column(a, "xy")[pairs[:, 0]] / 32.0, turn)
    missed = np.linalg.norm(there - column(b, "xy")[pairs[:, 1]] / 32.0, axis=1)
    assert np.median(missed) < 3
    assert np.mean(missed < 6) > 0.7


def test_share_of_nothing_and_of_the_same(scene: NDArray[np.uint8], make_image: Any) -> None:
    [some] = Orb(OrbSettings()).describe([make_image(scene)])
    nothing = some[:0]
    assert matched_share(nothing, some, 0) == matched_share(some, nothing, 0) == matched_share(nothing, nothing, 0) == 0
    assert matched_share(some, some.copy(), 0) == 1.0
    assert matched_share(some[:10], some[10:30], 5) == 0.5


@pytest.mark.parametrize("size", [64, 512, 1023])
@pytest.mark.parametrize("name", ["sift", "orb", "orb-matching"])
def test_every_narrow_picture_is_described(name: str, size: int, make_image: Any) -> None:
    method = methods.create(name, {"size": size})
    random = np.random.default_rng(7)
    sides = [1, 2, 7, 15, 16, 17, 31, 33, 40] if size == 64 else [1, 16, 40]
    shapes = [shape for side in sides for shape in ((side, 1), (side, 40), (40, side))]
    images = [make_image(random.integers(0, 256, shape)) for shape in shapes]
    for descriptor in method.describe(images):
        assert descriptor.dtype == method.dtype
        assert (column(descriptor, "xy") <= (size + 1) * 32).all()


@pytest.mark.parametrize("sizes", [(2, 2), (37, 500), (500, 3)])
def test_nearest_keypoints_are_those_of_a_plain_comparison(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    query, other = (np.zeros(size, KEYPOINT) for size in sizes)
    query["bits"], other["bits"] = (rng.integers(0, 256, (size, 32)) for size in sizes)
    differing = np.bitwise_count(query["bits"][:, None] ^ other["bits"][None]).sum(axis=2, dtype=np.int64)
    for k in (2, 1):
        distances, index = nearest(query, other, k)
        assert np.array_equal(distances, np.sort(differing, axis=1)[:, :k])
        assert np.array_equal(index, np.argsort(differing, axis=1, kind="stable")[:, :k])


def test_a_keypoint_that_two_claim_goes_to_the_nearer() -> None:
    query, other = np.array([0, 2, 5, 7]), np.array([4, 4, 9, 4])
    assert one_to_one(query, other, np.array([30, 10, 20, 10])).tolist() == [[2, 4], [5, 9]]
    nothing = np.zeros(0, np.int64)
    assert one_to_one(nothing, nothing, nothing).shape == (0, 2)


def test_the_nearest_keeps_a_keypoint_that_many_claim() -> None:
    rng = np.random.default_rng(4)
    for count in (1, 2, 7, 60):
        other, distances = rng.integers(0, 12, count), rng.integers(0, 5, count)
        nearest_first = sorted(range(count), key=lambda i: (distances[i], i))
        first: dict[int, int] = {}
        for i in nearest_first:
            first.setdefault(int(other[i]), i)
        kept = one_to_one(np.arange(count), other, distances)
        assert kept.tolist() == [[i, own] for own, i in first.items()]
