"""The audit of a new index: it must hold the right ids and find what an exact search finds, or it may not serve."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np

from simsearch.core.config import GenerationSettings
from simsearch.core.types import Ids, Metric
from simsearch.indexes.base import Searcher
from simsearch.indexes.manifest import Audit

_BLOCK = 32_768
"""Vectors compared at once: their similarities to all samples are held in memory."""
_TUNING_SEED = 1_000_003


class Adjustable(Protocol):
    """An index that can look at more, and then finds more."""

    metric: ClassVar[Metric]

    @property
    def effort(self) -> int:
        """What a query looks at; 0 where every vector is compared."""
        ...

    def raise_effort(self) -> bool:
        """Double the effort; False where that is not possible."""
        ...


def audit(
    index: Searcher, ids: Ids, vectors: np.ndarray[Any, Any], expected: Ids, settings: GenerationSettings
) -> Audit:
    """Compare the ids of `index` with `expected`, and its recall@k with exact search in NumPy.

    Args:
        index: as queries will ask it.
        ids: (n,) ascending.
        vectors: (n, width) that were added under `ids`; a sample of them is asked for.
        expected: ids that the index must hold, ascending.
        settings: `audit_sample`, `audit_k` and the recall that is needed, `audit_recall`.
    """
    held = index.ids()
    if not np.array_equal(held, expected):
        lacking, extra = len(np.setdiff1d(expected, held)), len(np.setdiff1d(held, expected))
        return Audit(False, f"{lacking} images of the catalog are missing, {extra} are not in it")
    if not len(ids):
        return Audit(True, recall=1.0)
    sample, k = _sample(ids, settings, 0)
    recall = _recall(index, ids, vectors, sample, k, _least(index.metric, vectors, sample, k))
    passed = recall >= settings.audit_recall
    reason = "" if passed else f"recall@{k} is {recall:.4f}, below generations.audit_recall = {settings.audit_recall}"
    return Audit(passed, reason, len(sample), k, round(recall, 6))


def tune(
    index: Adjustable, asked: Searcher, ids: Ids, vectors: np.ndarray[Any, Any], settings: GenerationSettings
) -> None:
    """Raise the effort of a query until recall is a little above what the audit needs.

    Args:
        index: whose effort is raised.
        asked: `index`, or the re-ranking around it.
        ids: (n,) ascending.
        vectors: (n, width). The sample differs from the audit's, so that the audit remains a test.
        settings: as for `audit`.
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
    """Similarity (n,) of the k-th nearest to each sampled row by exact search, in blocks: vectors may be on disk."""
    queries = np.ascontiguousarray(vectors[sample])
    best = np.full((len(sample), k), -np.inf)
    for start in range(0, len(vectors), _BLOCK):
        # partition moves NaN to the end, where it stays: nothing is at least as similar, so the audit fails.
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
    index: Searcher,
    ids: Ids,
    vectors: np.ndarray[Any, Any],
    sample: np.ndarray[Any, Any],
    k: int,
    least: np.ndarray[Any, Any],
) -> float:
    """Share of the k neighbours that are as similar as the k-th of an exact search: ties may come in any order."""
    found, _ = index.search(np.ascontiguousarray(vectors[sample]), k)
    shares = []
    for row, near, enough in zip(sample, found, least, strict=True):
        places = np.searchsorted(ids, np.unique(near[near >= 0]))
        places = places[places < len(ids)]
        places = places[np.isin(ids[places], near)]
        # The similarities that the index returned are not trusted: they may stand beside the wrong ids.
        exact = _similarities(index.metric, vectors[row : row + 1], np.ascontiguousarray(vectors[places]))[0]
        shares.append(np.count_nonzero(exact >= enough - 1e-5) / k)
    return float(np.mean(shares))
