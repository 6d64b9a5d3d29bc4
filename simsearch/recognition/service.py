"""Answers photos and keeps a record of every answer, unless that is declined."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from simsearch.core import images
from simsearch.core.config import Config
from simsearch.core.errors import GenerationError, ImageError
from simsearch.core.threads import in_threads
from simsearch.core.types import Decision, Image
from simsearch.indexes import manifest
from simsearch.recognition.calibration import Calibration
from simsearch.recognition.engine import NO_GENERATION, QueryEngine, Where
from simsearch.recognition.product_filter import parse
from simsearch.recognition.verification import FEATURES

BATCH = 32
"""Photos decoded at once."""

Photo = str | Path | bytes
"""A file, or the content of one."""


class Answering:
    """Asks the engine. A photo that cannot be read is an answer too: the reason."""

    def __init__(self, engine: QueryEngine, calibration: Calibration, config: Config) -> None:
        self.engine, self.calibration, self.config = engine, calibration, config
        self._indexes: tuple[str, str] = ("", "")

    def each(
        self, photos: Sequence[Photo], *, k: int | None = None, where: Sequence[str] = (), record: bool = True
    ) -> list[Decision | ImageError]:
        """An answer a photo, in order."""
        conditions = parse(where)
        parts = (photos[i : i + BATCH] for i in range(0, len(photos), BATCH))
        return [answer for part in parts for answer in self._batch(part, k, conditions, record)]

    def _batch(self, photos: Sequence[Photo], k: int | None, where: Where, record: bool) -> list[Decision | ImageError]:
        loaded = self._loaded(photos)
        sound = [image for image in loaded if isinstance(image, Image)]
        decisions = self.engine.answer(sound, k=k, where=where)
        if record:
            decisions = self._record(decisions, [[image] for image in sound], where)
        answers = iter(decisions)
        return [image if isinstance(image, ImageError) else next(answers) for image in loaded]

    def together(
        self, photos: Sequence[Photo], *, k: int | None = None, where: Sequence[str] = (), record: bool = True
    ) -> tuple[Decision | None, list[ImageError]]:
        """One answer for photos of one package, from those that can be read, and what is wrong with the others."""
        conditions = parse(where)
        loaded = self._loaded(photos)
        sound = [image for image in loaded if isinstance(image, Image)]
        unreadable = [error for error in loaded if isinstance(error, ImageError)]
        if not sound:
            return None, unreadable
        decision = self.engine.answer_together(sound, k=k, where=conditions)
        if record:
            [decision] = self._record([decision], [sound], conditions)
        return decision, unreadable

    def _loaded(self, photos: Sequence[Photo]) -> list[Image | ImageError]:
        return in_threads(lambda photo: images.load_or_error(photo, self.config.images), photos)

    # -- record ------------------------------------------------------------------------------------------------------

    def _record(self, decisions: Sequence[Decision], shown: Sequence[Sequence[Image]], where: Where) -> list[Decision]:
        shared = self._shared(where)
        # A file's name need not be UTF-8, what a database holds must.
        named = [replace(d, query=_text(d.query)) for d in decisions]
        several = [[{"query": _text(i.name), "sha256": i.sha256} for i in photos] for photos in shown]
        own = [{"photos": photos} if d.photos else {} for d, photos in zip(decisions, several, strict=True)]
        digests = [digest([image.sha256 for image in photos]) for photos in shown]
        ids = self.engine.catalog.decisions.record(list(zip(named, digests, strict=True)), shared, own)
        return [replace(d, record_id=i) for d, i in zip(decisions, ids, strict=True)]

    def _shared(self, where: Where) -> Mapping[str, Any]:
        """What an answer depends on besides the photo: with the same, the same photo gets the same answer."""
        return {
            "fingerprints": {name: m.fingerprint for name, m in self.engine.methods.items()},
            "indexes": self._index_digest(), "revision": self.engine.catalog.revision(),
            "calibration": self.calibration.digest(), "features": list(FEATURES),
            "match_threshold": self.engine.match_threshold, "margin": self.engine.settings.margin,
            **({"where": [f"{c.field}{c.operator}{c.value}" for c in where]} if where else {}),
        }  # fmt: skip

    def _index_digest(self) -> str:
        """Of the manifest of the generation that answers; empty where none does."""
        name = self.engine.generation
        if name == NO_GENERATION:
            return ""
        if self._indexes[0] != name:
            path = self.engine.lookup.generations.folder / name / "manifest.json"
            try:
                self._indexes = name, str(manifest.read(path)["digest"])
            except GenerationError:  # pruned while it still answers: its name is in the record
                self._indexes = name, ""
        return self._indexes[1]


def digest(sha256: Sequence[str]) -> str:
    """The photo's own sha256; of several photos, that of theirs one after the other."""
    return sha256[0] if len(sha256) == 1 else hashlib.sha256("".join(sha256).encode()).hexdigest()


def _text(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()
