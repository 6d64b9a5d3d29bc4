"""Keeping the indexes in step with the catalog: rebuild, roll back, plan and look after them. No photo is read.

Except for one case: under new weights or settings the images are described again first, from their files, while the
old generation goes on serving. Old and new descriptors stand side by side in the catalog and are never compared.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simsearch.catalog import Catalog
from simsearch.core.config import Config
from simsearch.core.errors import ConfigError, GenerationError
from simsearch.core.types import Ids, Status
from simsearch.features.base import Method, MetricMethod, unpack
from simsearch.indexes import gpu
from simsearch.indexes.build import Keypoints
from simsearch.indexes.catalog_keypoints import indexed_keypoints, vote_index
from simsearch.indexes.choice import choose
from simsearch.indexes.generations import Generations, Lane
from simsearch.ingest.indexer import Indexer

Progress = Callable[[int, int, str], None]
_IN_MEMORY = 256 * 2**20
"""Bytes of vectors of one lane; more are put on disk and mapped while the index is built."""


@dataclass(frozen=True)
class PlannedLane:
    """What a build would make of one lane."""

    name: str
    images: int
    factory: str
    bytes: int
    seconds: float | None
    """At the rate of the last build of that kind; None where there was none."""


@dataclass(frozen=True)
class Plan:
    """What a rebuild would do."""

    name: str
    images: int
    stale: int
    """Images that would be described again first, from their files."""
    lanes: tuple[PlannedLane, ...]
    free_bytes: int
    changed: bool
    """Whether it would differ from the generation that serves."""

    @property
    def bytes(self) -> int:
        """Of all lanes."""
        return sum(lane.bytes for lane in self.lanes)

    @property
    def seconds(self) -> float | None:
        """Of all lanes, where all are known."""
        known = [lane.seconds for lane in self.lanes if lane.seconds is not None]
        return sum(known) if len(known) == len(self.lanes) else None


class Maintenance:
    """The jobs on one home. The caller holds the lock of the home while one writes."""

    def __init__(
        self, home: Path, config: Config, catalog: Catalog, methods: Mapping[str, Method], generations: Generations
    ) -> None:
        self.home, self.config, self.catalog, self.methods = home, config, catalog, methods
        self.generations = generations
        self.lanes = [m for m in methods.values() if isinstance(m, MetricMethod)]
        self.fingerprints = {name: m.fingerprint for name, m in methods.items()}

    # -- building ----------------------------------------------------------------------------------------------------

    def rebuild(self, *, keep: int | None = None, progress: Progress) -> str:
        """Describe what is stale, build a generation from the catalog, audit it and serve it; its name.

        Raises:
            GenerationError: the audit failed, or images lack descriptors; the old generation still serves.
            ConfigError: `generations.factory` or `.device` cannot be meant.
        """
        self.describe_stale(progress)
        name = self.build()
        self.generations.prune(keep or self.config.generations.keep)
        return name

    def describe_stale(self, progress: Progress) -> int:
        """Describe again what lacks descriptors of these weights and settings, from the files; how many images.

        Raises:
            GenerationError: some cannot be read any more.
        """
        stale = self.catalog.images.stale(self.fingerprints.values())
        if not stale:
            return 0
        indexer = Indexer(self.catalog, self.methods, self.config.indexing, self.config.images)
        indexer.redescribe(stale, progress)
        left = [row.path for _, row in self.catalog.images.stale(self.fingerprints.values())]
        if left:
            raise GenerationError(
                f"{len(left)} images lack descriptors of these settings and cannot be read, for instance {left[0]}; "
                "the old generation goes on serving: put the photos back, or take them out by `simsearch index --prune`"
            )
        return len(stale)

    def build(self) -> str:
        """A generation from the catalog as it is."""
        revision = self.catalog.revision()
        expected = self.catalog.descriptors.active_ids(self.fingerprints["phash"])
        name = self.generations.next_name(self.catalog.builds.names())
        started = time.perf_counter()

        def record(audit: Mapping[str, Any]) -> None:
            self.catalog.builds.record(name, len(expected), "built", audit)

        try:
            self.generations.build(
                self._contents(), name=name, revision=revision, expected=expected, settings=self.config.generations,
                record=record, methods=self.fingerprints, keypoints=self._keypoints(),
            )  # fmt: skip
        except ConfigError:
            raise  # nothing was begun
        except Exception as error:
            audit = {"passed": False, "reason": str(error), "build_s": round(time.perf_counter() - started, 3)}
            self.catalog.builds.record(name, len(expected), "failed", audit)
            raise
        return name

    def _contents(self) -> Iterator[tuple[Lane, Ids, np.ndarray[Any, Any]]]:
        for m in self.lanes:
            blocks = self.catalog.descriptors.blocks(m.fingerprint, m.dtype, m.shape[0])
            count = len(self.catalog.descriptors.active_ids(m.fingerprint))
            lane = Lane(m.name, m.fingerprint, m.metric, m.dim)
            if count * m.shape[0] * m.dtype.itemsize <= _IN_MEMORY:
                yield lane, *_gathered(blocks, np.empty((count, m.shape[0]), m.dtype))
                continue
            self.generations.folder.mkdir(parents=True, exist_ok=True)
            # Without a name: however the build ends, nothing of it is left.
            with tempfile.TemporaryFile(dir=self.generations.folder) as spool:
                ids, vectors = _gathered(blocks, np.memmap(spool, m.dtype, "w+", shape=(count, m.shape[0])))
                yield lane, ids, vectors

    def _keypoints(self) -> Keypoints | None:
        orb, settings = self.methods.get("orb"), self.config.query
        if orb is None or not settings.vote_candidates:
            return None

        def of(ids: Ids) -> dict[int, np.ndarray[Any, Any]]:
            found = self.catalog.descriptors.of(orb.fingerprint, ids.tolist())
            return {i: indexed_keypoints(unpack(orb, data, i), settings.vote_keypoints) for i, data in found.items()}

        return Keypoints(
            orb.fingerprint, settings.vote_keypoints,
            lambda: vote_index(self.catalog, orb, settings.vote_keypoints), of,
        )  # fmt: skip

    # -- looking -----------------------------------------------------------------------------------------------------

    def outside(self) -> int:
        """Images that were described or retired since the generation that serves; -1 where none can serve as it is.

        As it is: sound, of these methods, settings and weights, and of this catalog.
        """
        try:
            name = self.generations.current()
            body = self.generations.check(name) if name else None
        except GenerationError:
            return -1
        if body is None or {lane["fingerprint"] for lane in body["lanes"]} != {m.fingerprint for m in self.lanes}:
            return -1
        keypoints = self._keypoints()
        wanted = (keypoints.fingerprint, keypoints.most) if keypoints else None
        if ((body["votes"]["fingerprint"], body["votes"]["most"]) if body["votes"] else None) != wanted:
            return -1
        new = self.catalog.descriptors.active_ids(self.fingerprints["phash"], since=body["revision"])
        return len(new) + len(self.catalog.images.retired_since(body["revision"]))

    def plan(self) -> Plan:
        """What a rebuild would make, how large and how long; nothing is changed."""
        images = self.catalog.images.counts()["images_ok"]
        stale = len(self.catalog.images.stale(self.fingerprints.values()))
        known = self._known_lanes()
        lanes = []
        for m in self.lanes:
            kind = choose(m.metric, m.dim, images, self.config.generations)
            lanes.append(_planned(m.name, images, kind.factory, kind.bytes_per_image, known.get(m.name)))
        if self._keypoints():
            # A descriptor of 32 bytes with the id of its image, for each keypoint.
            lanes.append(_planned("votes", images, "BIVF", 40.0 * self.config.query.vote_keypoints, known.get("votes")))
        folder = next(p for p in (self.generations.folder, *self.generations.folder.parents) if p.is_dir())
        name = self.generations.next_name(self.catalog.builds.names())
        return Plan(name, images, stale, tuple(lanes), shutil.disk_usage(folder).free, self.outside() != 0 or stale > 0)

    def _known_lanes(self) -> dict[str, Mapping[str, Any]]:
        """What the newest readable manifest that has it says of each lane."""
        found: dict[str, Mapping[str, Any]] = {}
        for name in self.generations.names():
            try:
                body = self.generations.manifest(name)
            except GenerationError:
                continue
            found |= {lane["name"]: lane for lane in body["lanes"]}
            if body["votes"]:
                found["votes"] = {**body["votes"], "images": body["images"], "factory": "BIVF"}
        return found

    def status(self, *, verify: bool = False) -> Status:
        """What there is, without changing anything. `verify`: every byte of every file, and the database, are read."""
        counts, described = self.catalog.images.counts(), self.catalog.descriptors.counts()
        undescribed = {name: counts["images_ok"] - described.get(f, 0) for name, f in self.fingerprints.items()}
        others: dict[str, int] = {}
        for fingerprint, n in described.items():
            name = fingerprint.rpartition("-")[0]
            if fingerprint not in self.fingerprints.values():
                others[name] = others.get(name, 0) + n
        problem, serving = "", ""
        wanted = {m.name: m.fingerprint for m in self.lanes}
        try:
            serving = self.generations.current() or ""
            if serving:
                self.generations.check(serving, wanted, full=verify)
                opened = self.generations.open(wanted)
                assert opened is not None
        except GenerationError as error:
            problem = str(error)
        damaged = tuple(self._damaged(serving)) if verify else ()
        return Status(
            str(self.home), counts, {n: k for n, k in undescribed.items() if k}, serving,
            tuple(self.catalog.builds.all()), problem or "; ".join(damaged), self.disk(), self.fingerprints,
            stale=others, gpus=gpu.count(), verified=verify, kept=tuple(self.generations.names()),
        )  # fmt: skip

    def _damaged(self, serving: str) -> Iterator[str]:
        """What a full look at the database and the generations that do not serve finds."""
        if found := self.catalog.housekeeping.integrity():
            yield f"{self.catalog.housekeeping.file}: is damaged ({found}); restore a backup"
        for name in self.generations.names():
            try:
                if name != serving:
                    self.generations.manifest(name, full=True)
            except GenerationError as error:
                yield str(error)

    def disk(self) -> dict[str, int]:
        """Bytes of the parts of the home."""

        def size(paths: Iterator[Path]) -> int:
            return sum(p.stat().st_size for p in paths if p.is_file())

        return {
            "catalog": size(self.home.glob("catalog.db*")), "generations": size(self.generations.folder.rglob("*")),
            "backups": size(self.home.glob("backups/*")),
        }  # fmt: skip


def _gathered(
    blocks: Iterator[tuple[Ids, np.ndarray[Any, Any]]], into: np.ndarray[Any, Any]
) -> tuple[Ids, np.ndarray[Any, Any]]:
    ids: list[Ids] = [np.zeros(0, np.int64)]
    done = 0
    for part, vectors in blocks:
        into[done : done + len(part)] = vectors
        ids.append(part)
        done += len(part)
    assert done == len(into), "the catalog changed while its lock was held"
    return np.concatenate(ids), into


def _planned(name: str, images: int, factory: str, width: float, last: Mapping[str, Any] | None) -> PlannedLane:
    """By the last build where that was of the same kind, whatever its number of lists."""
    if last and last["images"] and _kind_of(last["factory"]) == _kind_of(factory):
        share = images / last["images"]
        return PlannedLane(name, images, factory, round(last["bytes"] * share), last["build_s"] * share)
    return PlannedLane(name, images, factory, round(width * images), None)


def _kind_of(factory: str) -> str:
    return re.sub(r"(IVF|HNSW)\d+", r"\1", factory)
