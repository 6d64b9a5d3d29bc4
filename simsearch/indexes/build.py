"""Building the files of a generation: for each lane choose a kind of index, train, fill, tune, write and audit it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from simsearch.core.config import GenerationSettings
from simsearch.core.errors import GenerationError
from simsearch.core.files import sync
from simsearch.core.types import Ids
from simsearch.indexes import gpu
from simsearch.indexes.audit import audit, tune
from simsearch.indexes.base import Lane, Searcher, VectorIndex
from simsearch.indexes.catalog_text import CatalogText
from simsearch.indexes.catalog_view import CatalogView
from simsearch.indexes.choice import Kind, choose
from simsearch.indexes.factory import BinaryFactoryIndex, FactoryIndex
from simsearch.indexes.factory_string import named
from simsearch.indexes.manifest import Audit, LaneFacts, Manifest, TextFacts, VoteFacts
from simsearch.indexes.pills import PillSource, write_pills
from simsearch.indexes.registry import create, load
from simsearch.indexes.rerank import Reranked
from simsearch.indexes.stored_file import describe_file
from simsearch.indexes.text_build import build_texts
from simsearch.indexes.vote_build import Keypoints, build_votes

LaneVectors = tuple[Lane, Ids, np.ndarray[Any, Any]]
"""A lane with its ids (n,) ascending and vectors (n, width), which may be mapped from disk."""

LaneBuilder = Callable[[Path, Lane, Ids, np.ndarray[Any, Any], Ids, GenerationSettings], tuple[LaneFacts, Audit]]
"""As `build_lane`."""


@dataclass(frozen=True)
class BuildRequest:
    """What a generation is built from, besides the vectors."""

    name: str
    revision: int
    """Of the catalog."""
    expected: Ids
    """Ids that every lane must hold, ascending."""
    settings: GenerationSettings
    methods: Mapping[str, str]
    """Name -> fingerprint of all methods whose descriptors belong to the build, indexed or not."""
    keypoints: Keypoints | None
    """None: without votes."""
    texts: CatalogText | None = None
    """None: without the lanes of text."""
    pills: PillSource | None = None
    """Filled in once all vectors were given. None: without loose pills."""


def build_files(
    folder: Path,
    lanes: Iterable[LaneVectors],
    request: BuildRequest,
    catalog: CatalogView | None,
    build: LaneBuilder | None = None,
    engine: str = "faiss",
) -> Manifest:
    """Write the indexes of all lanes into `folder`, and audit them; returns the manifest, which is not written yet.

    `build` makes those of vectors, in `engine`; None: FAISS does, in files.

    Raises:
        GenerationError: an audit failed; the message says which and why.
        ConfigError: FAISS cannot build what `generations.factory` says from these images.
    """
    started = time.perf_counter()
    built: list[LaneFacts] = []
    audits: dict[str, Audit] = {}
    for lane, ids, vectors in lanes:
        make = build or build_lane
        facts, audits[lane.name] = make(folder, lane, ids, vectors, request.expected, request.settings)
        built.append(facts)
    pills = write_pills(folder, request.pills) if request.pills else None
    # Votes are FAISS's work and texts are Python's, so that two cores do them side by side.
    stop = Event()
    texts: list[TextFacts] = []
    with ThreadPoolExecutor(1, "votes") as beside, ExitStack() as ending:
        ending.callback(stop.set)  # where a text is damaged, or somebody interrupts, votes are not waited for
        waited_for = beside.submit(_votes, folder, request, catalog, stop)
        if request.texts is not None:
            for text, checked in build_texts(folder, request.texts, request.expected):
                texts.append(text)
                audits |= {text.name: checked} if checked else {}
        votes, checked = waited_for.result()
    audits |= {"votes": checked} if checked else {}
    if failed := [f"{lane}: {found.reason}" for lane, found in audits.items() if not found.passed]:
        raise GenerationError(
            f"the audit of {request.name} failed, the old generation goes on serving: {'; '.join(failed)}"
        )
    return Manifest(
        name=request.name, revision=request.revision, methods=dict(request.methods),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"), images=len(request.expected),
        ids_sha256=hashlib.sha256(request.expected.tobytes()).hexdigest(),
        mark=catalog.images.mark(request.revision) if catalog else {}, settings=asdict(request.settings),
        build_s=round(time.perf_counter() - started, 3), lanes=tuple(built), audit=audits,
        engine=engine, texts=tuple(texts), votes=votes[0] if votes else None, more_votes=tuple(votes[1:]),
        pills=pills,
    )  # fmt: skip


def _votes(
    folder: Path, request: BuildRequest, catalog: CatalogView | None, stop: Event
) -> tuple[list[VoteFacts], Audit | None]:
    """The files of votes and their audit, where the request wants any."""
    if request.keypoints is None:
        return [], None
    assert catalog is not None, "keypoints are read from a catalog"
    return build_votes(folder, catalog, request.keypoints, request.expected, request.settings.vote_images, stop)


# -- lanes -----------------------------------------------------------------------------------------------------------


def build_lane(
    folder: Path,
    lane: Lane,
    ids: Ids,
    vectors: np.ndarray[Any, Any],
    expected: Ids,
    settings: GenerationSettings,
) -> tuple[LaneFacts, Audit]:
    """Write the index of `lane` into `folder`; its facts and its audit.

    Args:
        folder: of the new generation.
        lane: names the file.
        ids: (n,) ascending.
        vectors: (n, width), read in blocks and at random: they may be mapped from disk.
        expected: ids that the lane must hold.
        settings: which kind of index, and what the audit needs.
    """
    started = time.perf_counter()
    kind = choose(lane.metric, lane.dim, len(ids), settings)
    with named(kind.factory, len(ids), chosen=kind.factory == settings.factory):
        index = _filled(kind, lane, ids, vectors, settings)
        if isinstance(index, FactoryIndex):
            tune(index, _as_asked(index, kind, ids, vectors), ids, vectors, settings)
        path = folder / f"{lane.name}.index"
        index.save(path)
        sync(path)
        # The audit asks the file that will serve, not the index in memory that it was written from.
        written = load(index.kind, path, lane.dim)
        found = audit(_as_asked(written, kind, ids, vectors), ids, vectors, expected, settings)
    facts = LaneFacts(
        name=lane.name, fingerprint=lane.fingerprint, metric=lane.metric, dim=lane.dim, kind=index.kind,
        factory=kind.factory, rerank=kind.rerank, effort=index.effort if isinstance(index, FactoryIndex) else 0,
        images=len(ids), device="cuda" if not kind.exact and gpu.wanted(settings.device) else "cpu",
        build_s=round(time.perf_counter() - started, 6), **describe_file(path),
    )  # fmt: skip
    return facts, found


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


def _as_asked(index: VectorIndex, kind: Kind, ids: Ids, vectors: np.ndarray[Any, Any]) -> Searcher:
    """The index as queries will ask it: re-ranked where its kind needs that."""

    def of(wanted: Ids) -> Mapping[int, np.ndarray[Any, Any]]:
        rows = np.searchsorted(ids, wanted)
        return {int(i): vectors[row] for i, row in zip(wanted, rows, strict=True) if row < len(ids) and ids[row] == i}

    return Reranked(index, kind.rerank, of) if kind.rerank > 1 else index
