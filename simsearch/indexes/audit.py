"""What a new build must show before it may serve."""

from __future__ import annotations

from typing import Any

import numpy as np

from simsearch.core.config import GenerationSettings
from simsearch.core.types import Ids, Metric
from simsearch.indexes.base import VectorIndex
from simsearch.indexes.factory import FactoryIndex

_BLOCK = 32_768
"""Vectors compared at once: the similarities of all samples to them are held."""
_TUNING_SEED = 1_000_003


def audit(
    index: VectorIndex, ids: Ids, vectors: np.ndarray[Any, Any], expected: Ids, settings: GenerationSettings
) -> dict[str, Any]:
    """Id set, and recall@k of sampled catalog descriptors against exact search in NumPy."""
    held = index.ids()
    if not np.array_equal(held, expected):
        lacking, extra = len(np.setdiff1d(expected, held)), len(np.setdiff1d(held, expected))
        return {"passed": False, "reason": f"{lacking} images of the catalog are missing, {extra} are not in it"}
    if not len(ids):
        return {"passed": True, "sampled": 0, "recall": 1.0}
    sample, k = _sample(ids, settings, 0)
    recall = _recall(index, ids, vectors, sample, k, _least(index.metric, vectors, sample, k))
    passed = recall >= settings.audit_recall
    reason = "" if passed else f"recall@{k} is {recall:.4f}, below generations.audit_recall = {settings.audit_recall}"
    return {"passed": passed, "reason": reason, "sampled": len(sample), "k": k, "recall": round(recall, 6)}


def tune(
    index: FactoryIndex,
    asked: VectorIndex,
    ids: Ids,
    vectors: np.ndarray[Any, Any],
    settings: GenerationSettings,
) -> None:
    """Let a query look just as far as recall needs, with something to spare.

    `asked` is `index`, or what re-ranks it. The sample is another one than the audit's, so that the audit stays a test.
    """
    if not index.effort or not len(ids):
        return
    sample, k = _sample(ids, settings, _TUNING_SEED)
    least = _least(index.metric, vectors, sample, k)
    wanted = settings.audit_recall + (1 - settings.audit_recall) / 2
    while _recall(asked, ids, vectors, sample, k, least) < wanted and index.raise_effort():
        pass


def _sample(ids: Ids, settings: GenerationSettings, seed: int) -> tuple[np.ndarray[Any, Any], int]:
    """Rows that are asked for, and the number of neighbours."""
    rng = np.random.default_rng(len(ids) + seed)
    rows = np.sort(rng.choice(len(ids), min(settings.audit_sample, len(ids)), replace=False))
    return rows, min(settings.audit_k, len(ids))


def _least(metric: Metric, vectors: np.ndarray[Any, Any], sample: np.ndarray[Any, Any], k: int) -> np.ndarray[Any, Any]:
    """Similarity (n,) of the k-th nearest of each sampled row by exact search, in blocks: vectors may be on disk."""
    queries = np.ascontiguousarray(vectors[sample])
    best = np.full((len(sample), k), -np.inf)
    for start in range(0, len(vectors), _BLOCK):
        # NaN is pushed to the end by partition: it stays, and nothing reaches it.
        both = np.concatenate([best, _similarities(metric, queries, vectors[start : start + _BLOCK])], axis=1)
        best = np.partition(both, both.shape[1] - k, axis=1)[:, both.shape[1] - k :]
    return np.asarray(best.min(axis=1))


def _similarities(metric: Metric, a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(len(a), len(b))"""
    if metric == "cosine":
        return np.asarray(a @ b.T)
    differing = np.stack([np.bitwise_count(b ^ row).sum(axis=1, dtype=np.int64) for row in a])
    return np.asarray(1.0 - differing / (8.0 * a.shape[1]))


def _recall(
    index: VectorIndex,
    ids: Ids,
    vectors: np.ndarray[Any, Any],
    sample: np.ndarray[Any, Any],
    k: int,
    least: np.ndarray[Any, Any],
) -> float:
    """Share of the k wanted that came back as similar as the k-th of an exact search: ties may come in any order."""
    found, _ = index.search(np.ascontiguousarray(vectors[sample]), k)
    shares = []
    for row, near, enough in zip(sample, found, least, strict=True):
        places = np.searchsorted(ids, np.unique(near[near >= 0]))
        places = places[places < len(ids)]
        places = places[np.isin(ids[places], near)]
        # By the vectors of the ids that came back, not by the similarities that came with them.
        exact = _similarities(index.metric, vectors[row : row + 1], np.ascontiguousarray(vectors[places]))[0]
        shares.append(np.count_nonzero(exact >= enough - 1e-5) / k)
    return float(np.mean(shares))
