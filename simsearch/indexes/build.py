"""Building one lane of a generation: choose a kind, learn, add, tune, write, and audit what was written."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simsearch.core.config import GenerationSettings
from simsearch.core.files import sync
from simsearch.core.types import Ids
from simsearch.indexes import gpu
from simsearch.indexes.audit import audit, tune
from simsearch.indexes.base import Lane, VectorIndex, create, load
from simsearch.indexes.binary import BinaryFactoryIndex
from simsearch.indexes.choice import Kind, choose
from simsearch.indexes.factory import FactoryIndex
from simsearch.indexes.keypoint_votes import VoteIndex, votes
from simsearch.indexes.manifest import file_facts
from simsearch.indexes.rerank import Reranked


@dataclass(frozen=True)
class Keypoints:
    """What the votes of a generation are built from."""

    fingerprint: str
    """Of the method."""
    most: int
    """Keypoints an image."""
    build: Callable[[], VoteIndex]
    of: Callable[[Ids], Mapping[int, np.ndarray[Any, Any]]]
    """Image ids -> descriptors (n, dim / 8) as they were added."""


def build_votes(folder: Path, keypoints: Keypoints, expected: Ids) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the vote index into `folder`; what the manifest says of it, and its audit.

    The audit: no image that is not in the catalog, and of sampled images at least nine in ten are the first, or even
    with the first, that their own keypoints vote for. (Photos that are filed twice are even; some have no keypoints.)
    """
    started = time.perf_counter()
    path = folder / "votes.index"
    keypoints.build().save(path)
    sync(path)
    written = VoteIndex.load(path)
    facts = {
        "kind": written.kind, "fingerprint": keypoints.fingerprint, "most": keypoints.most, "dim": written.dim,
        "keypoints": len(written), **file_facts(path), "build_s": round(time.perf_counter() - started, 6),
    }  # fmt: skip
    held = written.ids()
    if strange := len(np.setdiff1d(held, expected)):
        return facts, {"passed": False, "reason": f"{strange} images are not in the catalog"}
    rng = np.random.default_rng(len(held))
    sample = np.sort(rng.choice(held, min(50, len(held)), replace=False))
    first = [_votes_for_itself(written, image_id, bits) for image_id, bits in keypoints.of(sample).items() if len(bits)]
    share = float(np.mean(first)) if first else 1.0
    reason = "" if share >= 0.9 else f"only {share:.0%} of sampled images are found by their own keypoints"
    return facts, {"passed": not reason, "reason": reason, "sampled": len(first), "recall": round(share, 6)}


def _votes_for_itself(index: VoteIndex, image_id: int, bits: np.ndarray[Any, Any]) -> bool:
    ids, counted = votes([index], bits, k=16)
    place = np.flatnonzero(ids == image_id)
    # Of equal keypoints only some neighbours come back: one that has most of the first one's votes is not lost.
    return bool(len(place)) and bool(counted[place[0]] >= 0.8 * counted[0])


def build_lane(
    folder: Path,
    lane: Lane,
    ids: Ids,
    vectors: np.ndarray[Any, Any],
    expected: Ids,
    settings: GenerationSettings,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the index of `lane` into `folder`; what the manifest says of it, and its audit.

    vectors (n, width) may be mapped from disk: they are read in blocks, and a sample at random.
    """
    started = time.perf_counter()
    kind = choose(lane.metric, lane.dim, len(ids), settings)
    index = _filled(kind, lane, ids, vectors, settings)
    if isinstance(index, FactoryIndex):
        tune(index, _asked(index, kind, ids, vectors), ids, vectors, settings)
    path = folder / f"{lane.name}.index"
    index.save(path)
    sync(path)
    # The audit asks the file that will serve, not the index in memory that it was written from.
    written = load(index.kind, path, lane.dim)
    audited = audit(_asked(written, kind, ids, vectors), ids, vectors, expected, settings)
    facts = {
        **asdict(lane), "kind": index.kind, "factory": kind.factory, "rerank": kind.rerank,
        "effort": index.effort if isinstance(index, FactoryIndex) else 0, "images": len(ids),
        "device": "cuda" if not kind.exact and gpu.wanted(settings.device) else "cpu", **file_facts(path),
        "build_s": round(time.perf_counter() - started, 6),
    }  # fmt: skip
    return facts, audited


def _filled(
    kind: Kind, lane: Lane, ids: Ids, vectors: np.ndarray[Any, Any], settings: GenerationSettings
) -> VectorIndex:
    if lane.metric == "cosine" and not kind.exact:
        built = FactoryIndex(lane.dim, kind.factory)
        built.build(ids, vectors, training=kind.training, device=settings.device)
        return built
    if lane.metric == "hamming" and not kind.exact:
        binary = BinaryFactoryIndex(lane.dim, kind.factory)
        binary.build(ids, vectors, training=kind.training)
        return binary
    index = create(lane.metric, lane.dim)
    for start in range(0, len(ids), 65_536):
        index.add(ids[start : start + 65_536], vectors[start : start + 65_536])
    return index


def _asked(index: VectorIndex, kind: Kind, ids: Ids, vectors: np.ndarray[Any, Any]) -> VectorIndex:
    """The index as a query will ask it."""

    def of(wanted: Ids) -> Mapping[int, np.ndarray[Any, Any]]:
        rows = np.searchsorted(ids, wanted)
        return {int(i): vectors[row] for i, row in zip(wanted, rows, strict=True) if row < len(ids) and ids[row] == i}

    return Reranked(index, kind.rerank, of) if kind.rerank > 1 else index
