"""Snapshots follow the catalog: complete, immutable, and the same in every process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from simsearch.catalog.catalog import Changes
from simsearch.core.errors import GenerationError
from simsearch.core.stamps import Stamp
from simsearch.recognition import segments
from simsearch.recognition import snapshot as room
from simsearch.recognition.segments import segment_sizes
from simsearch.recognition.snapshot import Snapshot, Snapshots
from simsearch.testing.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def held(snapshot: Snapshot) -> list[int]:
    """The live images of the embedding lane."""
    ids = [int(i) for index in snapshot.vectors["siamese"] for i in index.ids()]
    assert len(ids) == len(set(ids)), "an image is held twice"
    return sorted(set(ids) - snapshot.retired)


def snapshots(world: World) -> Snapshots:
    return world.engine.snapshots


# -- following -------------------------------------------------------------------------------------------------------


def test_a_snapshot_stays_as_it_is_and_the_next_one_has_what_came(world: World) -> None:
    [first] = world.add("a", "1/1/0.5/0")
    before = snapshots(world).current()
    [second] = world.add("b", "2/2/0.5/0")
    world.retire(first)
    after = snapshots(world).current()
    assert (held(before), held(after)) == ([first], [second])
    assert (before.revision, after.revision) == (1, 3)
    assert snapshots(world).current() is after
    with pytest.raises(FrozenInstanceError):
        before.revision = 7  # type: ignore[misc]


def test_a_commit_during_a_refresh_is_not_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread reads the catalog, then an image is committed, then another thread asks: both end with the image."""
    world.add("a", "1/1/0.5/0")
    snapshots(world).current()
    world.add("b", "2/2/0.5/0")
    read, go_on = threading.Event(), threading.Event()
    real = world.catalog.changes

    def slow(since: int) -> Changes:
        found = real(since)
        if not read.is_set():
            read.set()
            assert go_on.wait(10)
        return found

    monkeypatch.setattr(world.catalog, "changes", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(snapshots(world).current)
        assert read.wait(10)
        world.add("c", "3/3/0.5/0")
        second = pool.submit(snapshots(world).current)
        go_on.set()
        assert len(held(first.result(10))) >= 2
        assert held(second.result(10)) == world.ids()
    assert held(snapshots(world).current()) == world.ids()


def test_a_new_generation_is_opened_by_one_thread_and_the_others_do_not_wait(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add("a", "1/1/0.5/0")
    snapshots(world).current()
    name = world.build()
    world.add("b", "2/2/0.5/0")
    opening, go_on = threading.Event(), threading.Event()
    real = world.generations.open

    def slow(*wanted: Any) -> Any:
        opening.set()
        assert go_on.wait(10)
        return real(*wanted)

    monkeypatch.setattr(world.generations, "open", slow)
    with ThreadPoolExecutor(1) as pool:
        opened = pool.submit(snapshots(world).current)
        assert opening.wait(10)
        meanwhile = snapshots(world).current()  # with the old one, and everything that was committed
        go_on.set()
        assert (meanwhile.generation, held(meanwhile)) == ("none", world.ids())
        assert (opened.result(10).generation, held(opened.result(10))) == (name, world.ids())


def test_what_cannot_be_opened_leaves_the_old_generation_serving(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.add("a", "1/1/0.5/0")
    name = world.build()
    assert snapshots(world).current().generation == name
    world.build()

    def fails(*wanted: Any) -> Any:
        raise GenerationError("the disk is gone")

    monkeypatch.setattr(world.generations, "open", fails)
    world.add("b", "2/2/0.5/0")
    for _ in range(3):
        found = snapshots(world).current()
        assert (found.generation, held(found)) == (name, world.ids())
    assert [r.message for r in caplog.records] == ["the disk is gone; until then generation g000001 answers"]
    with pytest.raises(GenerationError, match="the disk is gone"):
        world.open().snapshots.current()


def test_a_backup_that_was_put_back_is_read_anew(world: World, tmp_path: Path) -> None:
    world.add("a", "1/1/0.5/0")
    world.catalog.housekeeping.backup(tmp_path / "backup.db")
    world.add("b", "2/2/0.5/0")
    world.add("c", "3/3/0.5/0")
    assert len(held(snapshots(world).current())) == 3
    database = world.catalog.database
    with database.write() as c:  # what a restored file looks like to an open program: an older revision, fewer images
        for table in ("descriptors", "images"):
            c.exec_driver_sql(f"DELETE FROM {table} WHERE {'image_id' if table == 'descriptors' else 'id'} > 1")
        c.exec_driver_sql("UPDATE state SET revision = 1")
    found = snapshots(world).current()
    assert (found.revision, held(found)) == (1, [1])


# -- segments --------------------------------------------------------------------------------------------------------


def test_segments_are_the_binary_digits_of_their_number() -> None:
    assert segment_sizes(0) == []
    assert segment_sizes(63) == [63]
    assert segment_sizes(64) == [64]
    assert segment_sizes(64 * 5 + 3) == [256, 64, 3]
    assert all(sum(segment_sizes(n)) == n for n in range(1000))
    assert max(len(segment_sizes(n)) for n in range(100_000)) <= 12


def test_a_commit_makes_the_last_segments_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "_LEAF", 4)
    made: list[int] = []
    real = room.exact_index

    def counting(catalog: Any, method: Any, ids: Any) -> Any:
        if method.name == "siamese":
            made.append(len(ids))
        return real(catalog, method, ids)

    monkeypatch.setattr(room, "exact_index", counting)
    for n in range(12):
        world.add(f"p{n}", f"{n}/{n}/0.5/0")
        assert held(snapshots(world).current()) == world.ids()
    assert made == [1, 2, 3, 4, 1, 2, 3, 8, 1, 2, 3, 4]
    made.clear()
    world.retire(world.ids()[0])
    assert held(snapshots(world).current()) == world.ids()
    assert made == []  # a retired image stays in its segment and is passed over


def test_two_processes_make_the_same_segments(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "_LEAF", 4)
    for n in range(11):
        world.add(f"p{n}", f"{n}/{n}/0.5/0")
        snapshots(world).current()
        if n == 5:
            world.retire(world.ids()[2])
    fresh = world.open().snapshots.current()
    followed = snapshots(world).current()
    assert [i.ids().tolist() for i in fresh.vectors["siamese"]] == [
        i.ids().tolist() for i in followed.vectors["siamese"]
    ]
    assert set(fresh.segments) == set(followed.segments)


def test_an_image_described_again_is_read_again(world: World) -> None:
    from simsearch.catalog.images import NewImage
    from simsearch.core.types import SourceRow
    from simsearch.testing.world import described, looks

    lacking = {k: v for k, v in world.methods.items() if k != "siamese"}
    [image] = world.add("a", "1/1/0.95/30", methods=lacking)
    assert held(snapshots(world).current()) == []
    packed = {m.fingerprint: looks("1/1/0.95/30")[m.name].tobytes() for m in world.methods.values()}
    row = SourceRow("a", "/a", "a", "a")
    world.catalog.images.apply(redescribe={image: NewImage(row, "/", Stamp(1, 1), "0" * 64, 1, 1, descriptors=packed)})
    assert held(snapshots(world).current()) == [image]
    assert [c.image_id for c in world.engine.candidates(described("1/1/0/0"))] == [image]


# -- damage ----------------------------------------------------------------------------------------------------------


def damage(world: World, image_id: int, method: str) -> None:
    fingerprint = world.methods[method].fingerprint
    with world.catalog.database.write() as c:
        c.exec_driver_sql(
            "UPDATE descriptors SET data = x'00' WHERE image_id = ? AND method_id = "
            "(SELECT id FROM methods WHERE fingerprint = ?)",
            (image_id, fingerprint),
        )


@pytest.mark.parametrize("method", ["siamese", "phash", "orb"])
@pytest.mark.parametrize("built", [False, True])
def test_a_damaged_descriptor_costs_its_image_and_no_question(
    world: World, caplog: pytest.LogCaptureFixture, method: str, built: bool
) -> None:
    world.add("sound", "5/5/0.95/30")
    [bad] = world.add("bad", "0/0/0.99/30")
    if built:
        world.build()
    damage(world, bad, method)
    decision = world.ask()
    assert [hit.sku for hit in decision.hits] == ["sound"]
    assert f"image {bad}: its {method}-of-the-test descriptor is damaged; restore a backup" in caplog.text
