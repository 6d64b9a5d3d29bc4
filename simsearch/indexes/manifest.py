"""The manifest of a generation: what was built from what, with the SHA-256 of every file and of the manifest itself.

On disk it is one JSON object that people can read. This module alone turns it into dataclasses and back.
"""

from __future__ import annotations

import hashlib
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from simsearch.core.errors import GenerationError
from simsearch.core.types import Metric
from simsearch.indexes.stored_file import REPAIR, StoredFile

FORMAT = 2
TEXT, WORDS, WEIGHTS = "text", "words", "weights"
"""Names of the lanes of text: print read on the photos, and the words of the catalog's table; and of their weights."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class LaneFacts(StoredFile):
    """How the index of one lane was built."""

    name: str
    """Of the method."""
    fingerprint: str
    metric: Metric
    dim: int
    kind: str
    """Which `VectorIndex` reads the file."""
    factory: str
    """FAISS factory string."""
    rerank: int
    """This many times the wanted neighbours are fetched and re-ranked by the catalog's vectors; 1: not re-ranked."""
    effort: int
    """Lists or graph nodes that a query visits; 0 where every vector is compared."""
    images: int
    device: Literal["cpu", "cuda"]
    """Where it was built."""
    build_s: float


@dataclass(frozen=True, kw_only=True)
class VoteFacts(StoredFile):
    """How the index of keypoint votes was built."""

    kind: str
    fingerprint: str
    """Of the keypoint method."""
    most: int
    """Keypoints per image, at most."""
    dim: int
    """Bits of a keypoint's descriptor."""
    keypoints: int
    """Keypoints of all images."""
    build_s: float


@dataclass(frozen=True, kw_only=True)
class TextFacts(StoredFile):
    """How one file of the lanes of text was built."""

    name: str
    """The lane, "text" or "words"; "weights" for the weights of both."""
    kind: str
    """Which class reads the file."""
    fingerprint: str
    """Of the readings that the lane "text" holds; empty for the others."""
    documents: int
    """Photos with print; products of which the table says something; products that were weighed."""
    images: int
    """Images that are found by them."""
    build_s: float


@dataclass(frozen=True, kw_only=True)
class PillFacts(StoredFile):
    """How the file of loose pills was built."""

    fingerprint: str
    pills: int
    images: int
    """Images that show any."""
    build_s: float


@dataclass(frozen=True)
class Audit:
    """What the audit of one lane found."""

    passed: bool
    reason: str = ""
    """Why it failed; empty where it passed."""
    sampled: int = 0
    """Queries that were asked."""
    k: int = 0
    """Neighbours that were asked for; 0 for votes."""
    recall: float | None = None
    """Share of the wanted images that were found, 0 to 1; None where nothing was measured."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One generation. Read by `read`, written by `write`."""

    format: int = FORMAT
    name: str
    revision: int
    """Of the catalog that it was built from."""
    methods: Mapping[str, str]
    """Name -> fingerprint of all methods whose descriptors belong to the build."""
    created_at: str
    """UTC, ISO 8601."""
    images: int
    ids_sha256: str
    """Of the image ids as int64, ascending."""
    mark: Mapping[str, int]
    """What `catalog.images.mark` said of the images; empty where there was no catalog."""
    settings: Mapping[str, Any]
    """The `[generations]` settings in force."""
    build_s: float
    lanes: tuple[LaneFacts, ...]
    votes: VoteFacts | None
    """Of all images, or of the first ones, if there are `more_votes`."""
    audit: Mapping[str, Audit]
    """Lane -> audit."""
    engine: str = "faiss"
    """What holds the lanes: FAISS, in files, or one of `indexes.engine`, under the name that is `file` of the lane."""
    texts: tuple[TextFacts, ...] = ()
    """The lanes of text and their weights; empty where it was built without, as by a simsearch that did not read."""
    more_votes: tuple[VoteFacts, ...] = ()
    """Further files of votes, each of the images that follow on those of the one before."""
    pills: PillFacts | None = None
    """Loose pills; None where it was built without, or by a simsearch that read them from the catalog."""
    digest: str = field(default="", compare=False)
    """SHA-256 of everything else, as `digest` computes it; empty before it was written."""

    @property
    def fingerprints(self) -> dict[str, str]:
        """Lane -> fingerprint; without the votes."""
        return {lane.name: lane.fingerprint for lane in self.lanes}

    @property
    def vote_source(self) -> tuple[str, int] | None:
        """Fingerprint of the keypoints that vote and their number per image; None without votes."""
        return (self.votes.fingerprint, self.votes.most) if self.votes else None

    @property
    def text_source(self) -> str | None:
        """Fingerprint of the readings that the lane "text" holds; None without the lanes of text."""
        return next((text.fingerprint for text in self.texts if text.name == TEXT), None)

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """All files but the manifest."""
        pills = (self.pills,) if self.pills else ()
        return (*(self.lanes if self.engine == "faiss" else ()), *self.vote_files, *self.texts, *pills)

    @property
    def vote_files(self) -> tuple[VoteFacts, ...]:
        """All files of votes; empty where it was built without."""
        return (self.votes, *self.more_votes) if self.votes else ()

    @property
    def record(self) -> dict[str, Any]:
        """What the catalog keeps of a build that passed its audits, as JSON."""
        return {"passed": True, "lanes": to_json(self.audit), "build_s": self.build_s, "digest": self.digest}


# -- JSON ------------------------------------------------------------------------------------------------------------


def to_json(value: Any) -> Any:
    """Dataclasses as JSON objects without their None fields."""
    if is_dataclass(value):
        present = {f.name: getattr(value, f.name) for f in fields(value)}
        return {name: to_json(part) for name, part in present.items() if part is not None}
    if isinstance(value, Mapping):
        return {key: to_json(part) for key, part in value.items()}
    return [to_json(part) for part in value] if isinstance(value, tuple | list) else value


def from_json(cls: type[T], value: Any, where: str) -> T:
    """`value` as the dataclass `cls`. Keys that it does not know are ignored.

    Args:
        cls: a dataclass of scalars, tuples, mappings and further dataclasses.
        value: what `json.loads` returned.
        where: file and key, for messages.

    Raises:
        GenerationError: a key is missing or of another type; the message names it.
    """
    if not isinstance(value, dict):
        raise GenerationError(f"{where}: must be an object, not {value!r:.80}; {REPAIR}")
    hints = typing.get_type_hints(cls)
    found: dict[str, Any] = {}
    for f in fields(cls):  # type: ignore[arg-type]
        if f.name in value:
            found[f.name] = _typed(hints[f.name], value[f.name], f"{where}: {f.name}")
        elif f.default is MISSING:
            raise GenerationError(f"{where}: lacks the key {f.name!r}; {REPAIR}")
    return cls(**found)


def _typed(hint: Any, value: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):  # of something and None
        return None if value in (None, {}) else _typed(args[0], value, where)  # no votes are written as {}
    if is_dataclass(hint):
        return from_json(typing.cast("type[Any]", hint), value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_typed(args[0], part, f"{where}[{place}]") for place, part in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        return {key: _typed(args[1], part, f"{where}.{key}") for key, part in value.items()}
    if hint is Any or (origin is Literal and value in args):
        return value
    if hint is float and type(value) is int:
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise GenerationError(f"{where}: must be {getattr(hint, '__name__', hint)}, not {value!r:.80}; {REPAIR}")


def digest(body: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON object, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def write(path: Path, manifest: Manifest) -> Manifest:
    """Write `manifest` with its digest; returns it with the digest."""
    body = {**to_json(manifest), "votes": to_json(manifest.votes) if manifest.votes else {}}
    del body["digest"]
    sealed = replace(manifest, digest=digest(body))
    path.write_text(json.dumps({**body, "digest": sealed.digest}, indent=1) + "\n", encoding="utf-8")
    return sealed


def read(path: Path) -> Manifest:
    """The manifest as it was written.

    Raises:
        GenerationError: it is damaged, missing or of another format.
    """
    try:
        return parse(path.read_bytes(), str(path))
    except OSError as error:
        raise GenerationError(f"{path}: is damaged ({type(error).__name__}); {REPAIR}") from None


def parse(content: str | bytes, where: str) -> Manifest:
    """The manifest that `write` made `content` of; `where` names it in messages.

    Raises:
        GenerationError: it is damaged or of another format.
    """
    try:
        body = json.loads(content)
        said = body.pop("digest")
        sound = said == digest(body)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise GenerationError(f"{where}: is damaged ({type(error).__name__}); {REPAIR}") from None
    if not sound:
        raise GenerationError(f"{where}: does not have the content that was written; {REPAIR}")
    if body.get("format") != FORMAT:
        raise GenerationError(f"{where}: is of format {body.get('format')}, this simsearch reads {FORMAT}; {REPAIR}")
    return replace(from_json(Manifest, body, where), digest=said)
