"""Recorded answers and what people say of them: /v1/decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from simsearch.catalog.decisions import DecisionFilter, DecisionVerdict
from simsearch.core import images
from simsearch.core.errors import UsageError
from simsearch.recognition.feedback import moment
from simsearch.server import bodies, reviewing
from simsearch.server.access import Changer, Reader
from simsearch.server.paging import Cursor, Limit, cursor_of, number_place
from simsearch.server.pictures import NOT_MODIFIED, PICTURE, Size, reduced
from simsearch.server.preconditions import Match, NoneMatch, Preconditions, etag, fresh
from simsearch.server.problems import FOR_CHANGES, FOR_ROLES, FROM_CATALOG, Problem, documented
from simsearch.server.state import ServerState, Shared
from simsearch.views.types import DecisionPage, RecordedDecision

router = APIRouter(prefix="/v1/decisions", tags=["decisions"])

Number = Annotated[int, Path(ge=1, le=2**53)]
_READ = (*FOR_ROLES, *FROM_CATALOG)
_CHANGE = (
    *FOR_ROLES, *FOR_CHANGES, *FROM_CATALOG, "no-decision", "somebody-was-faster", "contradiction", "unknown-sku",
    "invalid", "too-large", "not-an-image", "body-timeout",
)  # fmt: skip


class ReviewBody(BaseModel):
    """What a person says of an answer."""

    model_config = ConfigDict(extra="forbid")
    verdict: Literal["confirmed", "corrected"]
    sku: str | None = Field(None, min_length=1, max_length=1000, description="What the photo shows")
    note: str = Field("", max_length=2000)


@router.get("", responses={200: {"model": DecisionPage}, **documented(*_READ, "bad-time", "bad-cursor", "invalid")})
async def decisions(
    shared: Shared, who: Reader,
    since: Annotated[str | None, Query(max_length=60, description="A day, a time, or an age: 12h, 7d, 2w")] = None,
    outcome: Literal["match", "ambiguous", "unknown"] | None = None,
    sku: Annotated[str | None, Query(max_length=1000, description="Named, a candidate, or said by a reviewer")] = None,
    reviewed: bool | None = None, cursor: Cursor = None, limit: Limit = 50,
) -> Response:  # fmt: skip
    """Recorded answers, newest first."""
    wanted = DecisionFilter(_moment(since), outcome, sku, reviewed)
    before = number_place("decisions", cursor)
    return JSONResponse(await shared.lightly(lambda: _page(shared, wanted, before, limit)))


@router.get(
    "/{number}",
    responses={200: {"model": RecordedDecision}, 304: NOT_MODIFIED, **documented(*_READ, "no-decision", "invalid")},
)
async def decision(shared: Shared, who: Reader, number: Number, none_match: NoneMatch = None) -> Response:
    """One recorded answer. Its ETag changes with what people say of it."""

    def read() -> tuple[dict[str, Any], str]:
        found = reviewing.recorded(shared, number)
        return reviewing.decision_json(shared, found), reviewing.decision_etag(found)

    body, tag = await shared.lightly(read)
    if fresh(none_match, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return JSONResponse(body, headers={"ETag": tag})


@router.put(
    "/{number}/review", responses={200: {"model": RecordedDecision}, **documented(*_CHANGE)},
    openapi_extra=bodies.json_body(ReviewBody),
)  # fmt: skip
async def say(
    request: Request, shared: Shared, who: Changer, number: Number, match: Match = None, none_match: NoneMatch = None
) -> Response:
    """Say that an answer was right or wrong.

    `confirmed`: it was right; of an ambiguous answer `sku` says which of the named it is. `corrected`: it was wrong;
    `sku` says what the photo shows, null that the catalog has none of it.
    """
    told = await bodies.told(request, shared.settings, ReviewBody)
    seen, speaker = Preconditions(match, none_match), reviewing.Speaker.of(request, who)

    def write() -> tuple[dict[str, Any], str]:
        verdict = DecisionVerdict(told.verdict)
        after = reviewing.review_decision(shared, speaker, number, verdict, told.sku, told.note, seen)
        return reviewing.decision_json(shared, after), reviewing.decision_etag(after)

    body, tag = await shared.lightly(write)
    return JSONResponse(body, headers={"ETag": tag})


@router.delete(
    "/{number}/review", status_code=204,
    responses=documented(*_READ, *FOR_CHANGES, "no-decision", "no-review", "somebody-was-faster", "invalid"),
)  # fmt: skip
async def forget(request: Request, shared: Shared, who: Changer, number: Number, match: Match = None) -> Response:
    """Take back what was said of an answer."""
    speaker = reviewing.Speaker.of(request, who)
    await shared.lightly(lambda: reviewing.forget_decision_review(shared, speaker, number, Preconditions(match)))
    return Response(status_code=204)


@router.get(
    "/{number}/photo", response_class=Response,
    responses={
        200: PICTURE, 304: NOT_MODIFIED,
        **documented(*_READ, "no-decision", "no-photo", "invalid", "unreadable-image", "too-large", "not-an-image"),
    },
)  # fmt: skip
async def photo(
    shared: Shared, who: Reader, number: Number, size: Size = 640,
    n: Annotated[int, Query(ge=0, le=7, description="Which, of several")] = 0, none_match: NoneMatch = None,
) -> Response:  # fmt: skip
    """The photo that was asked, where it was kept: encoded anew, without what the file says besides."""

    def read() -> bytes:
        reviewing.recorded(shared, number)
        path = shared.photos.find(number, n)
        if path is None:
            raise Problem("no-photo", f"photo {n} of decision {number} was not kept; see server.keep_photos")
        return reduced(images.read(path, shared.app.config.images), shared.app.config.images, size)

    tag = etag([number, n, size])
    if fresh(none_match, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(await shared.lightly(read), media_type="image/webp", headers={"ETag": tag})


def _page(shared: ServerState, wanted: DecisionFilter, before: int | None, limit: int) -> dict[str, Any]:
    shared.app.require_catalog()
    found = list(shared.app.catalog.decisions.find(wanted, limit=limit + 1, before=before))
    shown = found[:limit]
    items = [reviewing.decision_json(shared, one) for one in shown]
    return {"items": items, "next": cursor_of("decisions", shown[-1].id) if len(found) > limit else None}


def _moment(since: str | None) -> datetime | None:
    try:
        return None if since is None else moment(since)
    except UsageError as error:
        raise Problem("bad-time", str(error).replace("--since", "since")) from None
