"""Processes that look at blocks along with this one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from simsearch.filing import crew
from simsearch.filing.crew import Block, Crew
from tests.filing.helping import SIGN, life, seen

BLOCKS: list[Block] = [([i, i + 1], False) for i in range(12)]


@pytest.fixture(autouse=True)
def any_work_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "_WORTH", 1)


def run(how: str, file: Path, processes: int = 2, *, waits: bool = False) -> tuple[dict[int, int], set[int]]:
    """First id of a block -> what was seen of it; and who looked. `waits`: for a helper to look first."""

    def look(block: Block) -> tuple[int, int]:
        ends = time.monotonic() + 120
        while waits and not file.exists() and time.monotonic() < ends:
            time.sleep(0.01)
        return seen(block)

    found = list(Crew((life.__module__, life.__name__), (how, file), SIGN, processes).run(BLOCKS, look))
    assert len(found) == len(BLOCKS)
    return {block[0][0]: told for block, (_, told) in found}, {who for _, (who, _) in found}


EXPECTED = {block[0][0]: sum(block[0]) for block in BLOCKS}


def test_every_block_is_looked_at_once_here_or_by_a_helper(tmp_path: Path) -> None:
    told, who = run("well", tmp_path / "looked", waits=True)
    assert told == EXPECTED
    assert len(who) == 2
    assert os.getpid() in who


def test_the_block_of_a_helper_that_dies_is_looked_at_here(tmp_path: Path) -> None:
    assert run("dies", tmp_path / "looked", waits=True) == (EXPECTED, {os.getpid()})


@pytest.mark.parametrize("how", ["otherwise", "never"])
def test_a_helper_that_would_see_otherwise_or_cannot_start_is_done_without(how: str, tmp_path: Path) -> None:
    assert run(how, tmp_path / "looked") == (EXPECTED, {os.getpid()})


def test_alone_nothing_is_started(tmp_path: Path) -> None:
    assert run("well", tmp_path / "looked", processes=1) == (EXPECTED, {os.getpid()})


def test_an_error_here_is_raised_and_ends_the_helpers(tmp_path: Path) -> None:
    def fails(_: Block) -> None:
        raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        list(Crew((life.__module__, life.__name__), ("well", tmp_path / "looked"), SIGN, 2).run(BLOCKS, fails))
