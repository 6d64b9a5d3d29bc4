"""FAISS on a GPU against the CPU: are the answers the same, how fast are build and search.

    python scripts/bench/gpu.py [--images 1000000 10000000] [--dim 256] [--queries 10000] [--json] [--cpu-only]

Needs NumPy, the project and a FAISS with GPU code; no network, no data. Vectors are drawn, with the spectrum of real
embeddings. As in a generation, each kind of index that `simsearch rebuild` chooses by size is built on the GPU,
converted to its CPU form, saved, loaded and cloned to the GPU. Recall@50 is measured against exact search in float32 on
the same device. With --cpu-only, or where FAISS sees no GPU, everything runs on the CPU, which checks the script.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import GenerationSettings
from simsearch.indexes import gpu
from simsearch.indexes.choice import choose
from simsearch.indexes.factory import FactoryIndex

K = 50
FACTORIES = ("Flat", "SQfp16", "IVF{lists},Flat", "IVF{lists},SQfp16", "IVF{lists},PQ{codes}")


def drawn(seed: int, count: int, dim: int) -> NDArray[np.float32]:
    """Unit vectors with the spectrum of real embeddings (see scale.py)."""
    rng = np.random.default_rng(seed)
    scale = np.sqrt(0.96 * np.exp(-np.arange(dim) / 8) / 8.5 + 0.04 / dim).astype(np.float32)
    out = np.empty((count, dim), np.float32)
    for start in range(0, count, 100_000):
        part = rng.standard_normal((min(100_000, count - start), dim), dtype=np.float32) * scale
        part[:, 0] += 0.5
        out[start : start + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return out


def exact(vectors: NDArray[np.float32], queries: NDArray[np.float32], device: str) -> NDArray[np.int64]:
    """The K nearest, searched in blocks: ten million vectors do not fit on the GPU at once."""
    block = 1_000_000
    ids = np.zeros((len(queries), 0), np.int64)
    scores = np.zeros((len(queries), 0), np.float32)
    for start in range(0, len(vectors), block):
        index: Any = faiss.IndexFlatIP(vectors.shape[1])
        if gpu.wanted(device):
            index = gpu.to_gpu(index) or index
        index.add(vectors[start : start + block])
        found, near = index.search(queries, K)
        scores, ids = np.concatenate([scores, found], axis=1), np.concatenate([ids, near + start], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        scores, ids = np.take_along_axis(scores, order, axis=1), np.take_along_axis(ids, order, axis=1)
    return ids


def recall(found: NDArray[np.int64], wanted: NDArray[np.int64]) -> float:
    """Share of the true nearest that were found."""
    return float(np.mean([len(set(a) & set(b)) / K for a, b in zip(found.tolist(), wanted.tolist(), strict=True)]))


def measure(
    factory: str, vectors: NDArray[np.float32], queries: NDArray[np.float32], wanted: NDArray[np.int64], device: str
) -> dict[str, Any]:
    """Build, save, load and search one kind of index on one device."""
    ids = np.arange(len(vectors), dtype=np.int64)
    training = choose("cosine", vectors.shape[1], max(len(vectors), 200_001), GenerationSettings(device="cpu")).training
    built = FactoryIndex(vectors.shape[1], factory)
    started = time.perf_counter()
    built.build(ids, vectors, training=min(training, len(vectors)), device=device)
    build_s = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        built.save(Path(folder, "x.index"))
        del built
        index = FactoryIndex.load(Path(folder, "x.index"), vectors.shape[1])
        while index.effort and index.effort < 64 and index.raise_effort():
            pass
        on_cpu = index.search(queries[:200], K)[0]
        started = time.perf_counter()
        index.use(device)
        clone_s = time.perf_counter() - started
        index.search(queries[:100], K)
        started = time.perf_counter()
        found = index.search(queries, K)[0]
        batch_s = time.perf_counter() - started
        started = time.perf_counter()
        for query in queries[:200]:
            index.search(query[None], K)
        single_s = (time.perf_counter() - started) / len(queries[:200])
        agree = recall(found[:200], on_cpu)
    return {
        "factory": factory, "device": device, "images": len(vectors), "build_s": round(build_s, 2),
        "clone_s": round(clone_s, 2), "queries_per_s": round(len(queries) / batch_s, 1),
        "single_ms": round(1e3 * single_s, 3), "recall": round(recall(found, wanted), 4),
        "same_as_cpu": round(agree, 4),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--cpu-only", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    on_gpu = gpu.count() > 0 and not given.cpu_only
    devices = ("cpu", "cuda") if on_gpu else ("cpu",)
    name = "no GPU seen by FAISS" if not on_gpu else f"{gpu.count()} GPU"
    if not given.json:
        print(f"FAISS {faiss.__version__}, {name}\n")
        print("| images | index | device | build | queries/s | one query | recall@50 | same as CPU |")
        print("| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: |")
    wrong = []
    for count in given.images:
        vectors, queries = drawn(0, count, given.dim), drawn(1, given.queries, given.dim)
        wanted = exact(vectors, queries, devices[-1])
        lists = max(4, int(2 ** round(np.log2(4 * count**0.5))))
        for pattern in FACTORIES:
            factory = pattern.format(lists=lists, codes=given.dim // 4)
            for device in devices:
                if device == "cpu" and on_gpu and count > 1_000_000 and "IVF" not in factory:
                    continue  # hours
                r = measure(factory, vectors, queries, wanted, device)
                if r["same_as_cpu"] < 0.98:
                    wrong.append(f"{factory} on {device} at {count}: only {r['same_as_cpu']:.3f} as on the CPU")
                if given.json:
                    print(json.dumps(r), flush=True)
                    continue
                print(
                    f"| {count:,} | {factory} | {device} | {r['build_s']:.1f} s | {r['queries_per_s']:,.0f} | "
                    f"{r['single_ms']:.2f} ms | {r['recall']:.4f} | {r['same_as_cpu']:.4f} |", flush=True,
                )  # fmt: skip
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
