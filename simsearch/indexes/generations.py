"""Generations: immutable builds of the indexes. Build in a new folder, audit, then move one pointer.

    generations/
      current            the name of the generation that serves; replaced by an atomic rename, last of all
      g000001/
        manifest.json    what was built from what, with the sha256 of every file and of itself
        siamese.index    one file a lane
        phash.index

Readers keep the generation that they opened; a failed build or audit leaves the old one serving.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from simsearch.catalog import Catalog
from simsearch.core.config import GenerationSettings
from simsearch.core.errors import GenerationError
from simsearch.core.files import replace, sync
from simsearch.core.types import Ids
from simsearch.indexes import manifest as manifests
from simsearch.indexes.base import Lane, VectorIndex, load
from simsearch.indexes.build import Keypoints, build_lane, build_votes
from simsearch.indexes.factory import FactoryIndex
from simsearch.indexes.keypoint_votes import VoteIndex
from simsearch.indexes.manifest import FORMAT, REPAIR
from simsearch.indexes.rerank import Reranked

__all__ = ["Generation", "Generations", "Lane"]

_LOG = logging.getLogger("simsearch")
_NAME = re.compile(r"g\d{6,}")
_UNFINISHED = ".unfinished"
"""Ending of a folder that is being built or removed."""


@dataclass(frozen=True)
class Generation:
    """An opened build."""

    name: str
    revision: int
    """Of the catalog that it was built from."""
    images: int
    lanes: Mapping[str, VectorIndex]
    pointer: str = ""
    """What `current` named when it was opened: another name where that one is damaged and this is the one before."""
    digest: str = ""
    """Of the manifest: two builds with one digest answer alike."""
    votes: VoteIndex | None = None
    """Keypoints; None where it was built without them, or from others than are wanted."""


class Generations:
    """The builds below one folder. With `truth`, what is opened is checked against the catalog."""

    def __init__(self, folder: Path, truth: Catalog | None = None, *, device: str = "cpu") -> None:
        self.folder, self.truth, self.device = folder, truth, device

    def names(self) -> list[str]:
        """Builds on disk, oldest first; leftovers of killed builds do not count."""
        if not self.folder.is_dir():
            return []
        found = [p.name for p in self.folder.iterdir() if _NAME.fullmatch(p.name) and (p / "manifest.json").is_file()]
        return sorted(found, key=_number)

    def next_name(self, recorded: Iterable[str] = ()) -> str:
        """A name above all on disk and all `recorded`: a killed build or a catalog put back may know fewer."""
        there = [p.name.removesuffix(_UNFINISHED) for p in self.folder.iterdir()] if self.folder.is_dir() else []
        return f"g{max((_number(n) for n in (*there, *recorded) if _NAME.fullmatch(n)), default=0) + 1:06d}"

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
        """As `current`, and empty where the pointer names nothing that is there: readers have a way to go on."""
        return self._pointer()[0]

    # -- writing -----------------------------------------------------------------------------------------------------

    def build(
        self,
        lanes: Iterable[tuple[Lane, Ids, np.ndarray[Any, Any]]],
        *,
        name: str,
        revision: int,
        expected: Ids,
        settings: GenerationSettings,
        record: Callable[[dict[str, Any]], None] = lambda audit: None,
        methods: Mapping[str, str] | None = None,
        keypoints: Keypoints | None = None,
    ) -> dict[str, Any]:
        """Build, audit and, if the audit passes, serve the generation `name`; returns the audit.

        `lanes` yields each lane with its ids (n,) ascending and vectors (n, width); only one is held at a time.
        `expected`: the ids that every lane must hold. `record` is called with the audit before the pointer moves, so
        that what serves is always known to the catalog. `methods`: name -> fingerprint of all whose descriptors belong
        to the build; the catalog keeps those as long as it is there.

        Raises:
            GenerationError: the audit failed; the message says how, and the old generation still serves.
            ConfigError: `generations.factory` or `.device` cannot be meant.
        """
        try:
            about = {"name": name, "revision": revision, "methods": dict(methods or {})}
            passed = self._build(lanes, about, expected, settings, keypoints)
            record(passed)
            self._serve(name)
        except OSError as error:
            raise GenerationError(
                f"{self.folder}: {name} cannot be written ({error.strerror}); check the folder and the free disk space"
            ) from error
        return passed

    def _build(
        self,
        lanes: Iterable[tuple[Lane, Ids, np.ndarray[Any, Any]]],
        about: Mapping[str, Any],
        expected: Ids,
        settings: GenerationSettings,
        keypoints: Keypoints | None,
    ) -> dict[str, Any]:
        name = about["name"]
        if (self.folder / name).exists():
            raise GenerationError(f"{self.folder / name}: is there already; {REPAIR}")
        work = self.folder / f"{name}{_UNFINISHED}"
        self.clean()
        work.mkdir(parents=True)
        started = time.perf_counter()
        built: list[dict[str, Any]] = []
        audits: dict[str, dict[str, Any]] = {}
        try:
            for lane, ids, vectors in lanes:
                facts, audits[lane.name] = build_lane(work, lane, ids, vectors, expected, settings)
                built.append(facts)
            voted: dict[str, Any] = {}
            if keypoints is not None:
                voted, audits["votes"] = build_votes(work, keypoints, expected)
            failed = [f"{lane}: {found['reason']}" for lane, found in audits.items() if not found["passed"]]
            if failed:
                raise GenerationError(
                    f"the audit of {name} failed, the old generation goes on serving: {'; '.join(failed)}"
                )
        except Exception:
            shutil.rmtree(work, ignore_errors=True)
            raise
        body = {
            "format": FORMAT, **about, "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "images": len(expected), "ids_sha256": hashlib.sha256(expected.tobytes()).hexdigest(),
            "mark": self.truth.images.mark(about["revision"]) if self.truth else {}, "settings": asdict(settings),
            "build_s": round(time.perf_counter() - started, 3), "lanes": built, "votes": voted, "audit": audits,
        }  # fmt: skip
        manifests.write(work / "manifest.json", body)
        sync(work / "manifest.json")
        sync(work)
        os.rename(work, self.folder / name)
        sync(self.folder)
        return {"passed": True, "lanes": audits, "build_s": body["build_s"], "digest": manifests.digest(body)}

    def _serve(self, name: str) -> None:
        replace(self.folder / "current", name + "\n")

    def rollback(self) -> str:
        """Serve the newest sound generation before the current one; returns its name.

        Raises:
            GenerationError: there is none.
        """
        current = self.current()
        for name in reversed([n for n in self.names() if current is None or _number(n) < _number(current)]):
            with suppress(GenerationError):
                self.check(name, full=True)
                self._serve(name)
                return name
        raise GenerationError(f"there is no generation before {current}; {REPAIR}")

    def prune(self, keep: int) -> list[str]:
        """Remove all but the newest `keep` generations and the one that serves; the names removed."""
        current = self.current()
        gone = [n for n in self.names()[:-keep] if n != current]
        for name in gone:
            # Renamed first: what is left when this is killed half-way must not look like a generation.
            going = self.folder / f"{name}{_UNFINISHED}"
            os.rename(self.folder / name, going)
            shutil.rmtree(going)
        return gone

    def clean(self) -> None:
        """Remove what a killed build or removal left."""
        if self.folder.is_dir():
            for path in self.folder.glob(f"*{_UNFINISHED}"):
                shutil.rmtree(path)

    # -- reading -----------------------------------------------------------------------------------------------------

    def manifest(self, name: str, *, full: bool = False) -> dict[str, Any]:
        """The checked manifest of a generation; with `full` every byte of every file is checked too.

        Raises:
            GenerationError: damaged, missing or of another format.
        """
        path = self.folder / name / "manifest.json"
        body = manifests.read(path)
        for lane in (*body["lanes"], *([body["votes"]] if body["votes"] else [])):
            manifests.check_file(path.parent / lane["file"], lane, full=full)
        return body

    def check(self, name: str, wanted: Mapping[str, str] | None = None, *, full: bool = False) -> dict[str, Any]:
        """The manifest of a generation that may answer: sound, of these fingerprints, and built from this catalog.

        Raises:
            GenerationError: it may not; the message says why.
        """
        body = self.manifest(name, full=full)
        built = {lane["name"]: lane["fingerprint"] for lane in body["lanes"]}
        for lane, fingerprint in (wanted or {}).items():
            if built.get(lane) != fingerprint:
                raise GenerationError(
                    f"generation {name} was built with other {lane} settings or weights (now {fingerprint}); "
                    "run `simsearch index` on your sources, then `simsearch rebuild`"
                )
        if self.truth is not None:
            drift = _drift(self.truth, body)
            if drift:
                raise GenerationError(f"generation {name} does not fit the catalog: {drift}; {REPAIR}")
        return body

    def open(self, wanted: Mapping[str, str], keypoints: tuple[str, int] | None = None) -> Generation | None:
        """The generation that serves, None before the first build. `wanted`: lane name -> fingerprint.

        `keypoints`: fingerprint and number an image of the keypoints that its votes must be built from to be used.

        Where it cannot be used, the newest sound one before it, with a warning: what changed since that one is
        searched exactly, so that the answer is the same.

        Raises:
            GenerationError: it is damaged, built from descriptors of other methods, settings or weights, or from
                another catalog, and none before it is sound.
        """
        pointer, problem = self._pointer()
        if pointer is None:
            return None
        names = [n for n in reversed(self.names()) if not pointer or _number(n) < _number(pointer)]
        for name in [pointer, *names] if pointer else names:
            try:
                found = self._opened(name, wanted, pointer, keypoints)
            except GenerationError as error:
                problem = problem or error
                continue
            if problem is not None:
                _LOG.warning("%s; until then generation %s answers", problem, name)
            return found
        if self._pointer()[0] != pointer:  # it went while it was being opened: a build took over and pruned it
            return self.open(wanted, keypoints)
        assert problem is not None
        raise problem

    def _pointer(self) -> tuple[str | None, GenerationError | None]:
        """What `current` names; empty, with the reason, where it cannot be meant."""
        try:
            return self.current(), None
        except GenerationError as error:
            return "", error

    def _opened(
        self, name: str, wanted: Mapping[str, str], pointer: str, keypoints: tuple[str, int] | None
    ) -> Generation:
        body = self.check(name, wanted)
        lanes = {
            lane["name"]: self._loaded(self.folder / name, lane) for lane in body["lanes"] if lane["name"] in wanted
        }
        short = [lane for lane, index in lanes.items() if len(index) != body["images"]]
        if short:
            raise GenerationError(f"generation {name}: its {short[0]} index lacks images; {REPAIR}")
        votes, voted = None, body["votes"]
        if voted and (voted["fingerprint"], voted["most"]) == keypoints:
            votes = VoteIndex.load(self.folder / name / voted["file"], voted["dim"])
        return Generation(name, int(body["revision"]), int(body["images"]), lanes, pointer, str(body["digest"]), votes)

    def _loaded(self, folder: Path, lane: Mapping[str, Any]) -> VectorIndex:
        index = load(lane["kind"], folder / lane["file"], lane["dim"])
        if isinstance(index, FactoryIndex):
            index.factory = lane["factory"]
            index.use(self.device)
        truth, fingerprint = self.truth, lane["fingerprint"]
        if lane["rerank"] == 1 or truth is None:
            return index

        def vectors(ids: Ids) -> dict[int, np.ndarray[Any, Any]]:
            found = truth.descriptors.of(fingerprint, ids.tolist())
            return {i: np.frombuffer(data, np.float32) for i, data in found.items()}

        return Reranked(index, lane["rerank"], vectors)


def _drift(truth: Catalog, body: Mapping[str, Any]) -> str:
    """Why a generation does not belong to the catalog; empty where it does."""
    recorded = truth.builds.get(body["name"])
    if recorded is None or recorded["state"] != "built":
        return "the catalog does not know of it (was a backup put back?)"
    if recorded["audit"].get("digest") != body["digest"]:
        return "the catalog remembers another build under this name"
    then = body["mark"]
    today = truth.images.mark(int(body["revision"]), then["last"])
    if today["redescribed"]:
        # Images that were described again since can have been in it or not: their number bounds what may differ.
        differs = not today["images"] <= then["images"] <= today["images"] + today["redescribed"]
    else:
        differs = any(then[key] != today[key] for key in then)
    return f"it was built from {then['images']} images, the catalog now has {today['images']} of them" * differs


def _number(name: str) -> int:
    return int(name[1:])
