"""Candidate retrieval: the lane of keypoint votes over a catalog that changes."""

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
from simsearch.core.stamps import Stamp
from simsearch.core.types import Description, SourceRow
from simsearch.features import create
from simsearch.features.orb import KEYPOINT
from simsearch.indexes.catalog_keypoints import vote_index
from simsearch.indexes.generations import Generations
from simsearch.recognition.retrieval import Retrieval, Retrieved
from simsearch.recognition.snapshot import VOTES, Snapshots

ORB = create("orb")
SETTINGS = QuerySettings(vote_candidates=5, vote_neighbours=8, vote_keypoints=60)


def keypoints(seed: int, count: int = 60) -> NDArray[Any]:
    """Of a photo of its own."""
    out = np.zeros(count, KEYPOINT)
    out["bits"] = np.random.default_rng(seed).integers(0, 256, (count, 32))
    out["octave"] = np.arange(count) * 8 // max(1, count)
    return out


def again(seed: int) -> Description:
    """Another photo of the same thing: half the keypoints, one byte of each changed."""
    seen = keypoints(seed).copy()[::2]
    seen["bits"][:, 3] ^= 0x5A
    return Description({"orb": np.concatenate([seen, keypoints(seed + 10_000, 30)])})


class World:
    """A catalog of keypoints, and the lookup over it."""

    def __init__(self, folder: Path) -> None:
        self.catalog = Catalog(f"sqlite:///{folder / 'catalog.db'}", CatalogSettings())
        self.generations = Generations(folder / "generations")
        self.open()

    def open(self, **settings: Any) -> None:
        chosen = replace(SETTINGS, **settings)
        self.snapshots = Snapshots(self.catalog, self.generations, {"orb": ORB}, chosen)
        self.retrieval = Retrieval({"orb": ORB}, chosen)

    def search(self, query: Description) -> Retrieved:
        return self.retrieval.search(query, self.snapshots.current())

    def add(self, *seeds: int, data: bytes | None = None) -> list[int]:
        before = set(self.ids())
        rows = [SourceRow(f"p{s}", f"/{s}-{len(before) + n}", f"{s}", f"{s}") for n, s in enumerate(seeds)]
        packed = [keypoints(s).tobytes() if data is None else data for s in seeds]
        self.catalog.images.apply(
            add=[
                NewImage(r, "/", Stamp(1, 1), "0" * 64, 1, 1, descriptors={ORB.fingerprint: p})
                for r, p in zip(rows, packed, strict=True)
            ]
        )
        return sorted(set(self.ids()) - before)

    def ids(self) -> list[int]:
        return [int(i) for i in self.catalog.descriptors.active_ids(ORB.fingerprint)]

    def ask(self, seed: int) -> list[int]:
        return [c.image_id for c in self.search(again(seed)).candidates]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.catalog.close()


# -- the lane --------------------------------------------------------------------------------------------------------


def test_another_photo_is_found_by_its_keypoints(world: World) -> None:
    ids = world.add(*range(30))
    assert world.ask(17)[0] == ids[17]
    looked_up = world.search(again(17))
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
    [new] = world.add(50)
    assert world.ask(50)[0] == new
    world.catalog.images.apply(retire=[ids[3], new])
    for seed, gone in ((3, ids[3]), (50, new)):
        assert gone not in world.ask(seed)
    assert world.ask(4)[0] == ids[4]


def test_many_retired_copies_do_not_hide_the_image_behind_them(world: World) -> None:
    copies = world.add(*[1] * 30)
    [left] = world.add(1)
    world.add(*range(2, 9))
    world.catalog.images.apply(retire=copies)
    assert world.ask(1)[0] == left


def test_the_generations_own_index_is_used_where_it_has_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = world.add(*range(10))
    revision, built = world.catalog.revision(), vote_index(world.catalog, ORB, 60)

    generation = SimpleNamespace(
        name="g1", pointer="g1", revision=revision, lanes={}, votes=built, digest="", texts={}, weights=None
    )
    monkeypatch.setattr(world.generations, "pointer", lambda: "g1")
    monkeypatch.setattr(world.generations, "open", lambda *wanted: generation)
    [new] = world.add(40)
    assert world.ask(6)[0] == ids[6]
    assert world.snapshots.current().votes[0] is built
    assert world.ask(40)[0] == new
    world.catalog.images.apply(retire=[ids[6]])
    assert ids[6] not in world.ask(6)


def test_the_lane_can_be_left_out(world: World) -> None:
    world.add(1)
    world.open(vote_candidates=0)
    looked_up = world.search(again(1))
    assert (looked_up.candidates, looked_up.lanes) == ((), ())


def test_an_empty_catalog_and_a_blank_photo_find_nothing(world: World) -> None:
    assert world.ask(1) == []
    world.add(1)
    assert world.search(Description({"orb": keypoints(1, 0)})).candidates == ()
