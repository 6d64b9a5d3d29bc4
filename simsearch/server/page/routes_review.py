"""The review: one item after the other, what people say of it, and taking it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from simsearch.catalog.reviews import EVERY, ReviewVerdict, Side
from simsearch.server import bodies, reviewing
from simsearch.server.access import Changer, Principal, Reader
from simsearch.server.audit import Change
from simsearch.server.page.laid import laid_over
from simsearch.server.page.language import N_
from simsearch.server.page.queue import KINDS, Asked, Item, Pair, Queue, Queues, Said
from simsearch.server.page.render import page
from simsearch.server.page.review_view import asked_view, pair_view
from simsearch.server.page.routes_answers import said_of
from simsearch.server.pictures import FOREVER
from simsearch.server.preconditions import Preconditions
from simsearch.server.problems import Problem
from simsearch.server.reviewing import Speaker
from simsearch.server.state import ServerState, Shared

router = APIRouter(include_in_schema=False)
_WINDOW = 60
"""Items of the queue that are listed around the present one."""
_DECIDED = 20
"""Decisions that can be taken back from the page."""
_UNSAID = Preconditions(none_match="*")
Text = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class Asking:
    """What the reader looks at: kept in every address of the review."""

    kind: str = ""
    q: str = ""

    def address(self, item: str = "", **more: object) -> str:
        """Of the review at an item."""
        values = {"kind": self.kind, "q": self.q, "item": item, **more}
        text = urlencode({key: value for key, value in values.items() if value})
        return f"/review?{text}" if text else "/review"


@router.get("/review")
async def review(
    request: Request, shared: Shared, who: Reader, kind: Text = "", q: Text = "", item: Text = "",
    done: Annotated[int, Query(ge=0, le=2**53)] = 0, undone: bool = False, faster: Text = "",
) -> Response:  # fmt: skip
    """One item, and the queue around it."""
    asking = Asking(kind if kind in KINDS else "", q)

    def made() -> Response:
        queues = queues_of(request, shared)
        queue = queues.open(asking.kind, asking.q)
        at = queue.index(item)
        found = queue.items[at or 0] if queue.items else None
        changes = shared.audit.recent(200)
        return page(
            request, "review.html.j2", screen="review", title=N_("Review"), asking=asking, queue=queue, kinds=KINDS,
            at=at or 0, item=found, window=_window(queue, at or 0), following=_step(queue, at or 0, 1),
            previous=_step(queue, at or 0, -1), shown=_shown(shared, found),
            decided=_decided(changes)[:_DECIDED], yours=_yours(changes, who),
            toast=next((one for one in _decided(changes) if one["id"] == done), None), undone=undone,
            faster=_faster(queues, faster),
        )  # fmt: skip

    return await shared.lightly(made)


@router.post("/review/say")
async def say(request: Request, shared: Shared, who: Changer) -> Response:
    """Take down what a person says of an item, and go on to the next."""
    form = await bodies.form(request, shared.settings, most_files=0)
    asking = Asking(form.value("kind"), form.value("q")[:200])
    key, word, scope, sku = (form.value(name) for name in ("item", "say", "scope", "sku"))
    speaker = Speaker.of(request, who)

    def done() -> str:
        queues = queues_of(request, shared)
        before = queues.open(asking.kind, asking.q)
        item = queues.find(key)
        if item is None:
            raise Problem("not-found", "this item is no longer there")
        place = before.index(key)
        following = [one.key for one in (*before.items[(place or 0) + 1 :], *before.items[: place or 0])]
        if place is None:
            return asking.address(faster=key)
        try:
            _say(shared, speaker, item, word, scope, sku)
        except Problem as problem:
            if problem.name != "somebody-was-faster":
                raise
            return asking.address(_first_open(queues, asking, following), faster=key)
        change = next(iter(shared.audit.recent(1, who=who.name)), None)
        return asking.address(_first_open(queues, asking, following), done=change.id if change else 0)

    return RedirectResponse(await shared.lightly(done), 303)


@router.post("/review/undo")
async def undo(request: Request, shared: Shared, who: Changer) -> Response:
    """Take back what was said of an item, and come back to it."""
    form = await bodies.form(request, shared.settings, most_files=0)
    asking, target = Asking(form.value("kind"), form.value("q")[:200]), form.value("target")
    speaker = Speaker.of(request, who)

    def done() -> str:
        key = _take_back(shared, speaker, target, queues_of(request, shared))
        return asking.address(key, undone=1)

    return RedirectResponse(await shared.lightly(done), 303)


@router.get("/review/laid/{top}/over/{ground}")
async def laid(request: Request, shared: Shared, who: Reader, top: int, ground: int) -> Response:
    """One photo of the catalog, turned and scaled so that it lies over another."""
    made, etag = await shared.lightly(lambda: laid_over(shared, top, ground))
    headers = {"ETag": etag, "Cache-Control": FOREVER}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(made, media_type="image/webp", headers=headers)


def queues_of(request: Request, shared: ServerState) -> Queues:
    """The queues of this worker."""
    state = request.app.state
    if not hasattr(state, "review_queues"):
        state.review_queues = Queues(shared)
    found: Queues = state.review_queues
    return found


def _say(shared: ServerState, speaker: Speaker, item: Item, word: str, scope: str, sku: str) -> None:
    if isinstance(item, Asked):
        if item.record.review is not None:
            raise Problem("somebody-was-faster", "somebody has said something of it")
        said_of(shared, speaker, item.record.id, word, sku)
        return
    if word not in ("same", "different"):
        raise Problem("invalid", "say: is none of same, different")
    verdict = ReviewVerdict.CONFIRMED if word == "same" else ReviewVerdict.DISMISSED
    whole = scope != "files" and item.conflict
    sides = (Side(item.a.sku), Side(item.b.sku)) if whole else item.sides
    reviewing.review_sides(shared, speaker, sides, verdict, seen=_UNSAID)


def _take_back(shared: ServerState, speaker: Speaker, target: str, queues: Queues) -> str:
    """Forget what was said of the target of a change; the key of the item that is open again."""
    if target.startswith("decision ") and target[9:].isdecimal():
        number = int(target[9:])
        said_of(shared, speaker, number, "undo", "")
        return f"a{number}"
    sides = reviewing.sides_of(target)
    if sides is None:
        raise Problem("invalid", "target: is none that can be taken back")
    reviewing.forget_sides(shared, speaker, sides)
    return next((pair.key for pair in queues.pairs()[1] if _about(pair, sides)), "")


def _about(pair: Pair, sides: tuple[Side, Side]) -> bool:
    wanted = frozenset(sides)
    return wanted in (frozenset(pair.sides), frozenset((Side(pair.a.sku), Side(pair.b.sku))))


def _first_open(queues: Queues, asking: Asking, keys: list[str]) -> str:
    """The first of `keys` that still waits: a word on two SKUs settles all of their pairs."""
    waiting = {item.key for item in queues.open(asking.kind, asking.q).items}
    return next((key for key in keys if key in waiting), "")


# -- what is shown ---------------------------------------------------------------------------------------------------


def _window(queue: Queue, at: int) -> list[tuple[int, Item]]:
    first = max(0, min(at - _WINDOW // 3, len(queue.items) - _WINDOW))
    return list(enumerate(queue.items))[first : first + _WINDOW]


def _step(queue: Queue, at: int, by: int) -> str:
    """Key of the next item, or the one before; behind the last comes the first, where what was skipped waits."""
    return queue.items[(at + by) % len(queue.items)].key if queue.items else ""


def _shown(shared: ServerState, item: Item | None) -> Any:
    if isinstance(item, Pair):
        return {"pair": pair_view(shared, item)}
    if isinstance(item, Asked):
        view, cards = asked_view(shared, item)
        return {"answer": view, "cards": cards}
    return {}


def _decided(changes: list[Change]) -> list[dict[str, Any]]:
    """Words that still hold, the newest first: whatever was taken back, or said anew, is not among them."""
    seen, found = set(), []
    for change in changes:
        if change.target not in seen and change.action.startswith("review "):
            found.append(_told(change))
        seen.add(change.target)
    return found


def _told(change: Change) -> dict[str, Any]:
    after = change.after or {}
    sides = reviewing.sides_of(change.target)
    skus = [side.sku for side in sides] if sides else []
    return {
        "id": change.id, "target": change.target, "who": change.who, "at": _moment(change.at), "skus": skus,
        "whole": bool(sides) and all(side.sha256 == EVERY for side in sides or ()),
        "said": after.get("said") or after.get("verdict") or "", "sku": after.get("sku"),
        "number": "" if sides else change.target.removeprefix("decision "),
    }  # fmt: skip


def _yours(changes: list[Change], who: Principal) -> int:
    """How many items the reader has decided within a day, as far as the last changes tell."""
    since = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=1)
    return sum(one["who"] == who.name and one["at"] >= since for one in _decided(changes))


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at.removesuffix("Z"))


def _faster(queues: Queues, key: str) -> dict[str, Any] | None:
    """What somebody else has just said of an item."""
    item = queues.find(key) if key else None
    if isinstance(item, Asked) and item.record.review:
        review = item.record.review
        return {"who": review.by, "at": review.at, "said": review.verdict.value, "sku": review.sku}
    if isinstance(item, Pair):
        said = Said(queues.shared.app.catalog.reviews.all()).of(item)
        return {"who": said.by, "at": said.at, "said": said.said.value, "sku": None} if said else None
    return None
