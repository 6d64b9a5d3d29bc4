"""What is opened: the generation that serves, or with a warning the one before; never one of another catalog."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.catalog.images import NewImage
from simsearch.core.config import CatalogSettings, GenerationSettings
from simsearch.core.errors import GenerationError
from simsearch.core.stamps import Stamp
from simsearch.core.types import Ids, SourceRow
from simsearch.indexes.generations import Generations, Lane

WANTED = {"phash": "phash-1"}
LANE = Lane("phash", "phash-1", "hamming", 64)


def image(number: int, descriptors: dict[str, bytes] | None = None) -> NewImage:
    row = SourceRow(f"A{number}", f"/p/{number}.jpg", f"{number}.jpg", "")
    given = descriptors or {"phash-1": number.to_bytes(8, "little")}
    return NewImage(row, "/p", Stamp(10, 20), f"{number:064x}", 640, 480, descriptors=given)


class World:
    """A catalog and its generations."""

    def __init__(self, folder: Path) -> None:
        self.catalog = Catalog(folder / "catalog.db", CatalogSettings())
        self.store = Generations(folder / "generations", self.catalog)

    def build(self) -> str:
        revision, name = self.catalog.revision(), self.store.next_name(self.catalog.builds.names())
        ids, vectors = self.catalog.descriptors.matrix("phash-1", np.dtype(np.uint8), 8)

        def lanes() -> Iterator[tuple[Lane, Ids, NDArray[Any]]]:
            yield LANE, ids, vectors

        self.store.build(
            lanes(), name=name, revision=revision, expected=ids, settings=GenerationSettings(),
        )  # fmt: skip
        return name

    def opened(self) -> str:
        found = self.store.open(WANTED)
        assert found is not None
        return found.name


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.catalog.images.apply(add=[image(n) for n in range(1, 9)])
    yield world
    world.catalog.close()


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def test_a_damaged_generation_is_passed_over_with_a_warning(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.build(), world.build(), world.build()
    damage(world.store.folder / "g000003/phash.index")
    damage(world.store.folder / "g000002/manifest.json")
    with caplog.at_level(logging.WARNING):
        found = world.store.open(WANTED)
    assert found is not None
    assert (found.name, found.pointer) == ("g000001", "g000003")
    [warning] = caplog.messages
    assert "g000003/phash.index: does not have the content that was written; run `simsearch rebuild`" in warning
    assert warning.endswith("; until then generation g000001 answers")
    with pytest.raises(GenerationError, match="g000003"):
        world.store.check("g000003", WANTED)
    damage(world.store.folder / "g000001/phash.index")
    with pytest.raises(GenerationError, match=r"g000003/phash\.index"):
        world.store.open(WANTED)


def test_after_a_rollback_nothing_newer_is_fallen_back_on(world: World) -> None:
    world.build(), world.build()
    world.store.rollback()
    damage(world.store.folder / "g000001/phash.index")
    with pytest.raises(GenerationError, match=r"g000001/phash\.index"):
        world.store.open(WANTED)


def test_one_that_is_pruned_while_it_is_opened_is_no_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.build()
    real = Generations._opened

    def late(self: Generations, name: str, *rest: Any) -> Any:
        if name == "g000001":
            world.build()
            shutil.rmtree(world.store.folder / "g000001")
        return real(self, name, *rest)

    monkeypatch.setattr(Generations, "_opened", late)
    assert world.opened() == "g000002"


def test_what_comes_and_goes_after_a_build_is_no_drift(world: World) -> None:
    world.catalog.images.apply(retire=[2])
    world.build()
    world.catalog.images.apply(add=[image(20)], retire=[1])
    world.catalog.images.apply(touch={3: ("/q", Stamp(1, 1))})
    world.catalog.images.apply(redescribe={4: image(4, {"phash-1": b"12345678", "orb-1": b"x"})})
    world.catalog.images.apply(retire=[4])
    assert world.opened() == "g000001"


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM images WHERE id = 3", "UPDATE images SET verdict = 'refused' WHERE id = 5",
        "UPDATE images SET id = 30 WHERE id = 3", "UPDATE images SET retired_revision = 1, retired_at = 1 WHERE id = 2",
    ],
)  # fmt: skip
def test_a_catalog_changed_by_other_hands_is_drift(world: World, change: str) -> None:
    world.build()
    with closing(sqlite3.connect(world.catalog.database.url.database or "")) as connection:
        connection.execute(change)
        connection.commit()
    with pytest.raises(GenerationError, match=r"g000001 does not fit the catalog: .*; run `simsearch rebuild`"):
        world.store.open(WANTED)


def test_a_backup_put_back_is_drift_also_when_its_ids_were_given_again(world: World, tmp_path: Path) -> None:
    world.catalog.housekeeping.backup(tmp_path / "backup.db")
    world.catalog.images.apply(add=[image(50)])
    world.build()
    world.catalog.close()
    for old in tmp_path.glob("catalog.db*"):
        old.unlink()
    shutil.copy(tmp_path / "backup.db", tmp_path / "catalog.db")
    again = World(tmp_path)
    again.catalog.images.apply(add=[image(60)])  # another photo under the id of the one that the backup does not know
    assert again.catalog.revision() == 2
    with pytest.raises(GenerationError, match=r"the catalog does not know of it \(was a backup put back\?\)"):
        again.store.open(WANTED)
    assert again.build() == "g000002"
    assert again.opened() == "g000002"
    again.catalog.close()


def test_before_the_first_build_there_is_nothing_to_open(world: World) -> None:
    assert world.store.open(WANTED) is None
