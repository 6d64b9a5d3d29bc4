"""Filling the collections of a generation in an engine, and checking what they hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from simsearch.core.config import GenerationSettings
from simsearch.core.errors import GenerationError
from simsearch.core.types import Ids
from simsearch.indexes.audit import audit, tune
from simsearch.indexes.base import Lane
from simsearch.indexes.build import LaneBuilder
from simsearch.indexes.engine import Collection, Digest, VectorEngine
from simsearch.indexes.manifest import Audit, LaneFacts
from simsearch.indexes.stored_file import REPAIR

_AT_ONCE = 16_384
"""Vectors sent at once: 16 MB of 256 floats."""


def lane_builder(engine: VectorEngine, generation: str, claim: Callable[[str], None]) -> LaneBuilder:
    """What makes the lanes of `generation` in `engine`, in the place of `build.build_lane`.

    `claim`: writes down that the generation is about to make a collection, which is dropped if the build is cut off.
    """

    def build(
        folder: Path, lane: Lane, ids: Ids, vectors: np.ndarray[Any, Any], expected: Ids, settings: GenerationSettings
    ) -> tuple[LaneFacts, Audit]:
        started = time.perf_counter()
        kind, name = engine.kind_for(lane.metric, lane.dim, len(ids)), f"{generation}_{lane.name}"
        if not engine.has(name):  # whoever made it: this generation did not, and must not drop it
            claim(name)
        made = engine.create(name, lane.metric, lane.dim, kind)
        sent = Digest(made.dtype)
        for start in range(0, len(ids), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            made.add(ids[part], np.asarray(vectors[part]))
            sent.update(ids[part], vectors[part])
        made.seal()
        tune(made, made, ids, vectors, settings)
        found = audit(made, ids, vectors, expected, settings)
        facts = LaneFacts(
            name=lane.name, fingerprint=lane.fingerprint, metric=lane.metric, dim=lane.dim, kind=engine.kind,
            factory=kind, rerank=1, effort=made.effort, images=len(ids), device="cpu",
            build_s=round(time.perf_counter() - started, 6), file=made.name, bytes=made.size(), mtime_ns=0,
            sha256=sent.hexdigest(), sampled_sha256="",
        )  # fmt: skip
        return facts, found

    return build


def opened(engine: VectorEngine, lane: LaneFacts) -> Collection:
    """The collection of a lane, which holds as many images as were written.

    Raises:
        GenerationError: it is gone, or holds others.
    """
    found = engine.open(lane.file, lane.metric, lane.dim, lane.factory, lane.effort)
    if len(found) != lane.images:
        raise GenerationError(f"{lane.file}: holds {len(found)} images of {lane.images}; {REPAIR}")
    return found


def check(engine: VectorEngine, lane: LaneFacts, *, full: bool) -> None:
    """Look whether the collection of a lane is there; `full` reads all of it.

    Raises:
        GenerationError: it is gone, or holds something else.
    """
    found = opened(engine, lane)
    if full:
        held = Digest(found.dtype)
        for ids, vectors in found.blocks():
            held.update(ids, vectors)
        if held.hexdigest() != lane.sha256:
            raise GenerationError(f"{lane.file}: does not hold what was written; {REPAIR}")
