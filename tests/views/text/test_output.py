"""How things reach the screen: nothing is cut, nothing is obeyed, and JSON always comes out."""

from __future__ import annotations

import io
import json
import os
import pty
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from simsearch.views.text.output import _Output, print_json, progress_bar, table, text

if TYPE_CHECKING:
    pass


def test_an_output_that_is_not_utf8_still_gets_json(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="latin-1", errors="backslashreplace"))
    print_json({"name": "ü 藥"})
    assert json.loads(out.getvalue().decode("latin-1")) == {"name": "ü 藥"}


def test_a_terminal_folds_and_cuts_nothing() -> None:
    stream = io.StringIO()
    screen = _Output(file=stream, force_terminal=True, width=50, height=25, color_system=None, soft_wrap=True)
    rows = table("SKU", "probability", "image")
    path = "/a/long/path/" + "x" * 100 + ".jpg"
    rows.add_row("SYN-00001", "97.0%", path)
    screen.print(rows)
    lines = stream.getvalue().splitlines()
    assert all(len(line) <= 50 for line in lines)
    assert len(lines) > 3
    assert "…" not in stream.getvalue()
    start = lines[0].index("image")
    assert "".join(line[start:].strip() for line in lines[1:]) == path
    assert "97.0%" in lines[1]


def test_control_characters_are_shown_not_sent() -> None:
    assert text("a\x1b]0;b\x07\r\nc\u202f\u3000d\udcff") == "a\\x1b]0;b\\x07\\r\\nc\u202f\u3000d\\udcff"


def test_a_progress_bar_leaves_standard_output_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    primary, secondary = pty.openpty()
    out = io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", out)
    with os.fdopen(secondary, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress_bar("asking", quiet=False) as progress:
            progress(1, 2, "half")
            print_json({"a": 1})
        assert out.getvalue() == '{"a": 1}\n'
        with progress_bar("asking", quiet=True) as progress:
            progress(1, 2, "half")
        monkeypatch.undo()
    shown = b""
    with suppress(OSError):  # EIO at the end: the other side is closed
        while part := os.read(primary, 100_000):
            shown += part
    os.close(primary)
    assert b"asking" in shown
    assert b'"a"' not in shown
