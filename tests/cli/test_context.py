"""The process around a command: what is switched off for speed, and given back."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simsearch.cli.context import brief, collecting_seldom
from simsearch.core.errors import UsageError

if TYPE_CHECKING:
    pass


ROOT = Path(__file__).resolve().parents[2]


def test_at_the_end_of_the_process_no_garbage_is_looked_for() -> None:
    script = """
import atexit, gc, sys
from simsearch.cli import main as cli
atexit.register(lambda: print(gc.get_freeze_count() > 0))
sys.argv = ["simsearch", "--version"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "True"


def test_a_brief_call_leaves_the_process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        with brief(), brief():
            assert not gc.isenabled()
            assert os.environ["OPENBLAS_NUM_THREADS"] == threads
            raise UsageError("no such thing")

    before = os.environ.get("OPENBLAS_NUM_THREADS")
    threads = before or "1"
    assert gc.isenabled()
    with pytest.raises(UsageError):
        fails()
    assert gc.isenabled()
    assert os.environ.get("OPENBLAS_NUM_THREADS") == before
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", threads := "3")  # who says so has a reason
    with pytest.raises(UsageError):
        fails()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"


def test_garbage_is_collected_seldom_within() -> None:
    before = gc.get_threshold()
    with collecting_seldom():
        assert gc.get_threshold() == (50_000, *before[1:])
        assert gc.isenabled()
    assert gc.get_threshold() == before
