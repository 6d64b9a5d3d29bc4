"""Building the indexes from the catalog: rebuild, and plan what a rebuild would do. No photo is read.

There is one exception: under new weights or settings the images are described again first, from their files, while the
old generation goes on serving. Old and new descriptors stand side by side in the catalog and are never compared.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from simsearch.catalog import Catalog
from simsearch.core.config import Config
from simsearch.core.errors import ConfigError, GenerationError
from simsearch.core.types import Ids, Progress
from simsearch.features.base import Method, MetricMethod
from simsearch.indexes.base import Lane
from simsearch.indexes.build import LaneVectors
from simsearch.indexes.catalog_text import CatalogText
from simsearch.indexes.generations import Generations
from simsearch.indexes.manifest import TEXT, WEIGHTS, WORDS, Manifest
from simsearch.indexes.pills import PillSource
from simsearch.indexes.vote_build import Keypoints
from simsearch.ingest.build_plan import LastBuild, Plan, planned
from simsearch.ingest.indexer import Indexer

_LOG = logging.getLogger("simsearch")

_IN_MEMORY = 256 * 2**20
"""Bytes of vectors of one lane. More are written to disk and mapped while the index is built."""
_VOTE_BYTES = 40.0
"""Of one keypoint in the index of votes: a descriptor of 32 bytes and the id of its image."""
_PRINT_BYTES, _WORDS_BYTES = 1300.0, 700.0
"""Of one image in the lane of text, and in that of words: a sketch, and some hundred terms of 4 bytes."""
_TEXT_FACTORY = "BFlat"
"""What finds the sketches of texts."""
_PILL_FACTORY = "all"
"""Loose pills are compared one by one."""


@dataclass(frozen=True)
class IndexState:
    """How the generation that serves compares with the catalog and the settings."""

    usable: bool
    """Whether it is sound and was built with these methods, settings and weights, from this catalog."""
    outside: int = 0
    """Images that were described, read, renamed or retired since it was built, all where it was built from other
    readings; 0 where it is not usable."""
    problem: str = ""
    """Why it is not usable; empty before the first build."""

    @property
    def current(self) -> bool:
        """Whether a new build would hold the same."""
        return self.usable and not self.outside


class Rebuilder:
    """Builds the generations of one home. The caller holds the lock of the home while one is built."""

    def __init__(
        self,
        home: Path,
        config: Config,
        catalog: Catalog,
        methods: Mapping[str, Method],
        generations: Generations,
        reading: Method | None = None,
    ) -> None:
        """`reading`: whose descriptors the lanes of text are built from; None: without these lanes."""
        self.home, self.config, self.catalog, self.methods = home, config, catalog, methods
        self.generations, self.reading = generations, reading
        self.lanes = [m for m in methods.values() if isinstance(m, MetricMethod)]
        self.fingerprints = {name: m.fingerprint for name, m in methods.items()}

    # -- building ----------------------------------------------------------------------------------------------------

    def rebuild(self, *, keep: int | None = None, progress: Progress) -> str:
        """Describe stale images, then build, audit and serve a generation; returns its name.

        Args:
            keep: generations to keep; None: as the settings say.
            progress: told of every image that is described again.

        Raises:
            GenerationError: an audit failed, or images lack descriptors; the old generation still serves.
            ConfigError: `generations.factory` or `.device` is invalid.
        """
        self.describe_stale(progress)
        name = self.build()
        self.generations.prune(keep or self.config.generations.keep)
        return name

    def describe_stale(self, progress: Progress) -> int:
        """Describe the images that lack descriptors of these weights and settings, from their files; how many.

        Raises:
            GenerationError: some of the files cannot be read any more.
        """
        stale = self.catalog.images.stale(self.fingerprints.values())
        if not stale:
            return 0
        indexer = Indexer.of(self.catalog, self.methods, self.config)
        indexer.redescribe(stale, progress)
        left = [row.path for _, row in self.catalog.images.stale(self.fingerprints.values())]
        if left:
            raise GenerationError(
                f"{len(left)} images lack descriptors of these settings and cannot be read, for instance {left[0]}; "
                "the old generation goes on serving: put the photos back, or take them out by `simsearch index --prune`"
            )
        return len(stale)

    def build(self) -> str:
        """Build a generation from the catalog as it is; returns its name. The catalog records it, also if it fails.

        Raises:
            GenerationError: an audit failed; the old generation still serves.
            ConfigError: `generations.factory` or `.device` is invalid.
        """
        if wrong := self.catalog.counts.mend():
            _LOG.warning("the catalog's counts were not what it holds, in %d places; they were counted anew", wrong)
        revision = self.catalog.revision()
        # All is read as of this revision: what is retired or added meanwhile changes nothing, and counts as outside.
        expected = self.catalog.descriptors.active_ids(self.fingerprints["phash"], at=revision)
        name = self._next_name()
        pills = PillSource(self.methods["pills"]) if "pills" in self.methods else None
        started = time.perf_counter()
        try:
            self.generations.build(
                self._lane_vectors(revision, pills), name=name, revision=revision, expected=expected,
                settings=self.config.generations, methods=self.fingerprints, keypoints=self._keypoints(),
                texts=CatalogText(self.catalog, self.reading) if self.reading else None, pills=pills,
            )  # fmt: skip
        except ConfigError:
            raise  # nothing was begun
        except Exception as error:
            failure = {"passed": False, "reason": str(error), "build_s": round(time.perf_counter() - started, 3)}
            self.catalog.builds.record(name, len(expected), "failed", failure)
            raise
        return name

    def _next_name(self) -> str:
        return self.generations.next_name(self.catalog.builds.names())

    def _lane_vectors(self, revision: int, pills: PillSource | None) -> Iterator[LaneVectors]:
        """Each lane with all its vectors, read block by block from the catalog. `pills` is filled in on the way."""
        of = {m.fingerprint: (m.dtype, m.shape[0]) for m in self.lanes}
        wanted = {**of, **({pills.method.fingerprint: None} if pills else {})}
        keypoints = self._keypoints()
        with ExitStack() as spools:
            # A spool has no name, so that nothing of it is left, however the build ends.
            folder = self.generations.folder
            into = {
                m.fingerprint: self._room(m, revision, lambda: spools.enter_context(tempfile.TemporaryFile(dir=folder)))
                for m in self.lanes
            }
            ids: dict[str, list[Ids]] = {fingerprint: [np.zeros(0, np.int64)] for fingerprint in of}
            done = dict.fromkeys(of, 0)
            along = keypoints.method.fingerprint if keypoints else None
            for fingerprint, part, vectors in self.catalog.descriptors.sweep(wanted, revision, along=along):
                if pills and fingerprint == pills.method.fingerprint:
                    pills.packed.update(zip(part.tolist(), vectors.tolist(), strict=True))
                    continue
                start = done[fingerprint]
                done[fingerprint] += len(part)
                into[fingerprint][start : start + len(part)] = vectors
                ids[fingerprint].append(part)
            if any(done[fingerprint] != len(room) for fingerprint, room in into.items()):
                raise GenerationError("the catalog changed while its lock was held; run `simsearch rebuild` again")
            for m in self.lanes:
                lane = Lane(m.name, m.fingerprint, m.metric, m.dim)
                yield lane, np.concatenate(ids[m.fingerprint]), into[m.fingerprint]

    def _room(self, m: MetricMethod, revision: int, spool: Callable[[], IO[bytes]]) -> np.ndarray[Any, Any]:
        """An array for all vectors of a lane, in memory or, where they are many, in a new `spool`."""
        shape = len(self.catalog.descriptors.active_ids(m.fingerprint, at=revision)), m.shape[0]
        if shape[0] * shape[1] * m.dtype.itemsize <= _IN_MEMORY:
            return np.empty(shape, m.dtype)
        self.generations.folder.mkdir(parents=True, exist_ok=True)
        return np.memmap(spool(), m.dtype, "w+", shape=shape)

    def _keypoints(self) -> Keypoints | None:
        orb, query = self.methods.get("orb"), self.config.query
        return Keypoints(orb, query.vote_keypoints) if orb is not None and query.vote_candidates else None

    # -- looking -----------------------------------------------------------------------------------------------------

    def state(self, *, full: bool = False) -> IndexState:
        """Whether the generation that serves is still right; `full` reads every byte of its files."""
        try:
            name = self.generations.current()
            if name is None:
                return IndexState(False)
            manifest = self.generations.check(name, full=full)
        except GenerationError as error:
            return IndexState(False, problem=str(error))
        keypoints = self._keypoints()
        wanted = (keypoints.method.fingerprint, keypoints.most) if keypoints else None
        built = set(manifest.fingerprints.values())
        if built != {m.fingerprint for m in self.lanes} or manifest.vote_source != wanted:
            return IndexState(False, problem=f"generation {name} was built with other methods, settings or weights")
        return IndexState(True, self._outside(manifest))

    def _outside(self, manifest: Manifest) -> int:
        """How many images a new build would hold otherwise than the one of `manifest`."""
        ids = self.catalog.descriptors.active_ids(self.fingerprints["phash"], since=manifest.revision)
        retired = self.catalog.images.retired_since(manifest.revision)
        if self.reading is None:
            return len(ids) + len(retired)
        if manifest.text_source != self.reading.fingerprint:
            return self.catalog.images.counts()["images_ok"]
        changes = self.catalog.changes(manifest.revision)
        texts = np.setdiff1d(np.concatenate([changes.read_ids, changes.renamed_ids]), changes.retired)
        return len(np.union1d(ids, texts)) + len(retired)

    def behind(self) -> bool:
        """Whether more than `indexing.rebuild_share` of the images are outside the generation, or none can be used."""
        live, state = self.catalog.images.counts()["images_ok"], self.state()
        if not state.usable:
            return live > 0 and not self.catalog.images.stale(self.fingerprints.values())
        return state.outside > self.config.indexing.rebuild_share * max(1, live)

    def plan(self) -> Plan:
        """What a rebuild would build, how large and how long; nothing is changed."""
        images = self.catalog.images.counts()["images_ok"]
        stale = len(self.catalog.images.stale(self.fingerprints.values()))
        last = self._last_builds()
        lanes = []
        for m in self.lanes:
            kind, width = self.generations.kind_for(m.metric, m.dim, images, self.config.generations)
            lanes.append(planned(m.name, images, kind, width, last.get(m.name)))
        if self._keypoints():
            width = _VOTE_BYTES * self.config.query.vote_keypoints
            lanes.append(planned("votes", images, "BIVF", width, last.get("votes")))
        if "pills" in self.methods:  # how many images show any is not known before the first build
            lanes.append(planned("pills", images, _PILL_FACTORY, 0.0, last.get("pills")))
        if self.reading is not None:
            read = self.catalog.descriptors.counts().get(self.reading.fingerprint, 0)
            for name, count, width in ((TEXT, read, _PRINT_BYTES), (WORDS, images, _WORDS_BYTES)):
                lanes.append(planned(name, count, _TEXT_FACTORY, width, last.get(name)))
        folder = next(p for p in (self.generations.folder, *self.generations.folder.parents) if p.is_dir())
        return Plan(
            self._next_name(), images, stale, tuple(lanes), shutil.disk_usage(folder).free,
            changed=stale > 0 or not self.state().current,
        )  # fmt: skip

    def _last_builds(self) -> dict[str, LastBuild]:
        """For each lane, the newest generation with a readable manifest that has it."""
        found: dict[str, LastBuild] = {}
        for name in self.generations.names():
            try:
                manifest = self.generations.manifest(name)
            except GenerationError:
                continue
            for lane in manifest.lanes:
                found[lane.name] = LastBuild(lane.images, lane.factory, lane.bytes, lane.build_s)
            if votes := manifest.vote_files:
                size, seconds = sum(f.bytes for f in votes), sum(f.build_s for f in votes)
                found["votes"] = LastBuild(manifest.images, "BIVF", size, seconds)
            if pills := manifest.pills:
                found["pills"] = LastBuild(manifest.images, _PILL_FACTORY, pills.bytes, pills.build_s)
            if texts := {text.name: text for text in manifest.texts}:
                for name, files in ((TEXT, [texts[TEXT]]), (WORDS, [texts[WORDS], texts[WEIGHTS]])):
                    size, seconds = sum(f.bytes for f in files), sum(f.build_s for f in files)
                    found[name] = LastBuild(texts[name].images, _TEXT_FACTORY, size, seconds)
        return found
