"""What a new build must show before it may serve."""

from __future__ import annotations

from typing import Any

import numpy as np

from simsearch.config import GenerationSettings
from simsearch.datatypes import Ids, Metric
from simsearch.indexes.base import VectorIndex


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
    rng = np.random.default_rng(len(ids))
    sample = np.sort(rng.choice(len(ids), min(settings.audit_sample, len(ids)), replace=False))
    k = min(settings.audit_k, len(ids))
    found, _ = index.search(vectors[sample], k)
    row_of = {image_id: row for row, image_id in enumerate(ids.tolist())}
    rows = [{row_of[i] for i in near if i in row_of} for near in found.tolist()]
    recall = float(np.mean([_recalled(index.metric, vectors, q, r, k) for q, r in zip(sample, rows, strict=True)]))
    passed = recall >= settings.audit_recall
    reason = "" if passed else f"recall@{k} is {recall:.4f}, below generations.audit_recall = {settings.audit_recall}"
    return {"passed": passed, "reason": reason, "sampled": len(sample), "k": k, "recall": round(recall, 6)}


def _recalled(metric: Metric, vectors: np.ndarray[Any, Any], query: int, rows: set[int], k: int) -> float:
    """Share of k that `rows` holds of what is as similar as the k-th of an exact search: ties may come in any order."""
    if metric == "cosine":
        exact = vectors @ vectors[query]
    else:
        exact = 1.0 - np.bitwise_count(vectors ^ vectors[query]).sum(axis=1) / (8.0 * vectors.shape[1])
    least = np.partition(exact, len(exact) - k)[len(exact) - k]
    # By the vectors of the ids that came back, not by the similarities that came with them.
    return float(np.count_nonzero(exact[list(rows)] >= least - 1e-5)) / k
