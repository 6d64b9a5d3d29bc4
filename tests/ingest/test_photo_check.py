"""The photos of a catalog, compared with their files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from simsearch.ingest.photo_check import check_photos
from tests.conftest import Run
from tests.ingest.test_indexer import World, later, paint, world

__all__ = ["world"]


def silent(done: int, total: int, text: str) -> None:
    """Shows nothing."""


def test_sound_photos_are_counted(world: World) -> None:
    world.index()
    told: list[tuple[int, int, str]] = []
    found = check_photos(world.catalog, lambda *said: told.append(said))
    assert (found.sound, found.changed, found.missing, found.unreadable, found.problem) == (5, (), (), (), "")
    assert told == [(n, 5, "") for n in range(1, 6)]


def test_photos_that_changed_went_or_cannot_be_read_are_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.index()
    places = [str(world.shop / name) for name in ("A/1.png", "A/2.png", "B/1.png", "C/1.jpg", "loose.png")]
    before = os.stat(places[0])
    content = bytearray(Path(places[0]).read_bytes())
    content[-1] ^= 1  # a bit that flipped on the disk: size and times stay
    Path(places[0]).write_bytes(content)
    os.utime(places[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    os.unlink(places[1])
    shutil.rmtree(Path(places[2]).parent)
    os.unlink(places[3])
    os.mkfifo(places[3])
    found = check_photos(world.catalog, silent)
    assert (found.sound, found.changed, found.missing) == (1, (places[0],), (places[1], places[2]))
    assert found.unreadable == (places[3],)
    assert found.problem.startswith(f"1 photo has other content than was indexed, for instance {places[0]}; run")


def test_a_photo_that_is_retired_or_refused_is_not_asked_for(world: World) -> None:
    (world.shop / "A/1.png").write_bytes(b"no photo")
    world.index()
    os.unlink(world.shop / "B/1.png")
    world.index(prune=True)
    assert check_photos(world.catalog, silent).sound == 3


def test_one_file_under_two_products_is_read_once(world: World) -> None:
    world.index(world.table("sku,image\nA,A/1.png\nB,A/1.png\n"))
    assert check_photos(world.catalog, silent).sound == 1


def test_status_says_it(tmp_path: Path, on: Run) -> None:
    shelf = tmp_path / "shelf"
    for number in range(3):
        paint(shelf / f"{number}.png", number)
    assert on(tmp_path / "home", "index", shelf).code == 0
    done = on(tmp_path / "home", "status", "--verify")
    assert done.code == 0
    assert "photos       3 as indexed, 0 changed, 0 missing, 0 unreadable" in done.out
    paint(shelf / "0.png", 9)
    later(shelf / "0.png")
    (shelf / "1.png").unlink()
    done = on(tmp_path / "home", "status", "--verify")
    assert "1 as indexed, 1 changed, 1 missing, 0 unreadable" in done.out
    assert f"changed {shelf / '0.png'}" in done.out
    assert "simsearch index --reread" in done.error(6)
    [found] = on(tmp_path / "home", "status", "--verify", "--json").objects
    assert found["photos"] == {
        "sound": 1, "changed": [str(shelf / "0.png")], "missing": [str(shelf / "1.png")], "unreadable": []
    }  # fmt: skip
    assert on(tmp_path / "home", "index", shelf, "--reread").out.startswith("0 added, 1 changed, 1 unchanged")
    assert on(tmp_path / "home", "status", "--verify").code == 0  # what is missing answers from the catalog as before
