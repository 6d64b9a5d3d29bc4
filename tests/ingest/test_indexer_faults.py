"""Indexing: a file put in another's place is seen, and one photo never ends a run."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import WeightsError
from simsearch.core.types import Descriptor, Image
from simsearch.ingest import indexer
from tests.ingest.test_indexer import World, counts, paint, world

__all__ = ["world"]

SECOND = 10**9


def bitmap(path: Path, seed: int) -> Path:
    """A photo whose file has the same size and time for every seed."""
    with Pillow.open(paint(path.with_suffix(".png"), seed)) as opened:
        opened.convert("RGB").save(path, "BMP")
    path.with_suffix(".png").unlink()
    os.utime(path, ns=(0, 10**18))
    return path


@pytest.fixture
def pair(world: World) -> tuple[Path, Path]:
    """Two products whose files cannot be told apart by size and time."""
    shutil.rmtree(world.shop)
    return bitmap(world.shop / "P40/front.bmp", 40), bitmap(world.shop / "P60/front.bmp", 60)


def exchange_files(a: Path, b: Path) -> None:
    between = a.with_name("between")
    a.rename(between)
    b.rename(a)
    between.rename(b)


def exchange_folders(a: Path, b: Path) -> None:
    exchange_files(a.parent, b.parent)


@pytest.mark.parametrize("exchange", [exchange_files, exchange_folders])
def test_photos_that_were_mixed_up_are_put_right(
    world: World, pair: tuple[Path, Path], exchange: Callable[[Path, Path], None]
) -> None:
    world.index()
    exchange(*pair)
    assert counts(world.index()) == {"changed": 2}
    assert counts(world.index()) == {"unchanged": 2}


@pytest.mark.parametrize("restore", ["copied", "chmod", "hard link"])
def test_what_only_looks_changed_is_read_once_and_not_described(
    world: World, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, restore: str
) -> None:
    world.index()
    before = world.ids
    for path in pair:
        if restore == "copied":  # as cp -a, rsync -a and tar do
            shutil.copy2(path, path.with_name("copy"))
            os.replace(path.with_name("copy"), path)
        elif restore == "chmod":
            path.chmod(0o600)
        else:
            os.link(path, world.shop.parent / path.parent.name)
    read = []
    real = images.read

    def counted(path: Path, settings: ImageSettings) -> bytes:
        read.append(path)
        return real(path, settings)

    monkeypatch.setattr("simsearch.core.images.read", counted)
    monkeypatch.setattr("simsearch.core.images.decode", lambda *_: pytest.fail("was described again"))
    assert counts(world.index()) == {"unchanged": 2}
    assert len(read) == 2
    assert counts(world.index()) == {"unchanged": 2}
    assert len(read) == 2
    assert world.ids == before


def stamped(world: World, sql: str) -> Any:
    with closing(sqlite3.connect(world.catalog.database.file or "")) as connection, connection:
        return connection.execute(sql).fetchall()


def test_an_older_catalog_compares_what_it_has_and_completes_it(
    world: World, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.index()
    stamped(world, "UPDATE images SET ctime_ns = NULL, inode = NULL")
    monkeypatch.setattr("simsearch.core.images.read", lambda *_: pytest.fail("was read again"))
    assert counts(world.index()) == {"unchanged": 2}
    monkeypatch.undo()
    assert stamped(world, "SELECT count(ctime_ns), count(inode) FROM images") == [(2, 2)]
    exchange_folders(*pair)
    assert counts(world.index()) == {"changed": 2}


def test_reread_finds_what_no_stamp_shows(world: World, pair: tuple[Path, Path]) -> None:
    world.index()
    exchange_folders(*pair)
    for path in pair:  # as on a file system without numbers or times of its own
        found = path.stat()
        stamped(
            world, f"UPDATE images SET ctime_ns = {found.st_ctime_ns}, inode = {found.st_ino} WHERE path = '{path}'"
        )
    assert counts(world.index()) == {"unchanged": 2}
    assert counts(world.index(reread=True)) == {"changed": 2}
    assert counts(world.index(reread=True)) == {"unchanged": 2}


@pytest.mark.parametrize("seconds", [-(2**31), -1, 0, 2**31, 9_223_372_036, 9_223_372_037, 10**10, 2**34 - 1, 10**18])
def test_a_file_of_any_time_is_indexed(world: World, monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    odd, real = str(world.shop / "A/1.png"), os.stat

    def told(path: Any, **more: Any) -> Any:
        """Not every file system can store every time, so it is not asked to."""
        found = real(path, **more)
        if str(path) != odd:
            return found
        names = ("st_mode", "st_size", "st_ctime_ns", "st_ino")
        facts = {name: getattr(found, name) for name in names} | {"st_mtime_ns": seconds * SECOND}
        return type("stat", (), facts)

    monkeypatch.setattr("simsearch.core.stamps.os.stat", told)
    assert counts(world.index()) == {"added": 5}
    assert counts(world.index()) == {"unchanged": 5}


class Stumbles:
    """A method that fails over one photo, or over all."""

    def __init__(self, method: Any, over: str, error: Exception) -> None:
        self.method, self.over, self.error = method, over, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.method, name)

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        if any(self.over in image.name for image in images):
            raise self.error
        return list(self.method.describe(images))


@pytest.mark.parametrize("name", ["phash", "orb"])
@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize(
    "error", [IndexError("list index"), RuntimeError("CUDA\nerror"), MemoryError(), OSError(5, "I/O")]
)
def test_a_photo_over_which_a_method_stumbles_is_refused_and_the_others_are_taken(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, batched: bool,
    error: Exception,
) -> None:  # fmt: skip
    world.methods[name] = Stumbles(world.methods[name], "B/1.png", error)
    monkeypatch.setattr("simsearch.features.description.is_batched", lambda m: batched and m is world.methods[name])
    monkeypatch.setattr("simsearch.core.threads.SingleThreaded.torch", lambda: None)
    with caplog.at_level(logging.DEBUG, "simsearch"):
        report = world.index()
    assert counts(report) == {"added": 4, "refused": 1}
    [refusal] = report.refusals
    assert (refusal.code, refusal.where) == ("unexpected", str(world.shop / "B/1.png"))
    assert refusal.message.startswith(f"{refusal.where}: unexpected {type(error).__name__}: ")
    assert "\n" not in refusal.message
    assert [bool(record.exc_info) for record in caplog.records] == [True]
    assert counts(world.index()) == {"unchanged": 4, "refused": 1}  # tried again every time
    world.methods[name] = world.methods[name].method
    assert counts(world.index()) == {"unchanged": 4, "changed": 1}


def test_settings_and_weights_are_no_fault_of_a_photo(world: World) -> None:
    world.methods["orb"] = Stumbles(world.methods["orb"], "B/1.png", WeightsError("no weights"))
    with pytest.raises(WeightsError, match="no weights"):
        world.index()


def test_a_program_that_fails_over_every_photo_ends_the_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer, "_SYSTEMATIC", 3)
    world.methods["orb"] = Stumbles(world.methods["orb"], "", ZeroDivisionError("a slip"))
    with pytest.raises(ZeroDivisionError, match="a slip"):
        world.index()
    assert world.ids == {}
