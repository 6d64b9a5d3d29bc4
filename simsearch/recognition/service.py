"""Answers photos, and keeps a record of every answer unless that is declined."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from simsearch.core import images
from simsearch.core.config import Config
from simsearch.core.errors import ImageError
from simsearch.core.threads import in_threads
from simsearch.core.types import Decision, Image, PhotoLike
from simsearch.recognition.engine import Basis, QueryEngine
from simsearch.recognition.filter_cache import Where
from simsearch.recognition.product_filter import parse
from simsearch.recognition.recorder import Record, Recorder

BATCH = 32
"""Photos decoded at once."""


class QueryService:
    """Decodes photos, asks the engine and records the answers. Safe to share between threads.

    A photo that cannot be read gets an answer too: the reason.
    """

    def __init__(self, engine: QueryEngine, config: Config) -> None:
        self.engine, self.config = engine, config
        self.recorder = Recorder(self._write, config.query.record_wait_s)

    def close(self) -> None:
        """Write the records that still wait."""
        self.recorder.close()

    def each(
        self, photos: Sequence[PhotoLike], *, k: int | None = None, where: Sequence[str] = (), record: bool = True
    ) -> list[Decision | ImageError]:
        """An answer a photo, in order."""
        conditions = parse(where)
        parts = (photos[i : i + BATCH] for i in range(0, len(photos), BATCH))
        return [answer for part in parts for answer in self._batch(part, k, conditions, record)]

    def _batch(
        self, photos: Sequence[PhotoLike], k: int | None, where: Where, record: bool
    ) -> list[Decision | ImageError]:
        basis = self.engine.basis(where)
        loaded = self._loaded(photos)
        sound = [image for image in loaded if isinstance(image, Image)]
        decisions = self.engine.answer(sound, k=k, basis=basis)
        if record:
            decisions = self._recorded(decisions, [[image] for image in sound], basis)
        answers = iter(decisions)
        return [image if isinstance(image, ImageError) else next(answers) for image in loaded]

    def together(
        self, photos: Sequence[PhotoLike], *, k: int | None = None, where: Sequence[str] = (), record: bool = True
    ) -> tuple[Decision | None, list[ImageError]]:
        """One answer for photos of one package, from those that can be read, and what is wrong with the others."""
        basis = self.engine.basis(parse(where))
        loaded = self._loaded(photos)
        sound = [image for image in loaded if isinstance(image, Image)]
        unreadable = [error for error in loaded if isinstance(error, ImageError)]
        if not sound:
            return None, unreadable
        decision = self.engine.answer_together(sound, k=k, basis=basis)
        if record:
            [decision] = self._recorded([decision], [sound], basis)
        return decision, unreadable

    def _loaded(self, photos: Sequence[PhotoLike]) -> list[Image | ImageError]:
        keep = self.engine.prints.reads
        return in_threads(lambda photo: images.load_or_error(photo, self.config.images, keep=keep), photos)

    # -- records -----------------------------------------------------------------------------------------------------

    def _recorded(
        self, decisions: Sequence[Decision], shown: Sequence[Sequence[Image]], basis: Basis
    ) -> list[Decision]:
        """The decisions with the ids of their records; an id is None where the record could not be written in time."""
        shared = basis.facts(self.engine.methods, self.engine.settings)
        records = []
        for decision, photos in zip(decisions, shown, strict=True):
            several = [{"query": _text(image.name), "sha256": image.sha256} for image in photos]
            own = {"photos": several} if decision.photos else {}
            # A file's name need not be UTF-8, a text in a database must be.
            named = replace(decision, query=_text(decision.query))
            records.append(Record(named, digest([image.sha256 for image in photos]), {**shared, **own}))
        ids = self.recorder.keep(records)
        return [replace(r.decision, record_id=i) for r, i in zip(records, ids, strict=True)]

    def _write(self, records: Sequence[Record]) -> list[int]:
        catalog = self.engine.catalog
        return catalog.decisions.record([(r.decision, r.sha256) for r in records], {}, [r.evidence for r in records])


def digest(sha256: Sequence[str]) -> str:
    """The photo's own sha256; of several photos, that of their digests one after the other."""
    return sha256[0] if len(sha256) == 1 else hashlib.sha256("".join(sha256).encode()).hexdigest()


def _text(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()
