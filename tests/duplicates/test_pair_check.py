"""The check of pairs: what is read, by how many threads, and what is held in memory."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from simsearch import open_app
from simsearch.core import images
from simsearch.core.config import DuplicateSettings
from simsearch.duplicates import pair_check, pair_look
from tests.duplicates.world import World

if TYPE_CHECKING:
    from tests.conftest import Kit


def test_no_more_threads_than_the_process_may_use_cores(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)
    world.add("abcd")
    threads: set[int] = set()

    def compared() -> None:
        threads.add(threading.get_ident())
        time.sleep(0.01)

    world.findings({"ab": 0.95, "cd": 0.96}, on_compare=compared)
    assert len(threads) == 1


def test_files_of_a_block_are_looked_up_at_once(indexed: Path, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    read: list[Path] = []
    load = images.load_accepted

    def counted_load(path: Path, settings: Any, sha256: str) -> Any:
        read.append(path)
        return load(path, settings, sha256)

    with open_app(indexed, kit.config) as app:
        stored = app.catalog.images.stored

        def counted(ids: Any) -> Any:
            asked.append(1)
            return stored(ids)

        monkeypatch.setattr(app.catalog.images, "stored", counted)
        monkeypatch.setattr(images, "load_accepted", counted_load)
        app.duplicates(threshold=0.99)
    assert len(read) == len(set(read)) > 2  # each file once
    assert len(asked) < len(read)


def test_files_that_cannot_be_read_are_counted(indexed: Path, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_app(indexed, kit.config) as app:
        assert app.find_duplicates().unread == 0
        monkeypatch.setattr(images, "read", lambda path, settings: b"")
        found = app.find_duplicates()
    assert found.unread > 0
    assert found.left_out == 0
    assert found.groups


def test_keypoints_of_no_more_files_are_held_than_a_block_of_pairs_has(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = "abcdefghijkl"
    world.add(letters)
    random = np.random.default_rng(3)
    every = {x + y: float(random.random()) for i, x in enumerate(letters) for y in letters[i + 1 :]}
    many = DuplicateSettings(vote_keypoints=0, neighbours=11, geometry=11, look_alike=0.0)
    expected, asked = world.find(every, many, 0.5)
    assert len(asked) == len(set(asked)) == 66

    held: list[int] = []
    read = world.catalog.descriptors.of
    monkeypatch.setattr(pair_check, "_BLOCK", 3)
    monkeypatch.setattr(pair_look, "_HELD", 6)

    def counted(fingerprint: str, ids: list[int]) -> dict[int, bytes]:
        held.append(len(ids) if fingerprint == world.methods["orb"].fingerprint else 0)
        return read(fingerprint, ids)

    monkeypatch.setattr(world.catalog.descriptors, "of", counted)
    assert world.find(every, many, 0.5)[0] == expected
    assert 0 < max(held) <= 6
