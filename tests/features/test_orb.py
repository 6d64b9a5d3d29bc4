"""ORB: what it finds again, and what it refuses."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.core.types import Descriptor, Elsewhere
from simsearch.features.keypoints import column, nearest
from simsearch.features.orb import Geometry, Orb, OrbMatching, OrbMatchingSettings, OrbSettings
from tests.features.scenes import SCENE, TILT, moved, rotation, warped


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
    distances = np.stack([nearest(query, other, 1)[0][:, 0] for other in photos], axis=1)
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


def test_orb_cross_check_is_opencv_s(scene: NDArray[np.uint8], make_image: Any) -> None:
    method = OrbMatching(OrbMatchingSettings(keep="cross-check"))
    a, b = method.describe([make_image(scene), make_image(warped(scene, TILT))])
    found = {(int(q), int(t)) for q, t in method.mutual(a, b)}
    own, theirs = column(a, "bits"), column(b, "bits")
    expected = {(m.queryIdx, m.trainIdx) for m in cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(own, theirs)}
    assert len(found & expected) >= 0.97 * max(len(found), len(expected))  # equally near ones may go either way
    assert method.compare(a, [b])[0] == pytest.approx(len(found) / min(len(a), len(b)))


def test_photos_are_in_register_where_four_fifths_of_the_matches_lie_at_one_place() -> None:
    rng = np.random.default_rng(9)
    for count in [*range(30), 201]:
        for wide in (1.5, 2.2, 2.6, 4.0):
            there = (rng.random((count, 2)) * wide).astype(np.float32)
            apart = there.max(axis=1, initial=0.0)
            expected = count > 0 and float(np.quantile(apart, 0.8)) < 2.0
            assert Geometry(np.zeros((count, 2), np.float32), there, 0, None).in_register == expected
