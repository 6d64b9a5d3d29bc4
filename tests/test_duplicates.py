"""Duplicates: what is suspected, what is verified, and how pairs become groups without weak links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch import duplicates, open_app
from simsearch.catalog import Catalog
from simsearch.catalog.store import NewImage
from simsearch.config import CatalogSettings, DuplicateSettings
from simsearch.datatypes import Descriptor, Image, Metric, SourceRow, Verification
from simsearch.duplicates import DuplicateFinder, DuplicateGroup
from simsearch.methods.base import NoSettings
from simsearch.verification import Described, Verifier

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop

SETTINGS = DuplicateSettings(neighbours=4, least_similarity=0.6, least_hash_similarity=0.85)


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
    """The probability of a pair of images, by their marks; 0.1 where the test says nothing of it."""

    def __init__(self, probabilities: Mapping[str, float]) -> None:
        self.probabilities = {frozenset(pair): p for pair, p in probabilities.items()}
        self.asked: list[str] = []

    def verify(self, query: Described, others: Sequence[Described], *, geometry: int) -> list[Verification]:
        pairs = ["".join(sorted(chr(int(d["orb"][0])) for d in (query, other))) for other in others]
        self.asked += pairs
        return [Verification(self.probabilities.get(frozenset(pair), 0.1), 0.9, 0.9, 9, 0.9) for pair in pairs]


class World:
    """Images with one-letter marks: which angle their embedding has, which SKU, which file."""

    def __init__(self, folder: Path) -> None:
        self.catalog = Catalog(f"sqlite:///{folder / 'catalog.db'}", CatalogSettings())
        self.methods: dict[str, Any] = {
            "phash": Stub("phash", np.uint8, 8, "hamming", 64),
            "orb": Stub("orb", np.float64, 1, "cosine", 1),
            "siamese": Stub("siamese", np.float32, 8, "cosine", 8),
        }

    def add(self, marks: str, *, angle: float = 0, sku: str = "", sha: str = "", lacks: str = "") -> None:
        new = []
        for number, mark in enumerate(marks):
            turn = np.deg2rad(angle + number / 10)
            described: dict[str, NDArray[Any]] = {
                "siamese": np.array([np.cos(turn), np.sin(turn), *[0.0] * 6], np.float32),
                "phash": np.random.default_rng(ord(mark)).integers(0, 256, 8).astype(np.uint8),
                "orb": np.array([ord(mark)], np.float64),
            }
            data = {self.methods[n].fingerprint: d.tobytes() for n, d in described.items() if n != lacks}
            row = SourceRow(sku or mark, f"/{mark}", mark, mark, name=f"Product {sku or mark}")
            new.append(NewImage(row, "/", 1, 1, sha or mark * 64, 1, 1, descriptors=data))
        self.catalog.apply(add=new)

    def find(
        self, probabilities: Mapping[str, float], settings: DuplicateSettings = SETTINGS, threshold: float = 0.9
    ) -> tuple[list[DuplicateGroup], list[str]]:
        """The groups, and which pairs were looked at."""
        verifier = StubVerifier(probabilities)
        finder = DuplicateFinder(self.catalog, self.methods, cast(Verifier, verifier), settings, threshold)
        return finder.find(), verifier.asked


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
    near = DuplicateSettings(neighbours=4, least_similarity=0.8)
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
    groups, asked = world.find({"ac": 0.99}, settings=DuplicateSettings(neighbours=4, least_hash_similarity=0.0))
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
    groups, _ = world.find({"ab": 0.99, "ac": 0.95, "bc": 0.95})
    assert [p.identical_file for p in groups[0].pairs] == [True, False, False]


def test_retired_and_half_described_images_are_left_out(world: World) -> None:
    world.add("abc")
    world.add("d", lacks="orb")
    every = {"ab": 0.95, "ac": 0.96, "bc": 0.97, "ad": 0.99}
    assert marks(world.find(every)[0]) == ["abc"]
    world.catalog.apply(retire=[2])
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
    many = DuplicateSettings(neighbours=11)
    expected, asked = world.find(every, many, 0.5)
    assert len(asked) == len(set(asked)) == 66
    assert len(expected) > 1
    assert all(every["".join(sorted(p.a.image + p.b.image))] >= 0.5 for g in expected for p in g.pairs)
    assert world.find(every, many, 0.5)[0] == expected

    # Memory: descriptors of no more images at once than a block of pairs has.
    held: list[int] = []
    read = world.catalog.descriptors
    monkeypatch.setattr(duplicates, "_BLOCK", 3)

    def counted(fingerprint: str, ids: set[int]) -> dict[int, bytes]:
        held.append(len(ids))
        return read(fingerprint, ids)

    monkeypatch.setattr(world.catalog, "descriptors", counted)
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
    identical = {frozenset(g.skus) for g in groups if all(p.identical_file for p in g.pairs)}
    assert {frozenset((d.sku_a, d.sku_b)) for d in shop.planted if d.kind == "identical"} <= identical
