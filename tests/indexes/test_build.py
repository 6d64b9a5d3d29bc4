"""Lanes of every kind: built, audited, written, and served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.core.config import GenerationSettings
from simsearch.core.errors import GenerationError
from simsearch.core.types import Ids
from simsearch.indexes import choice
from simsearch.indexes.build import build_lane
from simsearch.indexes.factory import BinaryFactoryIndex, FactoryIndex
from simsearch.indexes.generations import Generations, Lane
from simsearch.indexes.rerank import Reranked

DIM = 32
LANE = Lane("siamese", "siamese-1", "cosine", DIM)


class MemoryDescriptors:
    """The vectors under ids from `first` on."""

    def __init__(self, vectors: NDArray[np.float32], first: int) -> None:
        self.vectors, self.first = vectors, first

    def of(self, fingerprint: str, ids: Iterable[int]) -> dict[int, bytes]:
        assert fingerprint == "siamese-1"
        return {i: self.vectors[i - self.first].tobytes() for i in ids}

    def active_ids(self, fingerprint: str, *, since: int = -1) -> Ids:
        return np.arange(self.first, self.first + len(self.vectors))


class MemoryImages:
    """Images that never change."""

    def mark(self, revision: int, last: int | None = None) -> dict[str, int]:
        return {"images": 1, "redescribed": 0, "last": last or 1}


class MemoryBuilds:
    """Builds that were recorded."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def get(self, name: str) -> dict[str, Any] | None:
        return next((row for row in self.rows if row["name"] == name), None)

    def record(self, name: str, images: int, state: str, audit: Mapping[str, Any]) -> None:
        self.rows.append({"name": name, "images": images, "state": state, "audit": dict(audit)})


class MemoryCatalog:
    """What the indexes need of a catalog."""

    def __init__(self, vectors: NDArray[np.float32], first: int) -> None:
        self.descriptors, self.images, self.builds = MemoryDescriptors(vectors, first), MemoryImages(), MemoryBuilds()


def drawn(count: int, seed: int = 0, dim: int = DIM) -> NDArray[np.float32]:
    """Unit vectors of few effective dimensions, as embeddings are."""
    scale = np.exp(-np.arange(dim) / 6).astype(np.float32)
    found = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32) * scale
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def exact(vectors: NDArray[np.float32], query: NDArray[np.float32], k: int) -> set[int]:
    return set(np.argsort(-(vectors @ query))[:k].tolist())


@pytest.mark.parametrize(
    ("settings", "class_"),
    [
        ({"storage": "float16"}, FactoryIndex), ({"storage": "int8"}, Reranked), ({"factory": "HNSW16"}, Reranked),
        ({"factory": "IVF32,SQfp16"}, Reranked), ({"factory": "IVF16,PQ16x4"}, Reranked),
        ({"factory": "PCA24,IVF16,Flat"}, Reranked), ({"factory": "IDMap,SQ8"}, Reranked),
    ],
)  # fmt: skip
def test_every_kind_passes_its_audit_and_serves(tmp_path: Path, settings: dict[str, Any], class_: type) -> None:
    vectors, ids = drawn(3000), np.arange(11, 3011)

    catalog = MemoryCatalog(vectors, 11)
    store = Generations(tmp_path / "generations", catalog)
    chosen = GenerationSettings(audit_sample=60, audit_k=20, **settings)
    store.build(iter([(LANE, ids, vectors)]), name="g000001", revision=1, expected=ids, settings=chosen)
    assert catalog.builds.rows[0]["audit"]["lanes"]["siamese"]["recall"] >= 0.995
    found = store.open({"siamese": "siamese-1"})
    assert found is not None
    index = found.lanes["siamese"]
    assert isinstance(index, class_)
    assert index.ids().tolist() == ids.tolist()
    queries = drawn(40, seed=1)
    near, similarities = index.search(queries, 10)
    recall = np.mean(
        [len(exact(vectors, q, 10) & {i - 11 for i in row}) / 10 for q, row in zip(queries, near, strict=True)]
    )
    assert recall >= 0.95
    assert (np.diff(similarities, axis=1) <= 1e-6).all()
    if class_ is Reranked:
        first = np.array([vectors[i - 11] @ q for i, q in zip(near[:, 0], queries, strict=True)])
        np.testing.assert_allclose(similarities[:, 0], first, rtol=1e-5)


def test_how_far_a_query_looks_is_set_by_recall(tmp_path: Path) -> None:
    vectors, ids = drawn(4000), np.arange(1, 4001)

    def effort(recall: float) -> int:
        settings = GenerationSettings(audit_sample=50, audit_k=20, audit_recall=recall, factory="IVF64,Flat")
        facts, audit = build_lane(tmp_path, LANE, ids, vectors, ids, settings)
        assert audit.passed
        return facts.effort

    assert effort(0.5) < effort(0.9) < effort(0.999) <= 64


def test_what_recall_cannot_reach_fails_the_audit(tmp_path: Path) -> None:
    """Codes of one byte for 32 dimensions: even four times as many candidates do not hold the nearest."""
    vectors, ids = drawn(4000), np.arange(1, 4001)
    store = Generations(tmp_path / "generations")
    with pytest.raises(GenerationError, match=r"siamese: recall@50 is 0\.\d+, below generations.audit_recall = 0.995$"):
        store.build(
            iter([(LANE, ids, vectors)]), name="g000001", revision=1, expected=ids,
            settings=GenerationSettings(factory="PQ1x4"),
        )  # fmt: skip
    assert store.current() is None
    assert list(store.folder.iterdir()) == []


def test_vectors_from_disk_build_the_same(tmp_path: Path) -> None:
    vectors, ids = drawn(3000), np.arange(1, 3001)
    mapped = np.memmap(tmp_path / "vectors", np.float32, "w+", shape=vectors.shape)
    mapped[:] = vectors
    facts = []
    for name, given in (("a", vectors), ("b", mapped)):
        (tmp_path / name).mkdir()
        settings = GenerationSettings(factory="IVF16,SQfp16")
        facts.append(build_lane(tmp_path / name, LANE, ids, given, ids, settings)[0])
    assert facts[0].sha256 == facts[1].sha256


def test_hashes_by_inverted_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "EXACT_HASHES", 100)
    rng = np.random.default_rng(3)
    base = rng.integers(0, 256, (100, 8)).astype(np.uint8)
    hashes = np.repeat(base, 30, axis=0)  # copies with a bit or two changed, as hashes of one photo are
    hashes[np.arange(3000), rng.integers(0, 8, 3000)] ^= (1 << rng.integers(0, 8, 3000)).astype(np.uint8)
    ids = np.arange(1, 3001)
    lane = Lane("phash", "phash-1", "hamming", 64)
    facts, audit = build_lane(tmp_path, lane, ids, hashes, ids, GenerationSettings(audit_k=10))
    assert (facts.factory, facts.kind, audit.passed) == ("BIVF256", "binary-factory", True)
    index = BinaryFactoryIndex.load(tmp_path / "phash.index", 64)
    near, similarities = index.search(hashes[:50], 1)
    assert (similarities[:, 0] == 1.0).all()
    assert (hashes[near[:, 0] - 1] == hashes[:50]).all()
