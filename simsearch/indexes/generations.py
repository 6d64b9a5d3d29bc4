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
import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from simsearch.config import GenerationSettings
from simsearch.datatypes import Ids, Metric
from simsearch.errors import GenerationError
from simsearch.indexes.audit import audit
from simsearch.indexes.base import VectorIndex, create, load

FORMAT = 1
_NAME = re.compile(r"g\d{6,}")
_UNFINISHED = ".unfinished"
"""Ending of a folder that is being built or removed."""
REPAIR = "run `simsearch rebuild`"


@dataclass(frozen=True)
class Lane:
    """One index of a generation: the descriptors of one method."""

    name: str
    """Of the method."""
    fingerprint: str
    metric: Metric
    dim: int


@dataclass(frozen=True)
class Generation:
    """An opened build."""

    name: str
    revision: int
    """Of the catalog that it was built from."""
    images: int
    lanes: Mapping[str, VectorIndex]


class Generations:
    """The builds below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

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

    def build(
        self,
        lanes: Iterable[tuple[Lane, Ids, np.ndarray[Any, Any]]],
        *,
        name: str,
        revision: int,
        expected: Ids,
        settings: GenerationSettings,
    ) -> dict[str, Any]:
        """Build, audit and, if the audit passes, serve the generation `name`; returns the audit.

        `lanes` yields each lane with its ids (n,) and vectors (n, width); only one is held at a time. `expected`: the
        ids that every lane must hold.

        Raises:
            GenerationError: the audit failed; the message says how, and the old generation still serves.
        """
        try:
            passed = self._build(lanes, name, revision, expected, settings)
            self._serve(name)
        except OSError as error:
            raise GenerationError(
                f"{self.folder}: {name} cannot be written ({error.strerror}); check the folder and the free disk space"
            ) from error
        return passed

    def _build(
        self,
        lanes: Iterable[tuple[Lane, Ids, np.ndarray[Any, Any]]],
        name: str,
        revision: int,
        expected: Ids,
        settings: GenerationSettings,
    ) -> dict[str, Any]:
        if (self.folder / name).exists():
            raise GenerationError(f"{self.folder / name}: is there already; {REPAIR}")
        work = self.folder / f"{name}{_UNFINISHED}"
        self.clean()
        work.mkdir(parents=True)
        started = time.perf_counter()
        files, audits = [], {}
        for lane, ids, vectors in lanes:
            index = create(lane.metric, lane.dim)
            index.add(ids, vectors)
            path = work / f"{lane.name}.index"
            index.save(path)
            _sync(path)
            # The audit asks the file that will serve, not the index in memory that it was written from.
            audits[lane.name] = audit(load(index.kind, path, lane.dim), ids, vectors, expected, settings)
            files.append({
                **asdict(lane), "kind": index.kind, "file": path.name, "bytes": path.stat().st_size,
                "sha256": _sha256(path),
            })  # fmt: skip
        failed = [f"{lane}: {found['reason']}" for lane, found in audits.items() if not found["passed"]]
        if failed:
            shutil.rmtree(work)
            raise GenerationError(
                f"the audit of {name} failed, the old generation goes on serving: {'; '.join(failed)}"
            )
        body = {
            "format": FORMAT, "name": name, "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "revision": revision, "images": len(expected), "ids_sha256": hashlib.sha256(expected.tobytes()).hexdigest(),
            "settings": asdict(settings), "build_s": round(time.perf_counter() - started, 3), "lanes": files,
            "audit": audits,
        }  # fmt: skip
        (work / "manifest.json").write_text(
            json.dumps({**body, "digest": _digest(body)}, indent=1) + "\n", encoding="utf-8"
        )
        _sync(work / "manifest.json")
        _sync(work)
        os.rename(work, self.folder / name)
        _sync(self.folder)
        return {"passed": True, "lanes": audits, "build_s": body["build_s"]}

    def _serve(self, name: str) -> None:
        part = self.folder / "current.part"
        part.write_text(name + "\n", encoding="ascii")
        _sync(part)
        os.replace(part, self.folder / "current")
        _sync(self.folder)

    def rollback(self) -> str:
        """Serve the newest sound generation before the current one; returns its name.

        Raises:
            GenerationError: there is none.
        """
        current = self.current()
        for name in reversed([n for n in self.names() if current is None or _number(n) < _number(current)]):
            with suppress(GenerationError):
                self.manifest(name, full=True)
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

    def manifest(self, name: str, *, full: bool = False) -> dict[str, Any]:
        """The checked manifest of a generation; with `full` the content of every file is checked too.

        Raises:
            GenerationError: damaged, missing or of another format.
        """
        path = self.folder / name / "manifest.json"
        try:
            body = json.loads(path.read_bytes())
            digest = body.pop("digest")
            sound = digest == _digest(body)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise GenerationError(f"{path}: is damaged ({type(error).__name__}); {REPAIR}") from None
        if not sound:
            raise GenerationError(f"{path}: does not have the content that was written; {REPAIR}")
        if body["format"] != FORMAT:
            raise GenerationError(f"{path}: is of format {body['format']}, this simsearch reads {FORMAT}; {REPAIR}")
        for lane in body["lanes"]:
            file = path.parent / lane["file"]
            if not file.is_file() or file.stat().st_size != lane["bytes"]:
                raise GenerationError(f"{file}: is missing or of another size than was written; {REPAIR}")
            if full and _sha256(file) != lane["sha256"]:
                raise GenerationError(f"{file}: does not have the content that was written; {REPAIR}")
        return dict(body)

    def open(self, wanted: Mapping[str, str]) -> Generation | None:
        """The generation that serves, None before the first build. `wanted`: lane name -> fingerprint.

        Raises:
            GenerationError: damaged, or built from descriptors of other methods, settings or weights.
        """
        name = self.current()
        if name is None:
            return None
        # All of every file: FAISS, given a file with one damaged byte, may hang, crash or answer wrongly.
        manifest = self.manifest(name, full=True)
        built = {lane["name"]: lane["fingerprint"] for lane in manifest["lanes"]}
        for lane, fingerprint in wanted.items():
            if built.get(lane) != fingerprint:
                raise GenerationError(
                    f"generation {name} was built with other {lane} settings or weights (now {fingerprint}); "
                    "run `simsearch index` on your sources, then `simsearch rebuild`"
                )
        lanes = {
            lane["name"]: load(lane["kind"], self.folder / name / lane["file"], lane["dim"])
            for lane in manifest["lanes"]
            if lane["name"] in wanted
        }
        short = [lane for lane, index in lanes.items() if len(index) != manifest["images"]]
        if short:
            raise GenerationError(f"generation {name}: its {short[0]} index lacks images; {REPAIR}")
        return Generation(name, int(manifest["revision"]), int(manifest["images"]), lanes)


def _number(name: str) -> int:
    return int(name[1:])


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    sha = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
