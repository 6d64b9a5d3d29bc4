"""Building, serving and rolling back: whatever goes wrong, what served goes on serving."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.core.config import GenerationSettings
from simsearch.core.errors import GenerationError
from simsearch.core.types import Ids
from simsearch.indexes import VectorIndex, stored_file
from simsearch.indexes import build as builds
from simsearch.indexes.flat import BinaryFlatIndex, FlatIndex
from simsearch.indexes.generations import Generations, Lane

SETTINGS = GenerationSettings(audit_sample=20, audit_k=5)
SIAMESE, PHASH = Lane("siamese", "siamese-1", "cosine", 8), Lane("phash", "phash-1", "hamming", 64)
WANTED = {"siamese": "siamese-1", "phash": "phash-1"}
Lanes = Iterator[tuple[Lane, Ids, NDArray[Any]]]


def lanes(count: int, start: int = 1) -> Lanes:
    random = np.random.default_rng(count)
    ids = np.arange(start, start + count, dtype=np.int64)
    found = random.normal(size=(count, 8)).astype(np.float32)
    yield SIAMESE, ids, found / np.linalg.norm(found, axis=1, keepdims=True)
    yield PHASH, ids, random.integers(0, 256, (count, 8)).astype(np.uint8)


def build(store: Generations, count: int = 6, **changed: Any) -> str:
    name = changed.pop("name", None) or store.next_name()
    values: dict[str, Any] = {"revision": count * 10, "expected": np.arange(1, count + 1), "settings": SETTINGS}
    store.build(changed.pop("lanes", lanes(count)), name=name, **(values | changed))
    return str(name)


@pytest.fixture
def store(tmp_path: Path) -> Generations:
    return Generations(tmp_path / "generations")


def opened(store: Generations) -> str:
    """The name of what serves, after a look that it answers."""
    found = store.open(WANTED)
    assert found is not None
    for index in found.lanes.values():
        assert index.ids().tolist() == list(range(1, found.images + 1))
    return found.name


def files(store: Generations) -> list[str]:
    return sorted(p.name for p in store.folder.iterdir())


def test_before_the_first_build(store: Generations) -> None:
    assert store.names() == []
    assert store.current() is None
    assert store.open(WANTED) is None
    assert store.next_name() == "g000001"
    store.clean()
    with pytest.raises(GenerationError, match="there is no generation before None; run `simsearch rebuild`"):
        store.rollback()
    assert not store.folder.exists()


def test_a_build_serves_what_it_was_given(store: Generations) -> None:
    manifest = store.build(lanes(40), name="g000001", revision=7, expected=np.arange(1, 41), settings=SETTINGS)
    assert {name: (audit.passed, audit.recall) for name, audit in manifest.audit.items()} == {
        "siamese": (True, 1.0), "phash": (True, 1.0),
    }  # fmt: skip
    found = store.open(WANTED)
    assert found is not None
    assert (found.name, found.revision, found.images) == ("g000001", 7, 40)
    assert found.digest == manifest.digest == store.manifest("g000001").digest
    for lane, ids, vectors in lanes(40):
        near, similarities = found.lanes[lane.name].search(vectors, 1)
        assert np.array_equal(near[:, 0], ids)
        np.testing.assert_allclose(similarities, 1.0, atol=1e-6)
    assert files(store) == ["current", "g000001"]
    assert files(Generations(store.folder / "g000001")) == ["manifest.json", "phash.index", "siamese.index"]


def test_a_lane_that_nobody_asks_for_is_not_loaded(store: Generations) -> None:
    build(store)
    found = store.open({"phash": "phash-1"})
    assert found is not None
    assert set(found.lanes) == {"phash"}


def test_an_empty_catalog_can_be_built(store: Generations) -> None:
    build(store, 0)
    assert opened(store) == "g000001"


def test_the_next_build_takes_over(store: Generations) -> None:
    assert [build(store, 5), build(store, 6)] == ["g000001", "g000002"]
    assert opened(store) == "g000002"
    assert store.names() == ["g000001", "g000002"]


class Breaks:
    """The nth call fails, all others go through."""

    def __init__(self, real: Callable[..., Any], nth: int, error: BaseException) -> None:
        self.real, self.left, self.error = real, nth, error

    def __call__(self, *args: Any, **named: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            raise self.error
        return self.real(*args, **named)


FULL = OSError(errno.ENOSPC, "No space left on device")
STEPS = [  # what a build does: where, which call of it
    *((os, "fsync", nth) for nth in range(1, 7)), (builds, "audit", 1), (builds, "audit", 2),
    *((stored_file, "sha256", nth) for nth in (1, 2)), (json, "dumps", 1), (os, "rename", 1), (os, "replace", 1),
]  # fmt: skip


@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("step", STEPS, ids=[f"{name}-{nth}" for _, name, nth in STEPS])
def test_cut_short_at_any_step_the_old_one_serves(
    store: Generations, monkeypatch: pytest.MonkeyPatch, step: tuple[Any, str, int], error: BaseException
) -> None:
    build(store, 5)
    where, name, nth = step
    with monkeypatch.context() as patched:
        patched.setattr(where, name, Breaks(getattr(where, name), nth, error))
        with pytest.raises(GenerationError if error is FULL else type(error)):
            build(store, 6)
    assert opened(store) == "g000001"
    # The next build begins anew, under a name of its own, and leaves nothing lying about.
    assert build(store, 7) in ("g000002", "g000003")
    assert opened(store) == store.names()[-1]
    assert set(files(store)) == {"current", *store.names()}


def test_a_full_disk_is_said_in_one_line(store: Generations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", Breaks(os.fsync, 2, FULL))
    with pytest.raises(GenerationError) as caught:
        build(store)
    assert str(caught.value) == (
        f"{store.folder}: g000001 cannot be written (No space left on device); check the folder and the free disk space"
    )


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GenerationError, match="g000001 cannot be written"):
        build(Generations(tmp_path / "file" / "generations"))


@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        (range(1, 8), "1 images of the catalog are missing, 0 are not in it"),
        (range(1, 5), "0 images of the catalog are missing, 2 are not in it"),
        (range(2, 8), "1 images of the catalog are missing, 1 are not in it"),
    ],
)
def test_an_id_too_few_or_too_many_fails_the_audit(store: Generations, expected: range, reason: str) -> None:
    build(store, 5)
    with pytest.raises(GenerationError) as caught:
        build(store, 6, expected=np.array(expected))
    said = str(caught.value)
    assert said.startswith("the audit of g000002 failed, the old generation goes on serving: siamese: " + reason)
    assert opened(store) == "g000001"
    assert files(store) == ["current", "g000001"]


class Forgetful(FlatIndex):
    """Finds one fewer than it should, and the wrong one instead."""

    def search(self, vectors: NDArray[Any], k: int) -> tuple[Ids, NDArray[Any]]:
        ids, similarities = super().search(vectors, k + 1)
        return np.delete(ids, 1, axis=1), np.delete(similarities, 1, axis=1)


class Mistaken(FlatIndex):
    """Has the right similarities beside the ids of others."""

    def search(self, vectors: NDArray[Any], k: int) -> tuple[Ids, NDArray[Any]]:
        ids, similarities = super().search(vectors, k)
        return 1 + ids % len(self), similarities


class Repetitive(FlatIndex):
    """Gives the best one again and again."""

    def search(self, vectors: NDArray[Any], k: int) -> tuple[Ids, NDArray[Any]]:
        ids, similarities = super().search(vectors, 1)
        return np.repeat(ids, k, axis=1), np.repeat(similarities, k, axis=1)


@pytest.mark.parametrize("stub", [Forgetful, Mistaken, Repetitive])
def test_low_recall_fails_the_audit(
    store: Generations, monkeypatch: pytest.MonkeyPatch, stub: type[VectorIndex]
) -> None:
    build(store, 30)
    classes: dict[str, type[VectorIndex]] = {"flat": stub, "binary-flat": BinaryFlatIndex}
    monkeypatch.setattr(builds, "load", lambda kind, path, dim: classes[kind].load(path, dim))
    with pytest.raises(GenerationError, match=r"siamese: recall@5 is 0\.\d+, below generations.audit_recall = 0.995$"):
        build(store, 31)
    monkeypatch.undo()
    assert opened(store) == "g000001"


def test_ties_and_vectors_of_nothing_do_not_fail_the_audit(store: Generations) -> None:
    ids = np.arange(1, 31)
    same = np.tile(np.eye(8, dtype=np.float32)[0], (30, 1))
    build(store, 30, lanes=iter([(SIAMESE, ids, same), (PHASH, ids, np.zeros((30, 8), np.uint8))]))
    assert opened(store) == "g000001"


def test_numbers_that_are_none_fail_the_audit(store: Generations) -> None:
    broken = np.full((6, 8), np.nan, np.float32)
    with pytest.raises(GenerationError, match="the audit of g000001 failed"):
        build(store, 6, lanes=iter([(SIAMESE, np.arange(1, 7), broken)]))
    assert store.current() is None


def test_names_only_go_up(store: Generations) -> None:
    assert store.next_name(["g000041", "nonsense", ""]) == "g000042"
    build(store, name="g000007")
    (store.folder / "g000012.unfinished").mkdir()
    (store.folder / "g000009").mkdir()  # without a manifest
    (store.folder / "notes").mkdir()
    assert store.names() == ["g000007"]
    assert store.next_name() == store.next_name(["g000003"]) == "g000013"
    assert store.next_name(["g1000000"]) == "g1000001"
    with pytest.raises(GenerationError, match="g000009: is there already; run `simsearch rebuild`"):
        build(store, name="g000009")
    assert opened(store) == "g000007"


def test_after_a_million_names_are_still_in_order(store: Generations) -> None:
    for name in ("g999998", "g999999", "g1000000"):
        build(store, name=name)
    assert store.names() == ["g999998", "g999999", "g1000000"]
    assert store.rollback() == "g999999"
    assert store.prune(1) == ["g999998"]
    assert store.names() == ["g999999", "g1000000"]


def test_rollback_goes_back_one_at_a_time(store: Generations) -> None:
    for count in (4, 5, 6):
        build(store, count)
    assert [store.rollback(), opened(store)] == ["g000002", "g000002"]
    assert [store.rollback(), opened(store)] == ["g000001", "g000001"]
    with pytest.raises(GenerationError, match="there is no generation before g000001"):
        store.rollback()
    assert opened(store) == "g000001"
    assert build(store, 7) == "g000004"
    assert store.rollback() == "g000003"


def test_rollback_passes_over_what_is_damaged(store: Generations) -> None:
    for count in (4, 5, 6):
        build(store, count)
    path = store.folder / "g000002" / "phash.index"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert store.rollback() == opened(store) == "g000001"


def test_prune_keeps_the_newest_and_the_one_that_serves(store: Generations, monkeypatch: pytest.MonkeyPatch) -> None:
    for count in range(3, 8):
        build(store, count)
    store.rollback(), store.rollback(), store.rollback()
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", Breaks(shutil.rmtree, 1, FULL))
        with pytest.raises(OSError, match="No space"):
            store.prune(2)
    assert store.names() == ["g000002", "g000003", "g000004", "g000005"]  # what is half removed is none
    assert store.prune(2) == ["g000003"]
    assert store.names() == ["g000002", "g000004", "g000005"]
    assert store.prune(10) == []
    assert opened(store) == "g000002"
    store.clean()
    assert files(store) == ["current", "g000002", "g000004", "g000005"]


def test_the_manifest_says_what_was_built(store: Generations) -> None:
    build(store, 6)
    body = json.loads((store.folder / "g000001" / "manifest.json").read_text(encoding="utf-8"))
    assert {k: body[k] for k in ("format", "name", "revision", "images")} == {
        "format": 2, "name": "g000001", "revision": 60, "images": 6,
    }  # fmt: skip
    assert [(lane["name"], lane["kind"]) for lane in body["lanes"]] == [("siamese", "flat"), ("phash", "binary-flat")]
    assert body["audit"]["phash"]["recall"] == 1.0
    assert body["settings"]["keep"] == 3
