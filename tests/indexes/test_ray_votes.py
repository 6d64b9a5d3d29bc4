"""Votes that actors look up: those of the files, whatever happens to the actors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from simsearch.core.errors import ConfigError, EngineError, GenerationError
from simsearch.indexes import ray_votes
from simsearch.indexes.generations import Generations
from simsearch.indexes.keypoint_votes import Bits, VoteIndex, votes
from simsearch.indexes.manifest import VoteFacts
from simsearch.indexes.ray_votes import RayVotes, VoteSource
from simsearch.indexes.stored_file import describe_file
from simsearch.indexes.vote_files import opened
from tests.fake_ray import FakeRay, installed
from tests.ray_actors import kill_all

pytestmark = pytest.mark.xdist_group("ray")  # one cluster, of which tests kill actors

REAL = os.environ.get("SIMSEARCH_SCALE_RAY", "")
IMAGES, EACH, FILES = 600, 40, 3


def keypoints() -> Bits:
    return np.random.default_rng(4).integers(0, 256, (IMAGES * EACH, 32), np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> list[VoteFacts]:
    """Three files of a range of images each, in `tmp_path`."""
    bits, ids = keypoints(), np.repeat(np.arange(1, IMAGES + 1), EACH)
    first = VoteIndex(expected=len(bits))
    first.train(bits)
    found = []
    for number, rows in enumerate(np.array_split(np.arange(len(bits)), FILES)):
        part = first.twin()
        part.add(ids[rows], bits[rows])
        path = tmp_path / f"votes-{number}.index"
        part.save(path)
        found.append(VoteFacts(
            kind="votes", fingerprint="orb", most=EACH, dim=256, keypoints=len(part), build_s=0.0, **describe_file(path)
        ))  # fmt: skip
    return found


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    return installed(FakeRay({"CPU": 2.0}), monkeypatch)


@pytest.fixture(params=["fake", "real"])
def where(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a cluster."""
    if request.param == "fake":
        request.getfixturevalue("fake")
        yield "ray"
        return
    if not REAL:
        pytest.skip("no Ray cluster (make test-scale)")
    yield REAL  # the connection is kept for the next test: to make one takes seconds


def photo(image: int) -> Bits:
    """Keypoints of an image of which some bits are flipped."""
    bits = keypoints()[(image - 1) * EACH : image * EACH].copy()
    bits[:, 5] ^= 3
    return bits


def test_the_votes_are_those_of_the_files(files: list[VoteFacts], tmp_path: Path, where: str) -> None:
    here = opened([tmp_path / facts.file for facts in files], 256)
    there = RayVotes(where, VoteSource("g000001", str(tmp_path)), files)
    assert len(there) == len(here) == IMAGES * EACH
    for image in range(1, IMAGES, 13):
        wanted = votes([here], photo(image), k=16)
        for found, expected in zip(votes([there], photo(image), k=16), wanted, strict=True):
            np.testing.assert_array_equal(found, expected)
        assert wanted[0][0] == image


def test_a_lost_actor_comes_back(files: list[VoteFacts], tmp_path: Path, fake: FakeRay) -> None:
    there = RayVotes("ray", VoteSource("g000001", str(tmp_path)), files)
    wanted = there.neighbours(photo(50), 17)
    assert len(fake.started) == FILES
    fake.started[1].alive = False
    for found, expected in zip(there.neighbours(photo(50), 17), wanted, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert len(fake.started) == FILES + 1
    other = RayVotes("ray", VoteSource("g000001", str(tmp_path)), files)
    other.neighbours(photo(3), 17)
    assert len(fake.started) == FILES + 1  # two readers share them


@pytest.mark.skipif(not REAL, reason="no Ray cluster (make test-scale)")
def test_killed_actors_come_back_by_themselves(
    files: list[VoteFacts], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_votes, "_PATIENCE_S", 200.0)  # a busy machine
    there = RayVotes(REAL, VoteSource("g000001", str(tmp_path)), files)
    wanted = there.neighbours(photo(50), 17)
    assert len(kill_all()) >= FILES
    for found, expected in zip(there.neighbours(photo(50), 17), wanted, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_an_actor_that_does_not_come_back_is_named(
    files: list[VoteFacts], tmp_path: Path, fake: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_votes, "_PATIENCE_S", 0.3)
    monkeypatch.setattr(fake, "dying", lambda name, given: name == "neighbours")
    there = RayVotes("ray", VoteSource("g000001", str(tmp_path)), files)
    with pytest.raises(EngineError, match=r"ray: the actor of g000001/votes-\d\.index has not answered for"):
        there.neighbours(photo(1), 17)


def test_a_damaged_file_is_not_served(files: list[VoteFacts], tmp_path: Path, fake: FakeRay) -> None:
    path = tmp_path / files[1].file
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(GenerationError, match=r"votes-1\.index: is not on this machine"):
        RayVotes("ray", VoteSource("g000001", str(tmp_path)), files)


def test_what_names_no_cluster_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'generations\.votes_on = "local:2"'):
        Generations(tmp_path, votes_on="local:2")
