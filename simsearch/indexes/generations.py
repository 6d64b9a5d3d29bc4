"""Generations: immutable builds of the indexes. Build in a new folder, audit, then move one pointer.

    generations/
      current            the name of the generation that serves; replaced by an atomic rename, last of all
      g000001/
        manifest.json    what was built from what, with the SHA-256 of every file and of itself
        siamese.index    one file per lane; text.weights: how rare words are, for the lanes text and words
        phash.index

Readers keep the generation that they opened. When a build or its audit fails, the old generation goes on serving.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from simsearch.core.config import GenerationSettings
from simsearch.core.errors import ConfigError, GenerationError
from simsearch.core.files import replace, sync
from simsearch.core.ray_cluster import is_ray
from simsearch.core.types import Ids, Metric
from simsearch.indexes import manifest as manifests
from simsearch.indexes.base import Lane, Searcher
from simsearch.indexes.build import BuildRequest, LaneVectors, build_files
from simsearch.indexes.catalog_text import CatalogText
from simsearch.indexes.catalog_view import CatalogView, drift
from simsearch.indexes.choice import choose
from simsearch.indexes.factory import FactoryIndex
from simsearch.indexes.generation import Generation
from simsearch.indexes.keypoint_votes import Votes
from simsearch.indexes.manifest import LaneFacts, Manifest, VoteFacts
from simsearch.indexes.pills import PillIndex, PillSource
from simsearch.indexes.ray_votes import RayVotes, VoteSource
from simsearch.indexes.read_ahead import read_ahead
from simsearch.indexes.registry import load
from simsearch.indexes.rerank import Reranked, vectors_of
from simsearch.indexes.stored_file import REPAIR
from simsearch.indexes.text_build import open_texts
from simsearch.indexes.vote_build import Keypoints
from simsearch.indexes.vote_files import opened

__all__ = ["Generation", "Generations", "Lane"]

_LOG = logging.getLogger("simsearch")
_NAME = re.compile(r"g\d{6,}")
UNFINISHED = ".unfinished"
"""Suffix of a folder that is being built or removed."""


class Generations:
    """The builds below one folder. With a catalog, whatever is opened is checked against it."""

    def __init__(
        self, folder: Path, catalog: CatalogView | None = None, *, device: str = "cpu", votes_on: str = ""
    ) -> None:
        """
        Args:
            folder: where the builds lie.
            catalog: what an opened generation is checked against; None: nothing.
            device: where indexes are searched: cpu, cuda or auto.
            votes_on: the Ray cluster that looks votes up; empty: this process does.

        Raises:
            ConfigError: `votes_on` names no cluster.
        """
        if votes_on and not is_ray(votes_on):
            raise ConfigError(f'generations.votes_on = "{votes_on}": must be "", "ray" or "ray://HOST:PORT"')
        self.folder, self.catalog, self.device, self.votes_on = folder, catalog, device, votes_on

    def close(self) -> None:
        """Give back what is held open: no file is."""

    def names(self) -> list[str]:
        """The builds on disk, oldest first. What a killed build left is not among them."""
        if not self.folder.is_dir():
            return []
        found = [p.name for p in self.folder.iterdir() if _NAME.fullmatch(p.name) and (p / "manifest.json").is_file()]
        return sorted(found, key=number)

    def next_name(self, recorded: Iterable[str] = ()) -> str:
        """A name above all on disk and all `recorded`: a killed build or a restored catalog may know fewer."""
        there = [p.name.removesuffix(UNFINISHED) for p in self.folder.iterdir()] if self.folder.is_dir() else []
        return f"g{max((number(n) for n in (*there, *recorded) if _NAME.fullmatch(n)), default=0) + 1:06d}"

    def kind_for(self, metric: Metric, dim: int, images: int, settings: GenerationSettings) -> tuple[str, float]:
        """How a lane of that size is built, and how many bytes an image takes there."""
        kind = choose(metric, dim, images, settings)
        return kind.factory, kind.bytes_per_image

    def current(self) -> str | None:
        """Name of the generation that serves; None before the first build.

        Raises:
            GenerationError: the pointer names nothing that is there.
        """
        try:
            name = (self.folder / "current").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise GenerationError(f"{self.folder / 'current'}: cannot be read ({error}); {REPAIR}") from None
        if not _NAME.fullmatch(name) or not (self.folder / name).is_dir():
            raise GenerationError(f"{self.folder / 'current'}: names no generation ({name[:40]!r}); {REPAIR}")
        return name

    def pointer(self) -> str | None:
        """As `current`, but empty where the pointer is damaged: readers then use the newest sound generation."""
        return self._pointer()[0]

    # -- writing -----------------------------------------------------------------------------------------------------

    def build(
        self,
        lanes: Iterable[LaneVectors],
        *,
        name: str,
        revision: int,
        expected: Ids,
        settings: GenerationSettings,
        methods: Mapping[str, str] | None = None,
        keypoints: Keypoints | None = None,
        texts: CatalogText | None = None,
        pills: PillSource | None = None,
    ) -> Manifest:
        """Build and audit the generation `name`, record it in the catalog, and serve it.

        Args:
            lanes: each lane with its ids and vectors; only one is held at a time.
            name: see `next_name`.
            revision: of the catalog that the vectors were read from.
            expected: the ids that every lane must hold, ascending.
            settings: which kinds of index, and what the audit needs.
            methods: name -> fingerprint of all methods whose descriptors belong to the build. The catalog keeps their
                descriptors as long as the generation is there.
            keypoints: which keypoints vote; they are read from the catalog. None: without votes.
            texts: what the lanes of text are made from. None: without them.
            pills: what `lanes` fills in with the loose pills. None: without them.

        Raises:
            GenerationError: an audit failed or the disk is full; the message says why, and the old generation serves.
            ConfigError: `generations.factory` or `.device` is invalid.
        """
        request = BuildRequest(name, revision, expected, settings, methods or {}, keypoints, texts, pills)
        try:
            manifest = self._build(lanes, request)
            if self.catalog is not None:  # before the pointer moves: the catalog always knows the one that serves
                self.catalog.builds.record(name, manifest.images, "built", manifest.record)
            self._serve(name)
        except OSError as error:
            raise GenerationError(
                f"{self.folder}: {name} cannot be written ({error.strerror}); check the folder and the free disk space"
            ) from error
        return manifest

    def _build(self, lanes: Iterable[LaneVectors], request: BuildRequest) -> Manifest:
        """Build in an unfinished folder, and rename it when everything is on the disk."""
        if (self.folder / request.name).exists():
            raise GenerationError(f"{self.folder / request.name}: is there already; {REPAIR}")
        work = self.folder / f"{request.name}{UNFINISHED}"
        self.clean()
        work.mkdir(parents=True)
        try:
            manifest = build_files(work, lanes, request, self.catalog)
        except Exception:
            shutil.rmtree(work, ignore_errors=True)
            raise
        manifest = manifests.write(work / "manifest.json", manifest)
        sync(work / "manifest.json")
        sync(work)
        os.rename(work, self.folder / request.name)
        sync(self.folder)
        return manifest

    def _serve(self, name: str) -> None:
        replace(self.folder / "current", name + "\n")

    def rollback(self) -> str:
        """Serve the newest sound generation before the current one; returns its name.

        Raises:
            GenerationError: there is none.
        """
        current = self.current()
        for name in reversed([n for n in self.names() if current is None or number(n) < number(current)]):
            with suppress(GenerationError):
                self.check(name, full=True)
                self._serve(name)
                return name
        raise GenerationError(f"there is no generation before {current}; {REPAIR}")

    def prune(self, keep: int) -> list[str]:
        """Remove all but the newest `keep` generations and the one that serves; returns the removed names."""
        current = self.current()
        gone = [n for n in self.names()[:-keep] if n != current]
        for name in gone:
            # Renamed first, so that a half removed folder does not look like a generation.
            going = self.folder / f"{name}{UNFINISHED}"
            os.rename(self.folder / name, going)
            shutil.rmtree(going)
        return gone

    def clean(self) -> None:
        """Remove what a killed build or removal left."""
        if self.folder.is_dir():
            for path in self.folder.glob(f"*{UNFINISHED}"):
                shutil.rmtree(path)

    # -- reading -----------------------------------------------------------------------------------------------------

    def manifest(self, name: str, *, full: bool = False) -> Manifest:
        """The manifest of a generation, after a check of its files; `full` reads every byte of them.

        Raises:
            GenerationError: damaged, missing or of another format.
        """
        manifest = manifests.read(self.folder / name / "manifest.json")
        for file in manifest.files:
            file.check(self.folder / name, full=full)
        return manifest

    def check(self, name: str, wanted: Mapping[str, str] | None = None, *, full: bool = False) -> Manifest:
        """The manifest of a generation that may answer: sound, of these fingerprints, and built from this catalog.

        Args:
            name: of the generation.
            wanted: lane -> fingerprint; None: any.
            full: whether every byte of its files is read.

        Raises:
            GenerationError: it may not answer; the message says why.
        """
        manifest = self.manifest(name, full=full)
        for lane, fingerprint in (wanted or {}).items():
            if manifest.fingerprints.get(lane) != fingerprint:
                raise GenerationError(
                    f"generation {name} was built with other {lane} settings or weights (now {fingerprint}); "
                    "run `simsearch index` on your sources, then `simsearch rebuild`"
                )
        if self.catalog is not None and (reason := drift(self.catalog, manifest)):
            raise GenerationError(f"generation {name} does not fit the catalog: {reason}; {REPAIR}")
        return manifest

    def open(
        self,
        wanted: Mapping[str, str],
        keypoints: tuple[str, int] | None = None,
        reading: str | None = None,
        pills: str | None = None,
    ) -> Generation | None:
        """The generation that serves; None before the first build.

        Where it cannot be used, the newest sound one before it is opened, with a warning. The answers are the same:
        what changed since then is searched exactly.

        Args:
            wanted: lane -> fingerprint of the indexes to open.
            keypoints: fingerprint and number per image of the keypoints that its votes must be built from.
            reading: fingerprint of the readings that its lane of text must be built from; None: no lanes of text.
            pills: fingerprint of the loose pills that are opened where it has them; None: none are.

        Raises:
            GenerationError: no generation is sound, of these fingerprints, and built from this catalog.
        """
        pointer, problem = self._pointer()
        if pointer is None:
            return None
        names = [n for n in reversed(self.names()) if not pointer or number(n) < number(pointer)]
        for name in [pointer, *names] if pointer else names:
            try:
                found = self._opened(name, wanted, pointer, keypoints, reading, pills)
            except GenerationError as error:
                problem = problem or error
                continue
            if problem is not None:
                _LOG.warning("%s; until then generation %s answers", problem, name)
            return found
        if self._pointer()[0] != pointer:  # a build took over and pruned it while it was being opened
            return self.open(wanted, keypoints, reading, pills)
        assert problem is not None
        raise problem

    def read_ahead(self, name: str) -> None:
        """Let the system read the vectors of a generation that is about to be asked; nobody waits for that."""
        with suppress(GenerationError):
            lanes = manifests.read(self.folder / name / "manifest.json").lanes
            read_ahead([self.folder / name / lane.file for lane in lanes])

    def _pointer(self) -> tuple[str | None, GenerationError | None]:
        """What `current` names; empty, with the reason, where that is damaged."""
        try:
            return self.current(), None
        except GenerationError as error:
            return "", error

    def _opened(
        self,
        name: str,
        wanted: Mapping[str, str],
        pointer: str,
        keypoints: tuple[str, int] | None,
        reading: str | None,
        pills: str | None,
    ) -> Generation:
        manifest = self.check(name, wanted)
        lanes = {lane.name: self._loaded(name, lane) for lane in manifest.lanes if lane.name in wanted}
        if short := [lane for lane, index in lanes.items() if len(index) != manifest.images]:
            raise GenerationError(f"generation {name}: its {short[0]} index lacks images; {REPAIR}")
        votes: Votes | None = None
        if manifest.votes and manifest.vote_source == keypoints:
            votes = self._votes(name, manifest.vote_files)
        texts, weights = open_texts(self.folder / name, manifest, reading) if reading else ({}, None)
        wanted_pills = manifest.pills if manifest.pills and manifest.pills.fingerprint == pills else None
        return Generation(
            name, manifest.revision, manifest.images, lanes, pointer, manifest.digest, votes, texts, weights,
            PillIndex.load(self.folder / name / wanted_pills.file) if wanted_pills else None,
        )  # fmt: skip

    def _votes(self, name: str, files: Sequence[VoteFacts]) -> Votes:
        if self.votes_on:
            return RayVotes(
                self.votes_on, VoteSource(name, str((self.folder / name).resolve()), self._database()), files
            )
        return opened([self.folder / name / facts.file for facts in files], files[0].dim)

    def _database(self) -> str:
        """URL of the database that holds the files of votes, too; empty where none does."""
        return ""

    def _loaded(self, name: str, lane: LaneFacts) -> Searcher:
        index = load(lane.kind, self.folder / name / lane.file, lane.dim)
        if isinstance(index, FactoryIndex):
            index.factory = lane.factory
            index.use(self.device)
        if lane.rerank == 1 or self.catalog is None:
            return index
        return Reranked(index, lane.rerank, vectors_of(self.catalog, lane.fingerprint, lane.dim))


def number(name: str) -> int:
    """Of a generation, by which they are ordered."""
    return int(name[1:])
