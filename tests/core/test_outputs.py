"""Output to wherever a caller points: links stay, pipes and devices are written, folders are left alone."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from simsearch.core.files import Output, write_output

ROOT = Path(__file__).resolve().parents[2]


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("links", [1, 3])
@pytest.mark.parametrize("target", ["there", "not yet"])
def test_links_are_followed_and_stay(tmp_path: Path, links: int, target: str) -> None:
    real = tmp_path / "elsewhere" / "real.html"
    real.parent.mkdir()
    if target == "there":
        real.write_text("old")
        real.chmod(0o640)
    path = real
    for number in range(links):
        (tmp_path / f"link{number}").symlink_to(path if number else os.path.relpath(path, tmp_path))
        path = tmp_path / f"link{number}"
    write_output(path, "new Ä")
    assert path.is_symlink()
    assert real.read_bytes() == "new Ä".encode()
    assert names(real.parent) == ["real.html"]
    if target == "there":
        assert real.stat().st_mode & 0o777 == 0o640


def test_a_second_name_of_the_file_gets_the_content_too(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a much longer text")
    os.link(tmp_path / "a", tmp_path / "b")
    write_output(tmp_path / "a", b"new")
    assert (tmp_path / "b").read_bytes() == b"new"


def test_a_file_in_a_folder_that_cannot_be_written_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    output = Output(tmp_path / "a")
    output.stream.write(b"new")
    assert (tmp_path / "a").read_text() == "old"  # until all of it is there
    output.close()
    assert (tmp_path / "a").read_text() == "new"
    Output(tmp_path / "a").discard()
    assert (tmp_path / "a").read_text() == "new"


def test_a_pipe_is_written_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_output(tmp_path / "pipe", "through")
    reader.join(10)
    assert (read, (tmp_path / "pipe").is_fifo(), names(tmp_path)) == ([b"through"], True, ["pipe"])


@pytest.mark.parametrize("linked", [False, True])
def test_a_full_device_is_named_and_stays(tmp_path: Path, linked: bool) -> None:
    path = Path("/dev/full")
    if linked:
        path = tmp_path / "link"
        path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write_output(path, "x")
    assert Path("/dev/full").is_char_device()
    write_output("/dev/null", "x")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("redirected", ["file", "pipe"])
def test_standard_output_keeps_its_order(tmp_path: Path, name: str, redirected: str) -> None:
    if name == "link":
        (tmp_path / "link").symlink_to("/dev/stdout")
        name = str(tmp_path / "link")
    code = "import sys; from simsearch.core.files import write_output; print('before')\n"
    code += f"write_output({name!r}, 'page\\n'); print('after')"
    call = [sys.executable, "-c", code]
    if redirected == "pipe":
        said = subprocess.run(call, cwd=ROOT, capture_output=True, check=True).stdout
    else:
        with (tmp_path / "out").open("wb") as stream:
            subprocess.run(call, cwd=ROOT, stdout=stream, check=True)
        said = (tmp_path / "out").read_bytes()
    assert said == b"before\npage\nafter\n"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: path.mkdir(), errno.EISDIR), (lambda path: path.symlink_to(path), errno.ELOOP),
        (lambda path: path.symlink_to(path.parent / "none" / "x"), errno.ENOENT),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_left_as_it_is(tmp_path: Path, make: object, code: int) -> None:
    assert callable(make)
    make(tmp_path / "out")
    before = os.lstat(tmp_path / "out")
    with pytest.raises(OSError, match=os.strerror(code)) as caught:
        write_output(tmp_path / "out", "x")
    assert caught.value.errno == code
    assert os.lstat(tmp_path / "out").st_ino == before.st_ino
    assert names(tmp_path) == ["out"]


def test_what_is_discarded_leaves_the_old_and_what_is_not_whole_stays(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    output = Output(tmp_path / "a")
    output.stream.write(b"new")
    output.discard()
    assert ((tmp_path / "a").read_text(), names(tmp_path)) == ("old", ["a"])
    output = Output(tmp_path / "a", whole=False)
    output.stream.write(b"part")
    output.discard()
    assert (tmp_path / "a").read_text() == "part"
