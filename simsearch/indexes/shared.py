"""Generations that several machines share: vectors in an engine, everything else in the catalog's database.

    the engine            collections g000012_siamese, g000012_phash: filled, sealed, audited, never changed
    the database          manifest, files of votes and texts, and the row that says which generation serves
    generations/shared/   in each home: copies of those files, made when a generation is first opened there

A build is written down in the database before anything of it is made, and may serve only when all of it is in its
place. So a build that is killed leaves what the next one drops, and what served goes on serving, on every machine.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from simsearch.catalog.shared import BUILT, SharedBuilds
from simsearch.core.config import GenerationSettings
from simsearch.core.errors import EngineError, GenerationError
from simsearch.core.types import Metric
from simsearch.indexes import manifest as manifests
from simsearch.indexes.base import Searcher
from simsearch.indexes.build import BuildRequest, LaneVectors, build_files
from simsearch.indexes.catalog_view import CatalogView
from simsearch.indexes.engine import VectorEngine
from simsearch.indexes.generations import UNFINISHED, Generations, number
from simsearch.indexes.manifest import LaneFacts, Manifest
from simsearch.indexes.shared_build import check, lane_builder, opened
from simsearch.indexes.stored_file import REPAIR, StoredFile

_LEAST_KEPT = 2
"""Other machines may still be answering from the generation before."""
_FETCHING = ".fetching-"
_ABANDONED_S = 24 * 3600.0


class SharedGenerations(Generations):
    """The generations in an engine, as `Generations` for those in a folder."""

    def __init__(
        self, folder: Path, catalog: CatalogView | None, shared: SharedBuilds, engine: VectorEngine, votes_on: str = ""
    ) -> None:
        """`folder`: of this home's copies, the rest as of `Generations`."""
        super().__init__(folder, catalog, votes_on=votes_on)
        self.shared, self.engine = shared, engine

    def close(self) -> None:
        """Give the engine's connections back."""
        self.engine.close()

    def names(self) -> list[str]:
        """The generations that may serve, oldest first."""
        return sorted((name for name, state in self.shared.states().items() if state == BUILT), key=number)

    def next_name(self, recorded: Iterable[str] = ()) -> str:
        """A name above all that there ever were."""
        return super().next_name([*recorded, *self.shared.states()])

    def kind_for(self, metric: Metric, dim: int, images: int, settings: GenerationSettings) -> tuple[str, float]:
        """As `Generations.kind_for`."""
        kind = self.engine.kind_for(metric, dim, images)
        return kind, self.engine.bytes_for(metric, dim, kind)

    def current(self) -> str | None:
        """Name of the generation that serves; None before the first build."""
        return self.shared.serving()

    # -- writing -----------------------------------------------------------------------------------------------------

    def _build(self, lanes: Iterable[LaneVectors], request: BuildRequest) -> Manifest:
        """Build in the engine and in an unfinished folder, and write it down when everything is in its place."""
        name = request.name
        self.clean()
        work = self.folder / f"{name}{UNFINISHED}"
        work.mkdir(parents=True)
        self.shared.begin(name)
        try:
            make = lane_builder(self.engine, name, lambda made: self.shared.claim(name, made))
            built = build_files(work, lanes, request, self.catalog, make, self.engine.kind)
            manifest = manifests.write(work / "manifest.json", built)
            for file in manifest.files:
                self.shared.put_file(name, work / file.file)
            self.shared.finish(name, (work / "manifest.json").read_text(encoding="utf-8"))
        except Exception:
            shutil.rmtree(work, ignore_errors=True)
            with suppress(EngineError):  # the next build tries again
                self._drop(name)
            raise
        os.rename(work, self.folder / name)
        return manifest

    def _serve(self, name: str) -> None:
        self.shared.serve(name)

    def prune(self, keep: int) -> list[str]:
        """Drop all but the newest `keep` generations, two at least, and the one that serves; returns their names."""
        current = self.current()
        gone = [n for n in self.names()[: -max(keep, _LEAST_KEPT)] if n != current]
        for name in gone:
            self.shared.leave(name)
            self._drop(name)
        self._drop_copies()
        return gone

    def clean(self) -> None:
        """Drop what a killed build or removal left, in the engine too."""
        super().clean()
        for name, state in self.shared.states().items():
            if state != BUILT:
                self._drop(name)

    def _drop(self, name: str) -> None:
        for collection in self.shared.collections(name):
            self.engine.drop(collection)
        self.shared.forget(name)

    # -- reading -----------------------------------------------------------------------------------------------------

    def manifest(self, name: str, *, full: bool = False) -> Manifest:
        """The manifest of a generation, after a check of its collections and of this home's copy of its files."""
        content = self.shared.manifest(name)
        if content is None:
            raise GenerationError(f"generation {name} is not there any more; {REPAIR}")
        manifest = manifests.parse(content, f"generation {name}")
        if manifest.engine != self.engine.kind:
            raise GenerationError(
                f"generation {name} lies in {manifest.engine}, generations.engine is {self.engine.kind}; {REPAIR}"
            )
        self._copied(name, content, manifest, full=full)
        for lane in manifest.lanes:
            check(self.engine, lane, full=full)
        return manifest

    def read_ahead(self, name: str) -> None:
        """The vectors are the engine's to read."""

    def _database(self) -> str:
        return self.shared.database.url.render_as_string(hide_password=False)

    def _loaded(self, name: str, lane: LaneFacts) -> Searcher:
        return opened(self.engine, lane)

    # -- copies ------------------------------------------------------------------------------------------------------

    def _copied(self, name: str, content: str, manifest: Manifest, *, full: bool) -> None:
        """See that the files of `name` lie in this home as they were written; they are fetched where they do not."""
        folder = self.folder / name
        with suppress(GenerationError):
            for file in self._needed(manifest):
                file.check(folder, full=full)
            if folder.is_dir():
                return
        try:
            self._fetch(name, content, manifest)
        except OSError as error:
            text = f"{folder}: cannot be written ({error.strerror}); check the folder and the free disk space"
            raise GenerationError(text) from error

    def _needed(self, manifest: Manifest) -> list[StoredFile]:
        """The files that are read in this home: those of votes are not where actors look them up."""
        return [file for file in manifest.files if not (self.votes_on and file in manifest.vote_files)]

    def _fetch(self, name: str, content: str, manifest: Manifest) -> None:
        work = self.folder / f"{_FETCHING}{os.getpid()}-{time.monotonic_ns()}"
        work.mkdir(parents=True)
        try:
            for file in self._needed(manifest):
                with (work / file.file).open("wb") as stream:
                    for part in self.shared.file(name, file.file):
                        stream.write(part)
                os.utime(work / file.file, ns=(file.mtime_ns, file.mtime_ns))
                file.check(work, full=True)
            (work / "manifest.json").write_text(content, encoding="utf-8")
            if (self.folder / name).is_dir():  # damaged, or another process was faster: an open file stays readable
                os.rename(self.folder / name, work / "before")
            with suppress(FileExistsError):
                os.rename(work, self.folder / name)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(self.folder / name / "before", ignore_errors=True)
        self._drop_copies()

    def _drop_copies(self) -> None:
        """Remove the copies of generations that are gone, and what killed processes left of others."""
        known = self.shared.states()
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            left = path.name.startswith(_FETCHING) and time.time() - path.stat().st_mtime > _ABANDONED_S
            if left or (not path.name.startswith(_FETCHING) and path.name.removesuffix(UNFINISHED) not in known):
                shutil.rmtree(path, ignore_errors=True)
