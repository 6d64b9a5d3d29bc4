"""Duplicates: what is suspected, what is verified, and how pairs become groups without weak links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch import open_app
from simsearch.catalog import Catalog
from simsearch.catalog.images import NewImage
from simsearch.catalog.reviews import Said, Side
from simsearch.core.config import CatalogSettings, DuplicateSettings, ImageSettings
from simsearch.core.errors import UsageError
from simsearch.core.types import Description, Descriptor, Image, Metric, SourceRow, Verification
from simsearch.duplicates import DuplicateFinder, DuplicateGroup, Findings, Kind
from simsearch.duplicates import pair_check as judge
from simsearch.duplicates.feedback import built_at
from simsearch.features.base import NoSettings
from simsearch.recognition.verification import FEATURES, Verifier

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop

_SMALL = 1e6
SETTINGS = DuplicateSettings(neighbours=4, geometry=4, least_similarity=0.6, least_hash_similarity=0.85)


class Stub:
    """Descriptors come from the test; only their kind is needed."""

    Settings: ClassVar[type] = NoSettings
    similarity_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def __init__(self, name: str, dtype: Any, size: int, metric: Metric, dim: int) -> None:
        self.name, self.dtype, self.shape, self.fingerprint = name, np.dtype(dtype), (size,), f"{name}-of-the-test"
        self.metric, self.dim = metric, dim

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        raise AssertionError("duplicates never read a photo")

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> NDArray[np.float32]:
        raise AssertionError("duplicates compare through the verifier")


class StubVerifier:
    """The probability of a pair of images, by their marks; 0.1 where the test says nothing of it.

    The embedding's last number holds the mark, the first feature the probability; with all keypoints it would be 1.
    """

    def __init__(self, probabilities: Mapping[str, float], keypoints: Any) -> None:
        self.probabilities = {frozenset(pair): p for pair, p in probabilities.items()}
        self.asked: list[str] = []
        self.orb = keypoints

    def quick_pairs(self, left: Sequence[Description], right: Sequence[Description]) -> NDArray[np.float64]:
        out = np.zeros((len(right), len(FEATURES)))
        out[:, 0] = [self.probabilities.get(frozenset(_marks(*pair)), 0.1) for pair in zip(left, right, strict=True)]
        return out

    def compare_keypoints(self, row: NDArray[np.float64], query: Description, other: Description) -> None:
        self.asked.append(_marks(query, other))

    def probability(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(features[:, 2] > 0, 1.0, features[:, 0])

    def verdicts(self, features: NDArray[np.float64], inliers: Sequence[int]) -> list[Verification]:
        return [Verification(float(p), 0.9, 0.9, 9, 0.9) for p in self.probability(features)]


def _marks(a: Description, b: Description) -> str:
    return "".join(sorted(chr(round(float(side["siamese"][7]) * _SMALL)) for side in (a, b)))


class World:
    """Images with one-letter marks: which angle their embedding has, which SKU, which file."""

    def __init__(self, folder: Path) -> None:
        self.catalog = Catalog(f"sqlite:///{folder / 'catalog.db'}", CatalogSettings())
        self.methods: dict[str, Any] = {
            "phash": Stub("phash", np.uint8, 8, "hamming", 64),
            "orb": Stub("orb", np.float64, 1, "cosine", 1),
            "siamese": Stub("siamese", np.float32, 8, "cosine", 8),
        }

    def add(
        self, marks: str, *, angle: float = 0, sku: str = "", sha: str = "", lacks: str = "", strength: str = ""
    ) -> None:
        new = []
        for number, mark in enumerate(marks):
            turn = np.deg2rad(angle + number / 10)
            described: dict[str, NDArray[Any]] = {
                "siamese": np.array([np.cos(turn), np.sin(turn), *[0.0] * 5, ord(mark) / _SMALL], np.float32),
                "phash": np.random.default_rng(ord(mark)).integers(0, 256, 8).astype(np.uint8),
                "orb": np.array([ord(mark)], np.float64),
            }
            data = {self.methods[n].fingerprint: d.tobytes() for n, d in described.items() if n != lacks}
            row = SourceRow(sku or mark, f"/{mark}", mark, mark, name=f"Product {sku or mark}", strength=strength)
            new.append(NewImage(row, "/", 1, 1, sha or mark * 64, 1, 1, descriptors=data))
        self.catalog.images.apply(add=new)

    def findings(
        self,
        probabilities: Mapping[str, float],
        settings: DuplicateSettings = SETTINGS,
        threshold: float = 0.9,
        since: datetime | None = None,
    ) -> tuple[Findings, list[str]]:
        """What is found, and whose keypoints were compared."""
        verifier = StubVerifier(probabilities, self.methods["orb"])
        finder = DuplicateFinder(
            self.catalog, self.methods, cast(Verifier, verifier), settings, threshold, ImageSettings()
        )
        return finder.find(since=since), verifier.asked

    def find(
        self, probabilities: Mapping[str, float], settings: DuplicateSettings = SETTINGS, threshold: float = 0.9
    ) -> tuple[list[DuplicateGroup], list[str]]:
        found, asked = self.findings(probabilities, settings, threshold)
        return list(found.groups), asked


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.catalog.close()


def marks(groups: Sequence[DuplicateGroup]) -> list[str]:
    return ["".join(image.image for image in group.images) for group in groups]


def test_pairs_above_the_threshold_are_groups(world: World) -> None:
    world.add("abcd")
    groups, asked = world.find({"ab": 0.95, "cd": 0.9, "bc": 0.8999})
    assert marks(groups) == ["ab", "cd"]
    assert sorted(asked) == ["ab", "ac", "ad", "bc", "bd", "cd"]  # each pair once
    [pair] = groups[0].pairs
    assert pair.verification is not None
    assert (pair.a.image, pair.b.image, pair.verification.probability) == ("a", "b", 0.95)
    assert groups[0].probability == 0.95


def test_nothing_chains_through_a_weak_link(world: World) -> None:
    world.add("abc")
    groups, _ = world.find({"ab": 0.97, "bc": 0.95, "ac": 0.2})
    assert marks(groups) == ["ab"]
    groups, _ = world.find({"ab": 0.95, "bc": 0.97, "ac": 0.2})
    assert marks(groups) == ["bc"]
    groups, _ = world.find({"ab": 0.95, "bc": 0.97, "ac": 0.91})
    assert marks(groups) == ["abc"]
    assert groups[0].probability == 0.91
    assert [(p.a.image, p.b.image) for p in groups[0].pairs] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_two_groups_join_only_if_all_their_pairs_hold(world: World) -> None:
    world.add("abcd")
    strong = {"ab": 0.99, "cd": 0.98, "ac": 0.95, "ad": 0.95, "bc": 0.95}
    assert marks(world.find({**strong, "bd": 0.3})[0]) == ["ab", "cd"]
    assert marks(world.find({**strong, "bd": 0.9})[0]) == ["abcd"]


def test_pairs_that_no_lane_suspected_are_verified_before_groups_join(world: World) -> None:
    # a and c are 60 degrees apart, too far for the lane; b lies between them.
    for mark, angle in (("a", 0), ("b", 30), ("c", 60)):
        world.add(mark, angle=angle)
    near = replace(SETTINGS, least_similarity=0.8)
    groups, asked = world.find({"ab": 0.95, "bc": 0.96, "ac": 0.97}, settings=near)
    assert marks(groups) == ["abc"]
    assert sorted(asked) == ["ab", "ac", "bc"]
    groups, _ = world.find({"ab": 0.95, "bc": 0.96}, settings=near)
    assert marks(groups) == ["bc"]


def test_only_neighbours_are_suspected(world: World) -> None:
    world.add("ab", angle=0)
    world.add("c", angle=90)
    groups, asked = world.find({"ab": 0.95, "ac": 0.99})
    assert (marks(groups), asked) == (["ab"], ["ab"])
    world.methods["phash"].dtype = np.dtype(np.uint8)
    groups, asked = world.find({"ac": 0.99}, settings=replace(SETTINGS, least_hash_similarity=0.0))
    assert marks(groups) == ["ac"]  # by the other lane


def test_conflicts_come_first_then_the_surest(world: World) -> None:
    world.add("ab", sku="one")
    world.add("c", sku="two", angle=40)
    world.add("d", sku="three", angle=40)
    world.add("e", sku="four", angle=80)
    world.add("f", sku="five", angle=80)
    groups, _ = world.find({"ab": 0.999, "cd": 0.92, "ef": 0.95})
    assert marks(groups) == ["ef", "cd", "ab"]
    assert [g.conflict for g in groups] == [True, True, False]
    assert [g.skus for g in groups] == [("four", "five"), ("two", "three"), ("one",)]


def test_identical_files_are_told(world: World) -> None:
    world.add("ab", sha="0" * 64)
    world.add("c")
    groups, asked = world.find({"ac": 0.95})
    assert marks(groups) == ["abc"]
    assert [p.identical_file for p in groups[0].pairs] == [True, False]
    assert (groups[0].kind, groups[0].pairs[1].kind, asked) == (Kind.IDENTICAL, Kind.SAME_PRODUCT, ["ac"])


def test_retired_and_half_described_images_are_left_out(world: World) -> None:
    world.add("abc")
    world.add("d", lacks="orb")
    every = {"ab": 0.95, "ac": 0.96, "bc": 0.97, "ad": 0.99}
    assert marks(world.find(every)[0]) == ["abc"]
    world.catalog.images.apply(retire=[2])
    assert marks(world.find(every)[0]) == ["ac"]


def test_an_empty_catalog_has_none(world: World) -> None:
    assert world.find({}) == ([], [])
    world.add("a")
    assert world.find({}) == ([], [])


def test_the_same_twice_and_in_small_blocks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = "abcdefghijkl"
    world.add(letters)
    random = np.random.default_rng(3)
    every = {x + y: float(random.random()) for i, x in enumerate(letters) for y in letters[i + 1 :]}
    many = DuplicateSettings(neighbours=11, geometry=11, look_alike=0.0)
    expected, asked = world.find(every, many, 0.5)
    assert len(asked) == len(set(asked)) == 66
    assert len(expected) > 1
    assert all(every["".join(sorted(p.a.image + p.b.image))] >= 0.5 for g in expected for p in g.pairs)
    assert world.find(every, many, 0.5)[0] == expected

    # Memory: descriptors of no more images at once than a block of pairs has.
    held: list[int] = []
    read = world.catalog.descriptors.of
    monkeypatch.setattr(judge, "_BLOCK", 3)
    monkeypatch.setattr(judge, "_HELD", 6)

    def counted(fingerprint: str, ids: set[int]) -> dict[int, bytes]:
        held.append(len(ids))
        return read(fingerprint, ids)

    monkeypatch.setattr(world.catalog.descriptors, "of", counted)
    assert world.find(every, many, 0.5)[0] == expected
    assert max(held) <= 6


def test_planted_duplicates_are_found_in_a_rendered_catalog(indexed: Path, kit: Kit, shop: Shop) -> None:
    with open_app(indexed, kit.config) as app:
        groups = app.duplicates()
        again = app.duplicates()
    assert groups == again
    found = {frozenset(g.skus) for g in groups if g.conflict}
    assert {d.kind for d in shop.planted} == {"identical", "reencoded", "resized", "cropped"}
    assert found == {frozenset((d.sku_a, d.sku_b)) for d in shop.planted}  # and no two different products
    kinds = {frozenset(g.skus): g.kind for g in groups}
    for planted in shop.planted:
        expected = Kind.IDENTICAL if planted.kind == "identical" else Kind.SAME_PHOTO
        assert kinds[frozenset((planted.sku_a, planted.sku_b))] is expected, planted


# -- kinds -----------------------------------------------------------------------------------------------------------


def test_another_strength_by_the_catalogs_data_is_a_look_alike(world: World) -> None:
    for mark, strength in (("a", "5 mg"), ("b", "10 mg"), ("c", "0.005 g"), ("d", "")):
        world.add(mark, strength=strength)
    found, _ = world.findings(dict.fromkeys(("ab", "ac", "ad", "bc", "bd", "cd"), 0.95))
    assert marks(found.groups) == ["acd"]  # one strength, written in two ways, and one that nothing is said of
    assert {p.a.image + p.b.image for p in found.look_alikes} == {"ab", "bc", "bd"}
    reasons = {p.a.image + p.b.image: p.reason for p in found.look_alikes}
    assert reasons["ab"].startswith("the catalog says 5 mg and 10 mg; 9 matching points")
    assert reasons["bd"].startswith("not alike enough to the others of a group")


def test_what_is_nearly_sure_is_a_look_alike(world: World) -> None:
    world.add("ab", sku="one")
    world.add("cd")
    found, _ = world.findings({"ab": 0.8, "ac": 0.8, "bd": 0.49, "cd": 0.95})
    assert marks(found.groups) == ["cd"]
    [pair] = found.look_alikes  # a and b are one SKU's
    assert (pair.a.image, pair.b.image, pair.kind) == ("a", "c", Kind.LOOK_ALIKE)
    assert pair.reason.startswith("below the threshold of 90.0%")
    assert found.only([Kind.LOOK_ALIKE]).groups == ()
    assert found.only([Kind.SAME_PRODUCT]).look_alikes == ()


def test_one_file_under_a_thousand_skus_is_one_group(world: World) -> None:
    for number in range(300):
        world.add("p", sku=f"sku-{number}", sha="f" * 64)
    found, asked = world.findings({})
    [group] = found.groups
    assert (len(group.images), len(group.pairs), len(group.skus), found.suspected) == (300, 299, 300, 0)
    assert asked == []


def test_only_promising_pairs_have_their_keypoints_compared(world: World) -> None:
    world.add("abcdefgh")
    every = {x + y: 0.6 for x in "abcdefgh" for y in "abcdefgh" if x < y}
    _, asked = world.findings(every, DuplicateSettings(neighbours=7, geometry=1))
    assert 4 <= len(asked) <= 8  # each with its nearest
    _, asked = world.findings(every, DuplicateSettings(neighbours=7, geometry=0))
    assert asked == []


# -- what people said ------------------------------------------------------------------------------------------------


def test_dismissed_and_confirmed_are_not_asked_again(world: World) -> None:
    world.add("abcd")
    sides = {mark: Side(mark, mark * 64) for mark in "abcd"}
    strong = {"ab": 0.95, "cd": 0.97}
    world.catalog.reviews.record(sides["b"], sides["a"], Said.DISMISSED, "two makers")
    found, _ = world.findings(strong)
    assert (marks(found.groups), found.look_alikes, found.settled) == (["cd"], (), 0)
    world.catalog.reviews.record(sides["c"], sides["d"], Said.CONFIRMED)
    found, _ = world.findings(strong)
    assert (found.groups, found.settled) == ((), 1)
    assert world.catalog.reviews.forget(sides["a"], sides["b"])
    assert not world.catalog.reviews.forget(sides["a"], sides["b"])
    assert marks(world.find(strong)[0]) == ["ab"]
    world.add("e")  # a new photo of the confirmed two: the group is a question again
    [group, _] = world.find({**strong, "ce": 0.96, "de": 0.96})[0]
    assert (marks([group]), [p.said for p in group.pairs]) == (["cde"], [Said.CONFIRMED, None, None])


def test_what_is_said_of_skus_holds_for_all_their_photos(world: World) -> None:
    world.add("ab", sku="one")
    world.add("cd", sku="two")
    strong = {"ac": 0.95, "bd": 0.96}
    assert marks(world.find(strong)[0]) == ["bd", "ac"]
    world.catalog.reviews.record(Side("two"), Side("one"), Said.DISMISSED)
    assert world.findings(strong)[0].groups == ()
    world.catalog.reviews.record(Side("one"), Side("two"), Said.CONFIRMED)  # the later word counts
    assert world.findings(strong)[0].settled == 2
    assert len(world.catalog.reviews.all()) == 1


def test_copies_of_a_file_are_kept_apart_where_a_person_said_so(world: World) -> None:
    for sku in ("one", "two", "three"):
        world.add("p", sku=sku, sha="f" * 64)
    one, two = Side("one", "f" * 64), Side("two", "f" * 64)
    world.catalog.reviews.record(one, two, Said.DISMISSED)
    [group] = world.find({})[0]
    assert group.skus == ("one", "three")


def test_a_review_outlives_the_image_but_not_its_content(world: World) -> None:
    world.add("ab")
    world.catalog.reviews.record(Side("a", "a" * 64), Side("b", "b" * 64), Said.DISMISSED)
    world.catalog.images.apply(retire=[1])
    world.add("a")
    assert world.find({"ab": 0.95})[0] == []
    world.catalog.images.apply(retire=[3])
    world.add("a", sha="0" * 64)
    assert marks(world.find({"ab": 0.95})[0]) == ["ba"]


def test_only_what_is_new_since_a_moment(world: World) -> None:
    world.add("abcd")
    world.catalog.builds.record("g000001", 4, "built", {})
    since = built_at(world.catalog, "g000001")
    strong = {"ab": 0.95, "cd": 0.96, "ce": 0.97, "de": 0.98, "fa": 0.7}
    assert world.findings(strong, since=since)[0].groups == ()
    world.add("ef")
    found, _ = world.findings(strong, replace(SETTINGS, neighbours=6, geometry=6), since=since)
    assert marks(found.groups) == ["cde"]
    assert [p.a.image + p.b.image for p in found.look_alikes] == ["af"]
    with pytest.raises(UsageError, match=r"--since g7: is no generation; the latest are: g000001"):
        built_at(world.catalog, "g7")
