"""Files that a caller asks for are whole or not there, and what cannot be written is an error of the call."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsearch.core.errors import UsageError
from simsearch.views.files import NewFile, writable


def test_an_unfinished_file_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), NewFile(path) as file:
        file.write(["half", str(1 // 0)])
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("page.html", "old")]
    with NewFile(path) as file:
        file.write(["n\udcfc", "w"])
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("page.html", "n\\udcfcw")]


def test_what_cannot_be_written_is_an_error_of_the_call(tmp_path: Path) -> None:
    words = r"--out .*: cannot be written \(No such file or directory\); name another"
    with pytest.raises(UsageError, match=words), writable(f"--out {tmp_path}"):
        (tmp_path / "none" / "page.html").write_text("")
    with pytest.raises(BrokenPipeError), writable("-"):
        raise BrokenPipeError
