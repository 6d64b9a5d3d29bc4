"""Files that are whole or not there, and the lock of a home."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from simsearch.core.errors import CatalogError
from simsearch.core.files import put, remove_unfinished, replace, replacing, sync, unfinished, writing


def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    replace(path, "old")
    replace(path, "Ärztemuster 💊\n")
    assert path.read_bytes() == "Ärztemuster 💊\n".encode()
    replace(path, b"\xff\x00")
    assert path.read_bytes() == b"\xff\x00"
    assert os.listdir(tmp_path) == ["card.json"]


def test_a_name_may_be_as_long_as_a_file_name_can_be(tmp_path: Path) -> None:
    replace(tmp_path / ("x" * 255), "long")
    assert os.listdir(tmp_path) == ["x" * 255]


def test_it_may_be_read_by_whom_a_new_file_may(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("", encoding="ascii")
    replace(tmp_path / "replaced", "")
    assert (tmp_path / "plain").stat().st_mode == (tmp_path / "replaced").stat().st_mode


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_old_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "current"
    replace(path, "old")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, step, full)
        with pytest.raises(OSError, match="No space left"):
            replace(path, "new")
    assert path.read_text(encoding="ascii") == "old"
    assert os.listdir(tmp_path) == ["current"]


def test_the_content_is_on_the_disk_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, moved = os.fsync, os.replace

    def synced(handle: int) -> None:
        steps.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        fsync(handle)

    def renamed(*paths: Any) -> None:
        steps.append("rename")
        moved(*paths)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    replace(tmp_path / "a", "1")
    assert steps == ["file", "rename", "folder"]
    replace(tmp_path / "a", "2", durable=False)
    assert steps[3:] == ["rename"]


def test_writers_at_once_do_not_mix_their_content(tmp_path: Path) -> None:
    path, wanted = tmp_path / "calibration.json", {letter * 200_000 for letter in "abcdef"}
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(partial(replace, path), [*wanted] * 5))
    assert path.read_text(encoding="ascii") in wanted
    assert os.listdir(tmp_path) == [path.name]


def test_another_library_may_write_the_content(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    with replacing(path) as part:
        part.write_bytes(b"weights")
        assert not path.exists()
    assert path.read_bytes() == b"weights"


def test_other_content_that_is_cut_short_leaves_the_old(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    path.write_bytes(b"weights")

    def cut_short() -> None:
        with replacing(path) as part:
            part.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_short()
    assert path.read_bytes() == b"weights"
    assert os.listdir(tmp_path) == [path.name]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    for path in (tmp_path / "a", tmp_path / "backups" / "b"):
        part = unfinished(path)
        part.touch()
        part.with_name(part.name + "-journal").touch()
    (tmp_path / "photo.part").touch()
    remove_unfinished(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["backups", "photo.part"]


def test_a_streamed_file_is_put_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    part = unfinished(path)
    part.write_text("<p>", encoding="ascii")
    put(part, path)
    assert os.listdir(tmp_path) == ["page.html"]
    sync(path)
    sync(tmp_path)


def test_one_writer_holds_a_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with writing(home), pytest.raises(CatalogError, match=rf"writing there \(process {os.getpid()} since .*Z\); wait"):
        writing(home).__enter__()
    with writing(home):
        assert (home / "lock").read_text(encoding="ascii").startswith(f"process {os.getpid()}")
    assert (home / "lock").read_bytes() == b""


def test_a_lock_that_a_killed_process_left_is_free(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "lock").write_text("process 7 since 2026-01-01 00:00:00Z", encoding="ascii")
    with caplog.at_level("INFO", "simsearch"), writing(tmp_path):
        pass
    assert "was left by a run that did not end (process 7 since" in caplog.text


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CatalogError, match=r"home: cannot be written \(Not a directory\); choose another --home"):
        writing(tmp_path / "file" / "home").__enter__()
