"""The fast check of a file, and what it leaves to the full one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from simsearch.core.errors import GenerationError
from simsearch.indexes import stored_file
from simsearch.indexes.stored_file import StoredFile, describe_file

DIFFERS = "does not have the content that was written"


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoredFile:
    """A file of 2 MB, where all above 1 MB is not read whole."""
    monkeypatch.setattr(stored_file, "WHOLE", 2**20)
    path = tmp_path / "siamese.index"
    path.write_bytes(np.random.default_rng(0).bytes(2 * 2**20))
    return StoredFile(**describe_file(path))


def flip(path: Path, place: int) -> None:
    """Damage one byte as a disk would: without a trace in the file's times."""
    times = path.stat()
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_large_file_that_was_touched_is_read_whole(tmp_path: Path, large: StoredFile) -> None:
    path, place = tmp_path / large.file, large.bytes // 3 + 5000
    flip(path, place)
    large.check(tmp_path, full=False)  # between the blocks: only the full check sees it
    with pytest.raises(GenerationError, match=DIFFERS):
        large.check(tmp_path, full=True)
    os.utime(path)
    with pytest.raises(GenerationError, match=DIFFERS):
        large.check(tmp_path, full=False)
    flip(path, place)
    large.check(tmp_path, full=False)


@pytest.mark.parametrize("place", [0, 40, 60_000, -1, -60_000, -20])
def test_headers_of_a_large_file_are_always_read(tmp_path: Path, large: StoredFile, place: int) -> None:
    flip(tmp_path / large.file, place % large.bytes)
    with pytest.raises(GenerationError, match=DIFFERS):
        large.check(tmp_path, full=False)


def test_a_thousand_random_bits_are_all_seen_by_the_full_check(tmp_path: Path, large: StoredFile) -> None:
    rng = np.random.default_rng(5)
    path = tmp_path / large.file
    whole = path.read_bytes()
    places, bits = rng.integers(0, len(whole), 1000).tolist(), rng.integers(0, 8, 1000).tolist()
    for place, bit in zip(places, bits, strict=True):
        with path.open("r+b") as stream:
            stream.seek(place)
            stream.write(bytes([whole[place] ^ 1 << bit]))
        with pytest.raises(GenerationError):
            large.check(tmp_path, full=True)
        with path.open("r+b") as stream:
            stream.seek(place)
            stream.write(whole[place : place + 1])
    large.check(tmp_path, full=True)


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path, large: StoredFile) -> None:
    (tmp_path / large.file).unlink()
    with pytest.raises(GenerationError, match=r"siamese\.index: is missing or of another size"):
        large.check(tmp_path, full=False)
    (tmp_path / large.file).mkdir()
    with pytest.raises(GenerationError, match=r"siamese\.index: is missing or of another size"):
        large.check(tmp_path, full=False)
