"""ORB and SIFT: what they find again, and what they refuse."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch import features as methods
from simsearch.core.config import parse_settings
from simsearch.core.errors import ConfigError
from simsearch.core.types import Descriptor, Elsewhere
from simsearch.features.orb import (
    KEYPOINT,
    Orb,
    OrbMatching,
    OrbMatchingSettings,
    OrbSettings,
    _nearest,
    column,
    matched_share,
    sane,
    scaled,
)
from simsearch.features.sift import KEYPOINT as SIFT_KEYPOINT
from simsearch.features.sift import Sift, SiftSettings

SCENE = 512
"""Side of the test pictures: that at which keypoints are sought, so that pixels are the same before and after."""


@pytest.fixture(scope="module")
def scene(texture: Any) -> NDArray[np.uint8]:
    """A photo with a border, so that turning and tilting cut nothing off."""
    return np.asarray(np.pad(texture(11, 380, 380), ((66, 66), (66, 66), (0, 0)), constant_values=128), np.uint8)


def rotation(degrees: float) -> NDArray[np.float64]:
    turn = cv2.getRotationMatrix2D((SCENE / 2, SCENE / 2), degrees, 1.0)
    return np.vstack([turn, [0, 0, 1]])


def warped(pixels: NDArray[np.uint8], homography: NDArray[np.float64]) -> NDArray[np.uint8]:
    border = cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpPerspective(pixels, homography, (SCENE, SCENE), borderMode=border), dtype=np.uint8)


def moved(points: NDArray[np.float64], homography: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cv2.perspectiveTransform(points[:, None].astype(np.float64), homography)[:, 0], np.float64)


TILT = np.array([[0.9, -0.08, 30.0], [0.06, 0.95, 12.0], [1.5e-4, -1e-4, 1.0]])


@pytest.mark.parametrize("change", [rotation(35), TILT], ids=["turned", "tilted"])
def test_orb_recovers_the_homography(change: NDArray[np.float64], scene: NDArray[np.uint8], make_image: Any) -> None:
    method = Orb(OrbSettings())
    a, b = method.describe([make_image(scene), make_image(warped(scene, change))])
    found = method.geometry(a, b)
    assert found.inliers >= 60
    assert found.support == found.inliers
    # A place has more than one keypoint only in different octaves.
    assert min(len(np.unique(side, axis=0)) for side in (found.query_xy, found.other_xy)) > 0.97 * found.inliers
    assert found.homography is not None
    corners = np.array([[100, 100], [400, 100], [400, 400], [100, 400]], np.float64)
    assert np.abs(moved(corners, found.homography) - moved(corners, change)).max() < 4
    assert np.abs(moved(found.query_xy.astype(np.float64), change) - found.other_xy).max() < 10
    assert method.compare(a, [b]).tolist() == [found.inliers]


def test_orb_takes_no_other_picture_for_the_same(scene: NDArray[np.uint8], texture: Any, make_image: Any) -> None:
    method = Orb(OrbSettings())
    pictures = [scene, *(texture(seed, 512, 512) for seed in range(20, 26))]
    query, *others = method.describe([make_image(p) for p in pictures])
    assert method.compare(query, others).max() <= 10


def test_repeated_print_counts_where_the_homography_expects_it(
    scene: NDArray[np.uint8], texture: Any, make_image: Any
) -> None:
    letters = scene.copy()
    letters[:, SCENE // 2 :] = letters[:, : SCENE - SCENE // 2]  # a twin for each: the ratio test fails
    method = Orb(OrbSettings())
    a, b = method.describe([make_image(letters), make_image(warped(letters, rotation(5)))])
    found = method.geometry(a, b)
    assert found.inliers > 1.5 * found.matches


def test_what_many_photos_hold_supports_none_of_them(scene: NDArray[np.uint8], texture: Any, make_image: Any) -> None:
    method = Orb(OrbSettings())

    def beside_scribble(seed: int) -> NDArray[np.uint8]:
        picture = texture(seed, SCENE, SCENE)
        picture[:, : SCENE // 2] = scene[:, : SCENE // 2]
        return np.asarray(picture, np.uint8)

    query, same, *others = method.describe(
        [make_image(beside_scribble(50)), make_image(warped(beside_scribble(50), rotation(8)))]
        + [make_image(beside_scribble(seed)) for seed in range(51, 71)]
    )
    photos = [same, *others]
    distances = np.stack([_nearest(query, other, 1)[0][:, 0] for other in photos], axis=1)
    asked = np.arange(0, len(query), 2)  # not all keypoints are looked up
    elsewhere = [Elsewhere(asked, np.delete(distances[asked], i, axis=1)) for i in range(len(photos))]
    right, *wrong = method.geometries(query, photos, elsewhere)
    assert min(g.inliers for g in wrong) > 40  # by their number alone they agree
    assert max(g.support for g in wrong) < 0.25 * right.support
    assert right.support < right.inliers  # half of what agrees is the scribble
    plain = method.geometries(query, photos)
    assert [g.support for g in plain] == [g.inliers for g in plain] == [g.inliers for g in (right, *wrong)]
    assert plain[1].inliers == method.geometry(query, others[0]).inliers
    # What is known of no keypoint is not taken for rare.
    blind = Elsewhere(np.zeros(0, np.int64), np.zeros((0, 3), np.int32))
    assert method.geometries(query, [same], [blind])[0].support == pytest.approx(0.5 * right.inliers)


def mirrored(descriptor: Descriptor) -> Descriptor:
    """The same keypoints at mirrored places: what a picture would match that is left-handed where this is right."""
    out: NDArray[Any] = descriptor.copy()
    out["xy"][:, 0] = SCENE * 32 - out["xy"][:, 0]
    return out


def test_orb_refuses_a_mirrored_picture(scene: NDArray[np.uint8], make_image: Any) -> None:
    method = Orb(OrbSettings())
    [a] = method.describe([make_image(scene)])
    found = method.geometry(a, mirrored(a))
    assert found.matches > 100  # the bits agree, and so does a homography: but no camera could have made it
    assert (found.inliers, found.homography) == (0, None)


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


def made_up(random: np.random.Generator, count: int, kind: str) -> Descriptor:
    """Keypoints with the same bits, in the same order, wherever they lie."""
    out = np.zeros(count, Orb.dtype)
    out["bits"] = np.random.default_rng(1).integers(0, 256, (count, 32))
    x = random.integers(0, SCENE * 32, count)
    y = {"line": x, "point": np.full(count, 77), "cloud": random.integers(0, SCENE * 32, count)}[kind]
    out["xy"] = np.stack([np.full(count, 99) if kind == "point" else x, y], axis=1)
    return out


@pytest.mark.parametrize("first", ["line", "point", "cloud"])
@pytest.mark.parametrize("second", ["line", "point", "cloud"])
@pytest.mark.parametrize("count", [0, 1, 2, 5, 6, 40])
def test_orb_bears_degenerate_geometry(first: str, second: str, count: int) -> None:
    method = Orb(OrbSettings())
    random = np.random.default_rng(count)
    similarities = method.compare(made_up(random, count, first), [made_up(random, count, second)])
    assert 0 <= similarities[0] <= 12


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


def test_sift_matches_are_opencv_s(scene: NDArray[np.uint8], make_image: Any) -> None:
    method = Sift(SiftSettings())
    a, b = method.describe([make_image(scene), make_image(warped(scene, TILT))])
    own, theirs = (column(side, "gradients").astype(np.float32) for side in (a, b))
    clear = [m for m, n in cv2.BFMatcher(cv2.NORM_L2).knnMatch(own, theirs, k=2) if m.distance < 0.75 * n.distance]
    best: dict[int, Any] = {}
    for match in sorted(clear, key=lambda m: m.distance):
        best.setdefault(match.trainIdx, match)
    assert {(m.queryIdx, m.trainIdx) for m in best.values()} == {(int(q), int(t)) for q, t in method.matches(a, b)}


def test_sift_similarity_is_kept_of_possible(scene: NDArray[np.uint8], make_image: Any) -> None:
    method = Sift(SiftSettings(keypoints=100))
    a, b = method.describe([make_image(scene), make_image(warped(scene, TILT))])
    assert max(len(a), len(b)) <= 100
    assert method.compare(a, [b])[0] == pytest.approx(len(method.matches(a, b)) / min(len(a), len(b)))


def test_sift_descriptors_have_lowe_s_length(scene: NDArray[np.uint8], make_image: Any) -> None:
    for root in (False, True):
        [found] = Sift(SiftSettings(root=root)).describe([make_image(scene)])
        assert found.dtype == SIFT_KEYPOINT
        lengths = np.linalg.norm(column(found, "gradients").astype(np.float64), axis=1)
        assert np.abs(lengths - 512).max() < 12


def test_orb_cross_check_is_opencv_s(scene: NDArray[np.uint8], make_image: Any) -> None:
    method = OrbMatching(OrbMatchingSettings(keep="cross-check"))
    a, b = method.describe([make_image(scene), make_image(warped(scene, TILT))])
    found = {(int(q), int(t)) for q, t in method.mutual(a, b)}
    own, theirs = column(a, "bits"), column(b, "bits")
    expected = {(m.queryIdx, m.trainIdx) for m in cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(own, theirs)}
    assert len(found & expected) >= 0.97 * max(len(found), len(expected))  # equally near ones may go either way
    assert method.compare(a, [b])[0] == pytest.approx(len(found) / min(len(a), len(b)))


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


def test_scaled_keeps_the_shape_and_never_vanishes() -> None:
    assert scaled(np.zeros((1000, 500), np.uint8), 512).shape == (512, 256)
    assert scaled(np.zeros((10, 20), np.uint8), 512).shape == (256, 512)
    assert scaled(np.zeros((1, 640), np.uint8), 64).shape == (1, 64)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="keypoints: 0 is below 8"):
        parse_settings(SiftSettings, {"keypoints": 0}, where="test")


@pytest.mark.parametrize("sizes", [(2, 2), (37, 500), (500, 3)])
def test_nearest_keypoints_are_those_of_a_plain_comparison(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    query, other = (np.zeros(size, KEYPOINT) for size in sizes)
    query["bits"], other["bits"] = (rng.integers(0, 256, (size, 32)) for size in sizes)
    differing = np.bitwise_count(query["bits"][:, None] ^ other["bits"][None]).sum(axis=2, dtype=np.int64)
    for k in (2, 1):
        distances, index = _nearest(query, other, k)
        assert np.array_equal(distances, np.sort(differing, axis=1)[:, :k])
        assert np.array_equal(index, np.argsort(differing, axis=1, kind="stable")[:, :k])
