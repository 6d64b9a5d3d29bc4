"""Files that are read before they are asked: what is not in memory, and no more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simsearch.indexes import read_ahead as module
from simsearch.indexes.read_ahead import in_memory, read_ahead

pytestmark = pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="Linux alone tells what is in memory")
SIZE = 6 * 2**20


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Where blocks were read."""
    starts: list[int] = []
    plain = os.preadv

    def noted(descriptor: int, buffers: list[bytearray], at: int, *flags: int) -> int:
        if not flags:
            starts.append(at)
        return plain(descriptor, buffers, at, *flags)

    monkeypatch.setattr(os, "preadv", noted)
    monkeypatch.setattr(module, "WHOLE", 2**20)
    monkeypatch.setattr(module, "_BLOCK", 2**20)
    return starts


def test_what_is_not_in_memory_is_read(tmp_path: Path, read: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.index"
    path.write_bytes(os.urandom(SIZE))
    read_ahead([path]).join()
    assert read == []  # it has just been written
    monkeypatch.setattr(module, "in_memory", lambda _, at: at == 3 * 2**20)
    read_ahead([tmp_path / "none", path]).join()
    assert read == [0, 2**20, 2 * 2**20, 4 * 2**20, 5 * 2**20]


def test_small_and_huge_files_are_left(tmp_path: Path, read: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "in_memory", lambda *_: False)
    monkeypatch.setattr(module, "_MOST", SIZE - 1)
    for name, size in (("small", 2**20), ("huge", SIZE)):
        (tmp_path / name).write_bytes(bytes(size))
    read_ahead([tmp_path / "small", tmp_path / "huge"]).join()
    assert read == []


def test_what_was_evicted_is_not_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.index"
    path.write_bytes(os.urandom(SIZE))
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert in_memory(descriptor, 0)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        in_memory(descriptor, SIZE // 2)  # it may be gone or, in a file system in memory, not
        os.preadv(descriptor, [bytearray(SIZE)], 0)
        assert in_memory(descriptor, SIZE // 2)
    finally:
        os.close(descriptor)
