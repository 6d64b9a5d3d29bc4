"""A full disk: what can be answered is answered, what cannot be written is named, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Run, Shop


@pytest.fixture
def full(home: Path, tmp_path: Path) -> Iterator[Path]:
    """The home on a disk of its own, without a byte left."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("may not mount a disk")
    try:
        shutil.copytree(home, disk / "home")
        with (disk / "fill").open("wb", buffering=0) as stream, suppress(OSError):
            while stream.write(bytes(4096)):
                pass
        yield disk / "home"
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_answers_do_not_need_room_and_what_does_is_named(on: Run, full: Path, shop: Shop) -> None:
    photo = shop.photo(shop.single[0].sku)
    assert shop.single[0].sku in on(full, "query", photo).out
    for call in (["status"], ["duplicates"], ["decisions"], ["query", "--no-record", photo]):
        assert on(full, *call).code == 0, call
    for call in (["rebuild"], ["rebuild", "--nightly", shop.table], ["index", shop.table, "--reread"]):
        done = on(full, *call)
        assert done.code in (5, 6), done.err
        assert f"simsearch: {full}/" in done.err
        assert "free disk space" in done.err
        assert "unexpected" not in done.err
    (full.parent / "fill").unlink()
    assert on(full, "status", "--verify").code == 0
    assert on(full, "rebuild").code == 0
