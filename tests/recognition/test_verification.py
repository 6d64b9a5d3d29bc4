"""The pairwise look, on descriptions made up for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.core.types import Description, Elsewhere, Surface
from simsearch.features import create
from simsearch.features.base import Method
from simsearch.features.orb import Geometry
from simsearch.recognition.calibration import Calibration
from simsearch.recognition.verification import FEATURES, Verifier, overlaid, supports


class Counting(Verifier):
    """Finds as many inliers as the other says, and remembers where it looked."""

    looked: list[Description]
    moved: float = 9.0
    possible: int = 500

    def geometries(
        self, query: Description, others: Sequence[Description], elsewhere: Sequence[Elsewhere] | None = None
    ) -> list[Geometry]:
        self.looked += others
        counts = [int(other["inliers"][0]) for other in others]
        points = [np.zeros((count, 2), np.float32) for count in counts]
        return [Geometry(p, p + np.float32(self.moved), len(p), None, possible=self.possible) for p in points]


@pytest.fixture(scope="module")
def parts(kit: Any) -> dict[str, Method]:
    return {"phash": create("phash"), "orb": create("orb"), "siamese": create("siamese", {"weights": str(kit.weights)})}


@pytest.fixture
def counting(kit: Any, parts: dict[str, Method]) -> Counting:
    verifier = Counting(parts, Calibration.load(kit.calibration))
    verifier.looked = []
    return verifier


@pytest.fixture(scope="module")
def looks() -> Callable[..., Description]:
    def make(seed: int, inliers: int = 0, surface: Surface = Surface.UNKNOWN) -> Description:
        random = np.random.default_rng(seed)
        embedding = random.normal(size=64).astype(np.float32)
        parts = {
            "siamese": embedding / np.linalg.norm(embedding),
            "phash": random.integers(0, 256, 8).astype(np.uint8),
            "inliers": np.array([inliers]),
        }
        return Description(parts, surface)

    return make


Looks = Callable[..., Description]


def test_the_features_are_in_their_columns(counting: Counting, looks: Looks) -> None:
    query, others = looks(0), [looks(1, 7), looks(2, 0), looks(3, 20)]
    features = counting.features(query, others, geometry=3)
    assert FEATURES == (
        "pair_logit", "cosine", "root_support", "hash_similarity", "other_face", "pill_votes", "pills",
    )  # fmt: skip
    assert features.shape == (3, 7)
    cosines = [np.dot(query["siamese"], o["siamese"]) for o in others]
    np.testing.assert_allclose(features[:, 1], cosines, rtol=1e-5)
    np.testing.assert_allclose(features[:, 2], np.sqrt([7, 0, 20]), rtol=1e-6)
    bits = [np.bitwise_count(np.bitwise_xor(query["phash"], o["phash"])).sum() for o in others]
    np.testing.assert_allclose(features[:, 3], 1 - np.array(bits) / 64, rtol=1e-6)
    logits = counting.network.pair_logits(query["siamese"], [o["siamese"] for o in others])
    np.testing.assert_allclose(features[:, 0], logits)
    assert (counting.quick(query, others)[:, [0, 1, 3]] == features[:, [0, 1, 3]]).all()
    assert not counting.quick(query, others)[:, 2].any()


def test_geometry_is_looked_for_with_the_first_only(counting: Counting, looks: Looks) -> None:
    query, others = looks(0), [looks(i, 10) for i in range(1, 9)]
    features = counting.features(query, others, geometry=3)
    assert [i for i, other in enumerate(others) if any(other is o for o in counting.looked)] == [0, 1, 2]
    assert np.flatnonzero(features[:, 2]).tolist() == [0, 1, 2]
    counting.looked.clear()
    counting.features(query, others, geometry=0)
    assert counting.looked == []


def test_keypoints_of_loose_pills_do_not_count(counting: Counting, looks: Looks) -> None:
    others = [looks(1, 100, Surface.PILLS), looks(2, 100, Surface.FRONT), looks(3, 100)]
    box, pills = (looks(0, 0, surface) for surface in (Surface.FRONT, Surface.PILLS))
    assert (counting.features(box, others, geometry=3)[:, 2] > 0).tolist() == [False, True, True]
    assert not counting.features(pills, others, geometry=3)[:, 2].any()


def test_votes_stand_in_for_keypoints_of_loose_pills(counting: Counting, looks: Looks) -> None:
    others = [looks(1, 0, Surface.PILLS), looks(2, 0, Surface.FRONT), looks(3)]
    box, pills = (looks(0, 0, surface) for surface in (Surface.FRONT, Surface.PILLS))
    votes = FEATURES.index("pill_votes")
    seen = counting.features(box, others, geometry=3, votes=[99.0, 99.0, 99.0])
    np.testing.assert_allclose(seen[:, votes], [np.log(100), 0, 0])
    seen = counting.features(pills, others, geometry=3, votes=[99.0, 0.0, 9.0])
    np.testing.assert_allclose(seen[:, votes], [np.log(100), 0, np.log(10)])
    assert not counting.features(pills, others, geometry=3)[:, votes].any(), "a pair without a catalog"


def test_what_is_drawn_over_two_photos_does_not_count(
    counting: Counting, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = looks(0)
    twin = Description({**looks(1, 50).descriptors, "siamese": query["siamese"]})
    monkeypatch.setattr(counting, "moved", 1.0)  # the same pixels: one photo, or one ruler
    assert (counting.features(query, [looks(2, 50), twin], geometry=2)[:, 2] > 0).tolist() == [False, True]
    monkeypatch.setattr(counting, "moved", 3.0)
    assert (counting.features(query, [looks(2, 50), twin], geometry=2)[:, 2] > 0).all()


def test_verdicts_are_the_calibrations(counting: Counting, looks: Looks) -> None:
    query, others = looks(0), [looks(1, 5), looks(2, 300)]
    features = counting.features(query, others, geometry=2)
    verdicts = counting.verify(query, others, geometry=2)
    assert counting.calibration is not None
    expected = counting.calibration.probability(features)
    assert [v.probability for v in verdicts] == expected.tolist()
    assert [v.inliers for v in verdicts] == [5, 300]
    assert [v.support for v in verdicts] == pytest.approx([5, 300])
    assert [v.similarity for v in verdicts] == features[:, 1].tolist()
    assert [v.hash_similarity for v in verdicts] == features[:, 3].tolist()
    np.testing.assert_allclose([v.siamese for v in verdicts], 1 / (1 + np.exp(-features[:, 0])), atol=1e-6)
    assert verdicts[0].probability < 0.5 < verdicts[1].probability


def test_nothing_to_compare_with_is_no_verdict(counting: Counting, looks: Looks) -> None:
    assert counting.verify(looks(0), [], geometry=5) == []
    assert counting.features(looks(0), [], geometry=5).shape == (0, len(FEATURES))


def test_inliers_are_counted_and_support_is_weighted(
    counting: Counting, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    query, other = looks(0), looks(1, 50)
    monkeypatch.setattr(Geometry, "support", property(lambda self: 0.5 * self.inliers))
    [rare] = counting.verify(query, [other], geometry=1)
    assert rare.inliers == 50
    assert rare.support == pytest.approx(25)
    monkeypatch.setattr(counting, "moved", 1.0)  # a ruler drawn over both
    [drawn] = counting.verify(query, [other], geometry=1)
    assert (drawn.inliers, drawn.support) == (50, 0)


# -- what is drawn over a photo --------------------------------------------------------------------------------------


def geometry(points: NDArray[Any], moved: float, possible: int = 500) -> Geometry:
    """Matches at `points` (n, 2) of the photo, each `moved` by so many pixels in the other one."""
    xy = np.asarray(points, np.float32)
    return Geometry(xy, xy + np.float32(moved), len(xy), np.eye(3), possible=possible)


GRID = np.stack(np.meshgrid(np.arange(20), np.arange(20)), axis=-1).reshape(-1, 2) * 20.0


@pytest.mark.parametrize(
    ("cosine", "inliers", "moved", "drawn"),
    [
        (0.97, 100, 0.5, False),  # one photo, encoded anew
        (0.60, 100, 0.5, True),  # a ruler over two photos
        (0.60, 350, 0.5, False),  # the same frame in another light: most keypoints come back
        (0.60, 324, 0.5, True),
        (0.60, 100, 9.0, False),  # held by hand
    ],
)
def test_an_overlay_is_told_from_one_frame_in_another_light(
    cosine: float, inliers: int, moved: float, drawn: bool
) -> None:
    found = geometry(GRID[:inliers], moved)
    assert overlaid(found, cosine) is drawn
    assert supports([found], [cosine]) == [0 if drawn else inliers]


def test_points_of_an_overlay_count_for_no_candidate() -> None:
    """The photo's own picture under a ruler, its look-alike from elsewhere: the rule must not decide for the latter."""
    ruler = geometry(GRID[:200], 0.5)
    look_alike = geometry(GRID[50:230], 9.0)
    apart = geometry(GRID[200:260], 9.0)
    assert supports([ruler, look_alike, apart], [0.6, 0.9, 0.5]) == [0, 30, 60]
    assert supports([look_alike, ruler], [0.9, 0.6]) == [30, 0]
    assert supports([look_alike, apart], [0.9, 0.5]) == [180, 60]
    itself = geometry(GRID[:380], 0.5)
    assert supports([itself, ruler, look_alike], [0.6, 0.6, 0.9]) == [380, 0, 30]
    assert supports([], []) == []
