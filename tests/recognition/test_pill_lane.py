"""The lane of loose pills, over a catalog that changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simsearch.catalog import Catalog
from simsearch.catalog.images import NewImage
from simsearch.core.config import CatalogSettings, QuerySettings
from simsearch.core.stamps import Stamp
from simsearch.core.types import Description, Descriptor, SourceRow
from simsearch.features.base import NoSettings, pack
from simsearch.features.pills import PillLooks
from simsearch.features.pills.looks import LOOK
from simsearch.indexes.generations import Generations
from simsearch.recognition.retrieval import Retrieval
from simsearch.recognition.snapshot import PILLS, Snapshots, restricted
from tests.features.pills.drawn import BLUE, CAPLET, CAPSULE, TABLET, look, photo

METHOD = PillLooks(NoSettings())
SEEN = METHOD.describe([photo(shown) for shown in (TABLET, CAPLET, CAPSULE, look("round", 1.0, BLUE))])
NOTHING = np.zeros(0, LOOK)


class World:
    """A catalog of pills, and the lookup over it."""

    def __init__(self, folder: Path) -> None:
        self.catalog = Catalog(f"sqlite:///{folder / 'catalog.db'}", CatalogSettings())
        self.generations = Generations(folder / "generations")
        self.open(QuerySettings())

    def open(self, settings: QuerySettings) -> None:
        self.snapshots = Snapshots(self.catalog, self.generations, {PILLS: METHOD}, settings)
        self.retrieval = Retrieval({PILLS: METHOD}, settings)

    def add(self, *looks: Descriptor) -> list[int]:
        before = self.ids()
        rows = [SourceRow(f"p{len(before) + n}", f"/{len(before) + n}", "x", "x") for n in range(len(looks))]
        new = [
            NewImage(row, "/", Stamp(1, 1), "0" * 64, 1, 1, descriptors={METHOD.fingerprint: pack(one)})
            for row, one in zip(rows, looks, strict=True)
        ]
        self.catalog.images.apply(add=new)
        return [i for i in self.ids() if i not in before]

    def ids(self) -> list[int]:
        return [int(i) for i in self.catalog.descriptors.active_ids(METHOD.fingerprint)]

    def ask(self, looks: Descriptor) -> list[int]:
        found = self.retrieval.search(Description({PILLS: looks}), self.snapshots.current())
        assert {share.name for share in found.lanes} <= {PILLS}
        return [c.image_id for c in found.candidates]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.catalog.close()


def test_a_photo_of_the_pill_finds_it(world: World) -> None:
    ids = world.add(*SEEN, NOTHING)
    [asked] = METHOD.describe([photo(CAPSULE, angle=90)])
    assert world.ask(asked)[0] == ids[2]
    assert ids[4] not in world.ask(asked)
    assert world.ask(NOTHING) == []


def test_what_came_later_is_found_and_what_was_retired_is_not(world: World) -> None:
    ids = world.add(*SEEN[:2])
    assert world.ask(SEEN[0])[0] == ids[0]
    [later] = world.add(SEEN[3])
    assert world.ask(SEEN[3])[0] == later
    world.catalog.images.apply(retire=[later])
    assert later not in world.ask(SEEN[3])


def test_a_damaged_descriptor_is_named_and_left_out(world: World, caplog: pytest.LogCaptureFixture) -> None:
    broken = np.array(SEEN[0], LOOK)
    broken["ratio"] = np.nan
    damaged, sound = world.add(broken, SEEN[1])
    assert world.ask(SEEN[1]) == [sound]
    assert f"image {damaged}" in caplog.text


def test_the_lane_can_be_narrow_or_off(world: World) -> None:
    ids = world.add(*SEEN)
    world.open(replace(QuerySettings(), pill_candidates=1))
    assert world.ask(SEEN[1]) == [ids[1]]
    world.open(replace(QuerySettings(), pill_candidates=0))
    assert world.ask(SEEN[1]) == []


def test_a_filter_lets_only_its_own_images_be_found(world: World) -> None:
    ids = world.add(*SEEN)
    part = restricted(world.snapshots.current(), world.snapshots, np.array([ids[0], ids[3]]))
    found = world.retrieval.search(Description({PILLS: SEEN[1]}), part)
    assert {c.image_id for c in found.candidates} == {ids[0], ids[3]}
