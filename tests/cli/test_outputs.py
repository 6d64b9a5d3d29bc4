"""Where the command line writes: every option through the same door."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Done, Kit, Run, Shop

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def calls(on: Run, home: Path, shop: Shop) -> dict[str, Callable[[Path], Done]]:
    photo, other = shop.photo(shop.single[0].sku), shop.photo(shop.single[1].sku)
    on(home, "query", photo)  # a decision to export
    return {
        "query --html": lambda path: on(home, "query", photo, "--html", path),
        "duplicates --html": lambda path: on(home, "duplicates", "--html", path),
        "duplicates --csv": lambda path: on(home, "duplicates", "--csv", path),
        "verify --csv": lambda path: on(home, "verify", photo, other, "--csv", path),
        "decisions --export": lambda path: on(home, "decisions", "--export", path),
    }


OPTIONS = ["query --html", "duplicates --html", "duplicates --csv", "verify --csv", "decisions --export"]


@pytest.mark.parametrize("option", OPTIONS)
def test_links_pipes_and_devices_stay_what_they_are(
    calls: dict[str, Callable[[Path], Done]], tmp_path: Path, option: str
) -> None:
    call = calls[option]
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    assert call(tmp_path / "link").code == 0
    assert (tmp_path / "link").is_symlink()
    written = (tmp_path / "real").read_bytes()
    assert len(written) > 50
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    assert call(tmp_path / "pipe").code == 0
    reader.join(20)
    assert (tmp_path / "pipe").is_fifo()
    assert len(read[0]) > 50
    done = call(Path("/dev/full"))
    assert "/dev/full: cannot be written (No space left on device)" in done.err
    assert done.code == 2
    assert Path("/dev/full").is_char_device()
    (tmp_path / "folder").mkdir()
    done = call(tmp_path / "folder")
    assert f"{tmp_path / 'folder'}: cannot be written (Is a directory)" in done.err


def test_a_picture_of_evidence_goes_through_a_link_too(on: Run, home: Path, shop: Shop, tmp_path: Path) -> None:
    photo = shop.photo(shop.single[0].sku)
    (tmp_path / "evidence").mkdir()
    (tmp_path / "kept.png").write_bytes(b"old")
    (tmp_path / "evidence" / f"{photo.stem}.png").symlink_to(tmp_path / "kept.png")
    assert on(home, "query", photo, "--evidence", tmp_path / "evidence").code == 0
    assert (tmp_path / "evidence" / f"{photo.stem}.png").is_symlink()
    assert (tmp_path / "kept.png").read_bytes().startswith(b"\x89PNG")


def test_a_full_standard_output_is_named(home: Path, kit: Kit) -> None:
    call = [
        sys.executable,
        "-c",
        "from simsearch.cli.main import main; main()",
        "--config",
        str(kit.config),
        "--home",
        str(home),
    ]
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*call, "status", "--json"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "simsearch: standard output: No space left on device\n")
