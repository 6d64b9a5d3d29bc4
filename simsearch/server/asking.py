"""Photos that clients send, answered: what the routes of the API and those of the page have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from fastapi import Request

from simsearch.core.errors import ImageError, UsageError
from simsearch.core.types import Decision, Photo
from simsearch.server import metrics, translate
from simsearch.server.access import Principal
from simsearch.server.idempotency import KEY, Asked
from simsearch.server.problems import Problem
from simsearch.server.state import ServerState
from simsearch.views import json as shapes

T = TypeVar("T")


@dataclass(frozen=True)
class Wish:
    """How photos are to be answered."""

    where: tuple[str, ...] = ()
    k: int | None = None
    explain: bool = False
    record: bool = True

    def digest(self, photos: str) -> str:
        """Of the whole question; `photos`: digest of the body."""
        text = json.dumps([self.where, self.k, self.explain, self.record, photos])
        return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


Note = dict[str, object]
"""What the log and the header Server-Timing say of a request: `request.state.note`."""


def answer_one(shared: ServerState, photo: Photo, wish: Wish, note: Note | None = None) -> bytes:
    """The answer to one photo, as JSON. Takes long: call it in `Jobs.run`.

    Raises:
        Problem: the photo cannot be read, or the filter is none.
    """
    [found] = _asked(partial(shared.app.query, [photo], k=wish.k, where=wish.where, record=wish.record))
    if isinstance(found, ImageError):
        metrics.ANSWERS.labels("refused").inc()
        raise translate.unreadable(found)
    told(shared, found, [photo.data], note)
    return packed(shapes.answer(photo.name, found, explain=wish.explain))


def answer_together(shared: ServerState, photos: Sequence[Photo], wish: Wish, note: Note | None = None) -> bytes:
    """One answer to several photos of one package, as JSON; else as :func:`answer_one`."""
    ask = partial(shared.app.query_together, photos, k=wish.k, where=wish.where, record=wish.record)
    found, unreadable = _asked(ask)
    if found is None:
        metrics.ANSWERS.labels("refused").inc()
        listed = [shapes.error(error) for error in unreadable]
        raise Problem("unreadable-image", "none of the photos can be read", code=unreadable[0].code, errors=listed)
    told(shared, found, [photo.data for photo in photos], note)
    return packed(shapes.together([p.name for p in photos], found, unreadable, explain=wish.explain))


def told(shared: ServerState, answer: Decision, photos: Sequence[bytes], note: Note | None = None) -> None:
    """Count an answer, keep its photos where that is wanted, and have the log tell of it."""
    if note is not None:
        note.update(outcome=answer.outcome.value, decision=answer.record_id, stages_ms=dict(answer.stages_ms))
    metrics.ANSWERS.labels(answer.outcome.value).inc()
    for stage, ms in answer.stages_ms.items():
        metrics.QUERY_SECONDS.labels(stage).observe(ms / 1e3)
    metrics.UNRECORDED.set(shared.app.service.recorder.lost)
    shared.photos.keep(answer, photos)


def packed(value: Mapping[str, object]) -> bytes:
    """JSON as it is sent."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def keyed(request: Request, who: Principal, question: str) -> Asked | None:
    """The request by its Idempotency-Key; None without one.

    Raises:
        Problem: invalid: it is no key.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    key = key.strip().strip('"')
    if not KEY.fullmatch(key):
        raise Problem("invalid", "Idempotency-Key: send up to 128 visible ASCII letters, for instance a UUID")
    who_asks = request.state.peer.address if who.via == "local" else f"{who.via}:{who.name}"
    return Asked(who_asks, key, f"{request.url.path} {question}")


def _asked(work: Callable[[], T]) -> T:
    try:
        return work()
    except UsageError as error:  # everything else that could be wrong was checked before
        raise Problem("bad-filter", str(error).replace("--where", "where")) from None
