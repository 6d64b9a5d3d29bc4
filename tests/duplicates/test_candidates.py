"""Candidate pairs: what each lane proposes, and how the lanes are merged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from simsearch.core.types import silent
from simsearch.duplicates import candidates
from simsearch.duplicates.candidates import FilePairs, SelfJoin, candidate_pairs
from simsearch.duplicates.distinct_files import distinct_files
from simsearch.duplicates.left_out import LeftOut
from simsearch.features import create
from simsearch.features.orb import KEYPOINT
from tests.duplicates.world import SETTINGS, World

if TYPE_CHECKING:
    from simsearch.core.config import DuplicateSettings


def proposed(world: World, settings: DuplicateSettings = SETTINGS) -> tuple[FilePairs, LeftOut]:
    left_out = LeftOut()
    files = distinct_files(world.catalog, world.methods, left_out)
    return candidate_pairs(SelfJoin(world.catalog, world.methods, settings, files, left_out), silent), left_out


def listed(pairs: FilePairs) -> list[tuple[int, int, int]]:
    return list(zip(pairs.a.tolist(), pairs.b.tolist(), pairs.rank.tolist(), strict=True))


def test_each_pair_once_with_the_better_rank_of_both_directions(world: World) -> None:
    for mark, angle in (("a", 0), ("b", 10), ("c", 15), ("d", 90)):
        world.add(mark, angle=angle)
    pairs, _ = proposed(world)
    # c is the nearest of b and b that of c; a has b first, and b has a second; d has nobody near enough.
    assert listed(pairs) == [(0, 1, 0), (0, 2, 1), (1, 2, 0)]
    few, _ = proposed(world, replace(SETTINGS, neighbours=1))
    assert listed(few) == [(0, 1, 0), (1, 2, 0)]


def test_the_same_in_small_blocks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add("abcdefg")
    whole, _ = proposed(world)
    monkeypatch.setattr(candidates, "_ROWS", 2)
    blocks, _ = proposed(world)
    assert listed(blocks) == listed(whole)
    assert len(whole) > 0


def test_a_catalog_of_one_file_or_none_has_no_pairs(world: World) -> None:
    assert len(proposed(world)[0]) == 0
    world.add("a")
    assert len(proposed(world)[0]) == 0


def keypoints(rng: np.random.Generator, bits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    out = np.zeros(len(bits), KEYPOINT)
    out["xy"], out["bits"] = rng.integers(0, 16_000, (len(bits), 2)), bits
    return out


@pytest.fixture
def voting(world: World) -> World:
    """a and b share their keypoints, c and d share none; all are far apart by embedding and hash."""
    world.methods["orb"] = create("orb")
    rng = np.random.default_rng(0)
    shared = rng.integers(0, 256, (60, 32), dtype=np.uint8)
    for number, mark in enumerate("abcd"):
        own = rng.integers(0, 256, (60, 32), dtype=np.uint8)
        world.add(mark, angle=90 * number, orb=keypoints(rng, shared if mark in "ab" else own))
    return world


VOTES = replace(SETTINGS, neighbours=2, vote_keypoints=60)


def test_keypoint_votes_propose_what_no_other_lane_does(voting: World) -> None:
    assert listed(proposed(voting)[0]) == []
    pairs, left_out = proposed(voting, VOTES)
    assert listed(pairs) == [(0, 1, 255)]
    assert pairs.votes.tolist() == [0]
    assert len(left_out) == 0


def test_damaged_keypoints_do_not_end_the_vote(voting: World, caplog: pytest.LogCaptureFixture) -> None:
    voting.damage(3, "orb")
    pairs, left_out = proposed(voting, VOTES)
    assert (0, 1, 255) in listed(pairs)
    assert not any(2 in pair[:2] for pair in listed(pairs))
    assert left_out.ids == {3}
    assert len(caplog.records) == 1
