"""Stamps: what shows without a reading that a file may have changed, and what fits into a database."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from simsearch.core.stamps import NO_FILE, Stamp


def photo(path: Path, content: bytes = b"one") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(0, 10**18))
    return path


def test_an_unchanged_file_agrees_with_itself(tmp_path: Path) -> None:
    path = photo(tmp_path / "a")
    assert Stamp.of(path).agrees(Stamp.of(path))
    assert Stamp.of(path).size == 3


def moved_over(a: Path, b: Path) -> None:
    os.replace(b, a)


def written_in_place(a: Path, b: Path) -> None:
    photo(a, b.read_bytes())


def folders_exchanged(a: Path, b: Path) -> None:
    """The files keep their own times: only their numbers tell."""
    between = a.parent.with_name("between")
    a.parent.rename(between)
    b.parent.rename(a.parent)
    between.rename(b.parent)


def linked(a: Path, b: Path) -> None:
    a.unlink()
    a.symlink_to(b)


def copied_with_its_times(a: Path, b: Path) -> None:
    shutil.copy2(b, a)


@pytest.mark.parametrize("put", [moved_over, written_in_place, folders_exchanged, linked, copied_with_its_times])
def test_another_file_of_equal_size_and_time_does_not_agree(tmp_path: Path, put: object) -> None:
    a, b = photo(tmp_path / "A/x"), photo(tmp_path / "B/x", b"two")
    before = Stamp.of(a)
    assert callable(put)
    put(a, b)
    after = Stamp.of(a)
    assert (after.size, after.mtime_ns) == (before.size, before.mtime_ns)
    assert not before.agrees(after)


def test_what_was_not_noted_is_not_compared(tmp_path: Path) -> None:
    seen = Stamp.of(photo(tmp_path / "a"))
    assert Stamp(seen.size, seen.mtime_ns).agrees(seen)
    assert seen.agrees(Stamp(seen.size, seen.mtime_ns))
    assert not Stamp(seen.size, seen.mtime_ns + 1).agrees(seen)
    assert not replace(seen, inode=None, size=9).agrees(seen)


@pytest.mark.parametrize("name", ["missing", "a\0b", "x" * 300, "missing/below"])
def test_where_there_is_no_file_the_stamp_says_so(tmp_path: Path, name: str) -> None:
    assert Stamp.of(tmp_path / name) == NO_FILE


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, 2**63, 2**64 - 1, 10**28, -(2**63) - 1, -(10**25)])
def test_every_number_fits_into_a_database(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def odd(_: object) -> object:
        return type("stat", (), dict.fromkeys(("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino"), number))

    monkeypatch.setattr(os, "stat", odd)
    found = Stamp.of("a")
    assert -(2**63) <= found.mtime_ns < 2**63
    assert found == Stamp.of("a")


def test_times_that_are_folded_still_differ(tmp_path: Path) -> None:
    path = photo(tmp_path / "a")
    stamps = []
    for seconds in (10**10, 10**10 + 1, 2**34 - 1):
        os.utime(path, ns=(0, seconds * 10**9))
        stamps.append(Stamp.of(path).mtime_ns)
    assert len(set(stamps)) == 3
