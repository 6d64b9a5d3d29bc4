"""The GPU: when it is used, what happens when it is full, and that threads take turns on it."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.core.errors import ConfigError
from simsearch.core.types import Ids
from simsearch.indexes import gpu
from simsearch.indexes.factory import FactoryIndex

DIM = 32


def drawn(count: int, seed: int = 0, dim: int = DIM) -> NDArray[np.float32]:
    """Unit vectors of few effective dimensions, as embeddings are."""
    scale = np.exp(-np.arange(dim) / 6).astype(np.float32)
    found = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32) * scale
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


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


class Busy:
    """An index that notices when it is searched by two threads at once, as FAISS's GPU indexes must not be."""

    def __init__(self, index: Any) -> None:
        self.index, self.entered, self.most = index, 0, 0
        self.lock = threading.Lock()

    def search(self, vectors: Any, k: int) -> Any:
        with self.lock:
            self.entered += 1
            self.most = max(self.most, self.entered)
        time.sleep(0.002)
        found = self.index.search(vectors, k)
        with self.lock:
            self.entered -= 1
        return found


def test_threads_take_turns_on_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with several indexes: they share FAISS's resources."""
    vectors, ids = drawn(300), np.arange(300)
    indexes = [FactoryIndex(DIM, "SQfp16"), FactoryIndex(DIM, "SQfp16")]
    for index in indexes:
        index.build(ids, vectors, training=0)
    busy = Busy(faiss.clone_index(indexes[0]._index))
    monkeypatch.setattr(gpu, "wanted", lambda device: True)
    monkeypatch.setattr(gpu, "to_gpu", lambda *_, **__: busy)
    for index in indexes:
        index.use("cuda")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: indexes[i % 2].search(vectors[i : i + 1], 1)[0][0, 0], range(40)))
    assert found == list(range(40))
    assert busy.most == 1


def test_what_is_added_later_is_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = drawn(30)
    index = FactoryIndex(DIM, "SQfp16")
    index.build(np.arange(20), vectors[:20], training=0)
    monkeypatch.setattr(gpu, "wanted", lambda device: True)
    monkeypatch.setattr(gpu, "to_gpu", lambda index, **_: faiss.clone_index(index))
    index.use("cuda")
    index.add(np.arange(20, 30), vectors[20:])
    assert index.search(vectors[25:26], 1)[0].tolist() == [[25]]


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
