"""What ORB and SIFT share: reading stored keypoints, finding nearest ones, and matching each of them once."""

from __future__ import annotations

import threading
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Descriptor

SUBPIXEL = 32.0
"""Positions are stored in this fraction of a pixel of the scaled photo."""
FARTHEST = 256
"""Hamming distance of two keypoints none of whose bits agree."""


def column(descriptor: Descriptor, name: str) -> NDArray[Any]:
    """One field of all keypoints (n, ...), contiguous."""
    return np.ascontiguousarray(cast("NDArray[np.void]", descriptor)[name])


def positions(descriptor: Descriptor) -> NDArray[np.float32]:
    """Places (n, 2) as x, y in pixels of the scaled photo."""
    return column(descriptor, "xy").astype(np.float32) / np.float32(SUBPIXEL)


def one_to_one(query: NDArray[np.int64], other: NDArray[np.int64], distances: NDArray[np.generic]) -> NDArray[np.int64]:
    """Matches (n, 2) that take no keypoint of the other photo twice: the nearest of those that claim it keeps it.

    Args:
        query: (m,) keypoints of the query, each once.
        other: (m,) the keypoint of the other photo that each of them claims.
        distances: (m,) between the two; of equally near ones the first keeps it.
    """
    order = np.argsort(distances, kind="stable")
    keeper = np.empty(int(other.max(initial=-1)) + 1, np.int64)
    keeper[other[order[::-1]]] = order[::-1]  # of repeated places the last one written stands: the nearest
    kept = order[keeper[other[order]] == order]
    return np.stack([query[kept], other[kept]], axis=1).astype(np.int64)


def matched_share(query: Descriptor, other: Descriptor, kept: int) -> float:
    """kept / min(n_a, n_b), 0 to 1; 0 where one side has no keypoints, 1 for equal descriptors."""
    if not len(query) or not len(other):
        return 0.0
    if len(query) == len(other) and bool((query == other).all()):
        return 1.0
    return kept / min(len(query), len(other))


def hamming(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Distances (n, m) of rows of bits (n, w) and (m, w), in memory that the calling thread uses again."""
    import faiss

    distances = _buffer(len(a), len(b))
    pointers = [faiss.swig_ptr(array) for array in (a, b, distances)]
    faiss.hammings(pointers[0], pointers[1], len(a), len(b), a.shape[1], pointers[2])  # type: ignore[attr-defined]
    return distances


def nearest(query: Descriptor, other: Descriptor, k: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Hamming distances and indices, both (n, k), of the `k` keypoints of `other` nearest to each of `query`.

    Nearest first; of equally near ones the one with the smaller index. `k` is 1 or 2, and `other` has as many.
    """
    # All distances, then k minima: a third faster than faiss.knn_hamming, which keeps a heap for each keypoint. On the
    # calling thread: a quarter of a millisecond is too little to share.
    distances = hamming(column(query, "bits"), column(other, "bits"))
    rows, index = np.arange(len(query)), np.empty((len(query), k), np.int64)
    found = np.empty((len(query), k), np.int32)
    for place in range(k):
        index[:, place] = distances.argmin(axis=1)
        found[:, place] = distances[rows, index[:, place]]
        distances[rows, index[:, place]] = np.iinfo(np.int32).max
    return found, index


_KEPT = threading.local()


def _buffer(rows: int, columns: int) -> NDArray[np.int32]:
    """Memory (rows, columns) that the calling thread uses again: fresh memory costs more than the distances."""
    needed = rows * columns
    if len(getattr(_KEPT, "values", ())) < needed:
        _KEPT.values = np.empty(needed, np.int32)
    kept: NDArray[np.int32] = _KEPT.values
    return kept[:needed].reshape(rows, columns)


def two_nearest(query: Descriptor, other: Descriptor) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """:func:`nearest` with k = 2, (n, 2); distances are :data:`FARTHEST` where a photo has fewer than two keypoints."""
    if len(query) < 2 or len(other) < 2:
        shape = len(query), 2
        return np.full(shape, FARTHEST, np.int32), np.zeros(shape, np.int64)
    return nearest(query, other, 2)
