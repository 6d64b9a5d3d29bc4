"""Which index is built for how many images, that it answers as it should, and how a factory string is refused."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.core.config import GenerationSettings
from simsearch.core.errors import ConfigError, GenerationError
from simsearch.core.types import Ids
from simsearch.indexes import choice as kinds
from simsearch.indexes import gpu
from simsearch.indexes.binary import BinaryFactoryIndex
from simsearch.indexes.build import build_lane
from simsearch.indexes.choice import choose
from simsearch.indexes.factory import FactoryIndex
from simsearch.indexes.generations import Generations, Lane
from simsearch.indexes.rerank import Reranked

DIM = 32
LANE = Lane("siamese", "siamese-1", "cosine", DIM)


def drawn(count: int, seed: int = 0, dim: int = DIM) -> NDArray[np.float32]:
    """Unit vectors of few effective dimensions, as embeddings are."""
    scale = np.exp(-np.arange(dim) / 6).astype(np.float32)
    found = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32) * scale
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def exact(vectors: NDArray[np.float32], query: NDArray[np.float32], k: int) -> set[int]:
    return set(np.argsort(-(vectors @ query))[:k].tolist())


def test_kinds_follow_the_number_of_images() -> None:
    def factory(images: int, **settings: Any) -> str:
        return choose("cosine", 256, images, GenerationSettings(**settings)).factory

    assert [factory(n) for n in (0, 20_000, 20_001, 200_000)] == ["Flat", "Flat", "SQfp16", "SQfp16"]
    assert [factory(n) for n in (200_001, 1_000_000, 20_000_000)] == [
        "IVF2048,SQfp16",
        "IVF4096,SQfp16",
        "IVF16384,PQ64",
    ]
    assert factory(1000, storage="float16") == "SQfp16"
    assert factory(1_000_000, storage="float32") == "IVF4096,Flat"
    assert factory(20_000_000, storage="int8") == "IVF16384,SQ8"
    assert factory(10, factory="HNSW32") == "HNSW32"
    hashes = [choose("hamming", 64, n, GenerationSettings()).factory for n in (10, 5_000_000, 10_000_000)]
    assert hashes == ["BFlat", "BFlat", "BIVF16384"]


def test_what_blurs_is_ranked_again() -> None:
    assert [choose("cosine", 256, n, GenerationSettings()).rerank for n in (10, 10**5, 10**6, 10**7)] == [1, 1, 1, 16]
    assert choose("cosine", 256, 10, GenerationSettings(storage="int8")).rerank > 1
    assert choose("cosine", 256, 10, GenerationSettings(factory="IVF4,PQ8")).rerank > 1


@pytest.mark.parametrize("factory", ["nonsense", "IVF", "PQ7", "Flatt", "IVF16,", "LSH", " "])
def test_a_factory_string_that_is_none_is_named(factory: str) -> None:
    with pytest.raises(ConfigError) as caught:
        choose("cosine", 256, 1000, GenerationSettings(factory=factory))
    said = str(caught.value)
    assert said.startswith(f"generations.factory: {factory!r} makes no index of 256 dimensions")
    assert "for instance 'IVF4096,SQfp16'" in said
    assert "\n" not in said


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

    def packed(fingerprint: str, wanted: Any) -> dict[int, bytes]:
        assert fingerprint == "siamese-1"
        return {i: vectors[i - 11].tobytes() for i in wanted}

    def mark(revision: int, last: int | None = None) -> dict[str, int]:
        return {"images": 3000, "redescribed": 0, "last": last or 3010}

    def recorded(name: str) -> dict[str, Any]:
        return {"name": name, "state": "built", "audit": audits[-1]}

    audits: list[dict[str, Any]] = []
    truth = SimpleNamespace(
        descriptors=SimpleNamespace(of=packed), images=SimpleNamespace(mark=mark), builds=SimpleNamespace(get=recorded)
    )
    store = Generations(tmp_path / "generations", cast(Catalog, truth))
    chosen = GenerationSettings(audit_sample=60, audit_k=20, **settings)
    store.build(
        iter([(LANE, ids, vectors)]), name="g000001", revision=1, expected=ids, settings=chosen, record=audits.append
    )
    assert audits[0]["lanes"]["siamese"]["recall"] >= 0.995
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
        assert audit["passed"]
        return int(facts["effort"])

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
    assert facts[0]["sha256"] == facts[1]["sha256"]


def test_hashes_by_inverted_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "EXACT_HASHES", 100)
    rng = np.random.default_rng(3)
    base = rng.integers(0, 256, (100, 8)).astype(np.uint8)
    hashes = np.repeat(base, 30, axis=0)  # copies with a bit or two changed, as hashes of one photo are
    hashes[np.arange(3000), rng.integers(0, 8, 3000)] ^= (1 << rng.integers(0, 8, 3000)).astype(np.uint8)
    ids = np.arange(1, 3001)
    lane = Lane("phash", "phash-1", "hamming", 64)
    facts, audit = build_lane(tmp_path, lane, ids, hashes, ids, GenerationSettings(audit_k=10))
    assert (facts["factory"], facts["kind"], audit["passed"]) == ("BIVF256", "binary-factory", True)
    index = BinaryFactoryIndex.load(tmp_path / "phash.index", 64)
    near, similarities = index.search(hashes[:50], 1)
    assert (similarities[:, 0] == 1.0).all()
    assert (hashes[near[:, 0] - 1] == hashes[:50]).all()


def test_what_the_catalog_no_longer_has_is_left_out_of_the_order() -> None:
    vectors = drawn(50)
    index = FactoryIndex(DIM, "SQ8")
    index.build(np.arange(50), vectors, training=50)
    known = {i: vectors[i] for i in range(50) if i % 2}
    found = Reranked(index, 4, lambda ids: {int(i): known[int(i)] for i in ids if int(i) in known})
    near, similarities = found.search(vectors[:3], 5)
    assert (near[near >= 0] % 2 == 1).all()
    assert np.isfinite(similarities[near >= 0]).all()
    nobody = Reranked(index, 4, lambda ids: {})
    assert (nobody.search(vectors[:2], 5)[0] == -1).all()


# -- GPU -------------------------------------------------------------------------------------------------------------


def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "count", lambda: 0)
    assert [gpu.wanted("auto"), gpu.wanted("cpu")] == [False, False]
    with pytest.raises(ConfigError, match=r"generations\.device: FAISS sees no GPU"):
        gpu.wanted("cuda")


def test_a_full_gpu_leaves_the_work_to_the_cpu(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gpu, "count", lambda: 1)
    monkeypatch.setattr(gpu, "_RESOURCES", {0: object()})

    def full(*_args: object) -> None:
        raise RuntimeError("Error in faiss::gpu: cudaMalloc error out of memory [2]")

    monkeypatch.setattr(faiss, "index_cpu_to_gpu", full, raising=False)
    vectors, ids = drawn(500), np.arange(500)
    index = FactoryIndex(DIM, "IVF8,Flat")
    with caplog.at_level(logging.WARNING):
        index.build(ids, vectors, training=500, device="auto")
        index.use("cuda")
    assert caplog.text.count("its memory is full); the CPU does it") == 2
    assert index.ids().tolist() == ids.tolist()
    assert index.search(vectors[:4], 1)[0][:, 0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("factory", ["Flat", "SQfp16", "IVF16,SQfp16"])
def test_what_was_built_elsewhere_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factory: str) -> None:
    """The way of the GPU, walked on the CPU: the index is trained and filled by others and comes back."""
    monkeypatch.setattr(gpu, "count", lambda: 1)
    monkeypatch.setattr(gpu, "_RESOURCES", {0: object()})
    copy = faiss.clone_index
    monkeypatch.setattr(faiss, "index_cpu_to_gpu", lambda _r, _n, index, _o: copy(index), raising=False)
    monkeypatch.setattr(faiss, "index_gpu_to_cpu", copy, raising=False)
    vectors, ids = drawn(2000), np.arange(5, 2005)
    there, here = FactoryIndex(DIM, factory), FactoryIndex(DIM, factory)
    there.build(ids, vectors, training=2000, device="cuda")
    monkeypatch.undo()
    here.build(ids, vectors, training=2000)
    there.save(tmp_path / "x.index")
    again = FactoryIndex.load(tmp_path / "x.index", DIM)
    assert again.ids().tolist() == ids.tolist()
    found: list[Ids] = [index.search(vectors[:100], 1)[0] for index in (here, there, again)]
    assert all((ids_found[:, 0] == ids[:100]).all() for ids_found in found)


@pytest.mark.gpu
@pytest.mark.parametrize("factory", ["Flat", "SQfp16", "IVF64,Flat", "IVF64,SQfp16", "IVF64,PQ8"])
def test_a_gpu_finds_what_the_cpu_finds(tmp_path: Path, factory: str) -> None:
    if not gpu.count():
        pytest.skip("FAISS sees no GPU")
    vectors, ids = drawn(20_000), np.arange(1, 20_001)
    index = FactoryIndex(DIM, factory)
    index.build(ids, vectors, training=20_000, device="cuda")
    index.save(tmp_path / "x.index")
    cpu, fast = FactoryIndex.load(tmp_path / "x.index", DIM), FactoryIndex.load(tmp_path / "x.index", DIM)
    fast.use("cuda")
    queries = drawn(200, seed=4)
    a, b = cpu.search(queries, 10), fast.search(queries, 10)
    assert np.mean([len(set(x) & set(y)) / 10 for x, y in zip(a[0].tolist(), b[0].tolist(), strict=True)]) > 0.98
    np.testing.assert_allclose(a[1], b[1], atol=5e-3)
