"""The coarse lookup: fusion of lanes, and the lane of keypoint votes over a catalog that changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.catalog.images import NewImage
from simsearch.core.config import CatalogSettings, QuerySettings
from simsearch.core.errors import CatalogError
from simsearch.core.types import Descriptor, SourceRow
from simsearch.features import create
from simsearch.features.orb import KEYPOINT
from simsearch.indexes import catalog_keypoints
from simsearch.indexes.catalog_keypoints import indexed_keypoints, vote_index
from simsearch.indexes.generations import Generations
from simsearch.recognition.retrieval import VOTES, Lookup, fuse

ORB = create("orb")
SETTINGS = QuerySettings(vote_candidates=5, vote_neighbours=8, vote_keypoints=60)


def keypoints(seed: int, count: int = 60) -> NDArray[Any]:
    """Of a photo of its own."""
    out = np.zeros(count, KEYPOINT)
    out["bits"] = np.random.default_rng(seed).integers(0, 256, (count, 32))
    out["octave"] = np.arange(count) * 8 // max(1, count)
    return out


def again(seed: int) -> dict[str, Descriptor]:
    """Another photo of the same thing: half the keypoints, one byte of each changed."""
    seen = keypoints(seed).copy()[::2]
    seen["bits"][:, 3] ^= 0x5A
    return {"orb": np.concatenate([seen, keypoints(seed + 10_000, 30)])}


class World:
    """A catalog of keypoints, and the lookup over it."""

    def __init__(self, folder: Path) -> None:
        self.catalog = Catalog(f"sqlite:///{folder / 'catalog.db'}", CatalogSettings())
        self.generations = Generations(folder / "generations")
        self.lookup = self.open()

    def open(self, **settings: Any) -> Lookup:
        return Lookup(self.catalog, self.generations, {"orb": ORB}, replace(SETTINGS, **settings))

    def add(self, *seeds: int, data: bytes | None = None) -> list[int]:
        before = set(self.ids())
        rows = [SourceRow(f"p{s}", f"/{s}-{len(before) + n}", f"{s}", f"{s}") for n, s in enumerate(seeds)]
        packed = [keypoints(s).tobytes() if data is None else data for s in seeds]
        self.catalog.images.apply(
            add=[
                NewImage(r, "/", 1, 1, "0" * 64, 1, 1, descriptors={ORB.fingerprint: p})
                for r, p in zip(rows, packed, strict=True)
            ]
        )
        return sorted(set(self.ids()) - before)

    def ids(self) -> list[int]:
        return [int(i) for i in self.catalog.descriptors.active_ids(ORB.fingerprint)]

    def ask(self, seed: int) -> list[int]:
        self.lookup.refresh()
        return [c.image_id for c in self.lookup.search(again(seed)).candidates]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.catalog.close()


# -- fusion ----------------------------------------------------------------------------------------------------------


def test_lanes_are_fused_by_rank_alone() -> None:
    found = fuse({"siamese": [(1, 0.9), (2, 0.8), (3, 0.1)], "votes": [(3, 900.0), (2, 5.0)]})
    assert [c.image_id for c in found] == [3, 2, 1]  # 1/13 + 1/11, 2/12, 1/11
    assert dict(found[1].ranks) == {"siamese": 2, "votes": 2}
    assert dict(found[1].lanes) == {"siamese": 0.8, "votes": 5.0}
    assert found[1].score == pytest.approx(2 / 12)
    assert fuse({}) == fuse({"siamese": [], "votes": []}) == []


def test_the_first_of_one_lane_is_before_the_middling_of_two() -> None:
    lanes = {"siamese": [(i, 1.0) for i in range(50)], "votes": [(99, 1.0), *((i, 0.5) for i in range(10, 29))]}
    order = [c.image_id for c in fuse(lanes)]
    assert order.index(99) < order.index(20)  # 1/11 against 1/31 + 1/22
    assert order.index(0) < order.index(20)


def test_equal_scores_go_by_id() -> None:
    assert [c.image_id for c in fuse({"votes": [(7, 3.0)], "siamese": [(4, 0.1)]})] == [4, 7]


# -- keypoints of the catalog ----------------------------------------------------------------------------------------


def test_what_is_left_out_is_spread_evenly() -> None:
    photo = keypoints(1, 480)
    kept = indexed_keypoints(photo, 60)
    assert kept.shape == (60, 32)
    octaves = [int(photo["octave"][(photo["bits"] == row).all(axis=1)][0]) for row in kept]
    assert [octaves.count(o) for o in range(8)] == [8, 7, 8, 7, 8, 7, 8, 7]
    assert np.array_equal(indexed_keypoints(keypoints(1, 20), 60), keypoints(1, 20)["bits"])
    assert indexed_keypoints(keypoints(1, 0), 60).shape == (0, 32)


def test_the_index_holds_what_the_catalog_does(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_keypoints, "_BLOCK", 3)
    monkeypatch.setattr(catalog_keypoints, "_SAMPLE", 4)
    ids = world.add(*range(10))
    since = world.catalog.revision()
    late = world.add(20, 21)
    [blank] = world.add(30, data=b"")
    index = vote_index(world.catalog, ORB, 40)
    assert index.ids().tolist() == [*ids, *late]
    assert blank not in index.ids()
    assert len(index) == 12 * 40
    assert vote_index(world.catalog, ORB, 40, since=since).ids().tolist() == late


def test_a_damaged_descriptor_is_named(world: World) -> None:
    [bad] = world.add(1, data=b"\0" * 39)
    with pytest.raises(CatalogError, match=rf"image {bad}: its {ORB.fingerprint} descriptor is damaged"):
        vote_index(world.catalog, ORB, 40)


# -- the lane --------------------------------------------------------------------------------------------------------


def test_another_photo_is_found_by_its_keypoints(world: World) -> None:
    ids = world.add(*range(30))
    assert world.ask(17)[0] == ids[17]
    looked_up = world.lookup.search(again(17))
    [share] = looked_up.lanes
    assert (share.name, share.found, share.alone) == (VOTES, len(looked_up.candidates), len(looked_up.candidates))
    assert share.found <= 5
    assert share.took_ms > 0
    first = looked_up.candidates[0]
    assert dict(first.ranks) == {VOTES: 1}
    assert first.lanes[VOTES] > 30 * 60  # 30 keypoints, each over 60 bits nearer than chance


def test_what_was_indexed_later_is_found_and_what_was_retired_is_not(world: World) -> None:
    ids = world.add(*range(20))
    assert world.ask(3)[0] == ids[3]
    own = world.lookup._votes[0]
    [new] = world.add(50)
    assert world.ask(50)[0] == new
    world.catalog.images.apply(retire=[ids[3], new])
    for seed, gone in ((3, ids[3]), (50, new)):
        assert gone not in world.ask(seed)
    assert world.ask(4)[0] == ids[4]
    assert world.lookup._votes[0] is own  # made once; what changed since lies beside it


def test_many_retired_copies_do_not_hide_the_image_behind_them(world: World) -> None:
    copies = world.add(*[1] * 30)
    [left] = world.add(1)
    world.add(*range(2, 9))
    world.catalog.images.apply(retire=copies)
    assert world.ask(1)[0] == left


def test_the_generations_own_index_is_used_where_it_has_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = world.add(*range(10))
    revision, built = world.catalog.revision(), vote_index(world.catalog, ORB, 60)

    generation = SimpleNamespace(name="g1", pointer="g1", revision=revision, lanes={}, votes=built)
    monkeypatch.setattr(world.generations, "pointer", lambda: "g1")
    monkeypatch.setattr(world.generations, "open", lambda *wanted: generation)
    [new] = world.add(40)
    assert world.ask(6)[0] == ids[6]
    assert world.lookup._votes[0] is built
    assert world.ask(40)[0] == new
    world.catalog.images.apply(retire=[ids[6]])
    assert ids[6] not in world.ask(6)


def test_the_lane_can_be_left_out(world: World) -> None:
    world.add(1)
    world.lookup = world.open(vote_candidates=0)
    world.lookup.refresh()
    looked_up = world.lookup.search(again(1))
    assert (looked_up.candidates, looked_up.lanes) == ((), ())


def test_an_empty_catalog_and_a_blank_photo_find_nothing(world: World) -> None:
    assert world.ask(1) == []
    world.add(1)
    world.lookup.refresh()
    assert world.lookup.search({"orb": keypoints(1, 0)}).candidates == ()
