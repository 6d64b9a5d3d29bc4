"""Suspected duplicates, searches for them, and what people say of pairs: /v1/duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import combinations
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from simsearch.catalog.reviews import ReviewVerdict, Side
from simsearch.duplicates.linkage import ReviewIndex
from simsearch.server import bodies, reviewing
from simsearch.server.access import Admin, Changer, Reader
from simsearch.server.duplicate_runs import DuplicateRuns
from simsearch.server.names import Name
from simsearch.server.paging import Cursor, Limit, cursor_of, number_place
from simsearch.server.preconditions import Match, NoneMatch, Preconditions
from simsearch.server.problems import FOR_CHANGES, FOR_ROLES, FROM_CATALOG, Problem, documented
from simsearch.server.state import ServerState, Shared
from simsearch.views import json as shapes
from simsearch.views.types import DuplicateRun, GroupPage, PairReview, PairReviews

router = APIRouter(prefix="/v1/duplicates", tags=["duplicates"])

_READ = (*FOR_ROLES, *FROM_CATALOG)
_CHANGE = (*_READ, *FOR_CHANGES, "no-name", "ambiguous-name", "somebody-was-faster", "invalid")
Kind = Literal["identical", "same-photo", "same-product", "look-alike"]


class PairBody(BaseModel):
    """What a person says of a pair."""

    model_config = ConfigDict(extra="forbid")
    said: Literal["confirmed", "dismissed"]
    note: str = Field("", max_length=2000)


@router.get("", responses={200: {"model": GroupPage}, **documented(*_READ, "never-run", "bad-cursor", "invalid")})
async def groups(
    shared: Shared, who: Reader,
    kind: Annotated[list[Kind], Query(description="Only these; all without it")] = [],  # noqa: B006
    state: Annotated[Literal["open", "done"] | None, Query(description="Whether all its pairs were reviewed")] = None,
    sku: Annotated[str | None, Query(max_length=1000)] = None, cursor: Cursor = None, limit: Limit = 50,
) -> Response:  # fmt: skip
    """Groups of the last search, those with several products first, with what people say of them as of now."""
    after = number_place("duplicates", cursor)

    def read() -> dict[str, Any]:
        shared.app.require_catalog()
        runs = DuplicateRuns(shared.app.home)
        run = runs.latest()
        if run is None:
            raise Problem("never-run", "duplicates were never searched; POST /v1/duplicates/runs starts it")
        found = [
            (place, group)
            for place, group in enumerate(as_of_now(shared, runs.groups(run)))
            if (not kind or group["kind"] in kind)
            and (state is None or group["done"] is (state == "done"))
            and (sku is None or sku in group["skus"])
        ]
        rest = [one for one in found if after is None or one[0] > after]
        shown = rest[:limit]
        following = cursor_of("duplicates", shown[-1][0]) if len(rest) > limit else None
        items = [group for _, group in shown]
        return {"run": run.id, "run_at": run.started_at, "total": len(found), "items": items, "next": following}

    return JSONResponse(await shared.lightly(read))


def as_of_now(shared: ServerState, found: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Groups of a search with `said` and `done` by the reviews that there are now."""
    reviews = ReviewIndex(shared.app.catalog.reviews.all())
    for group in found:
        sides = {image["id"]: Side(image["sku"], image["sha256"]) for image in group["images"]}
        for pair in group["pairs"]:
            said = reviews.said(sides[pair["a_id"]], sides[pair["b_id"]])
            pair["said"] = None if said is None else said.value
        yield {**group, "done": _done(group, list(dict.fromkeys(sides.values())), reviews)}


def _done(group: Mapping[str, Any], sides: list[Side], reviews: ReviewIndex) -> bool:
    """Whether people said something of every pair, or in a conflict of every pair of different products."""
    if len(sides) == 1:
        return reviews.said(sides[0], sides[0]) is not None
    pairs = ((x, y) for x, y in combinations(sides, 2) if x.sku != y.sku or not group["conflict"])
    return all(reviews.said(x, y) is not None for x, y in pairs)


# -- searches ----------------------------------------------------------------------------------------------------------


@router.post(
    "/runs", status_code=202,
    responses={202: {"model": DuplicateRun}, **documented(*_READ, *FOR_CHANGES, "running")},
)  # fmt: skip
async def start(request: Request, shared: Shared, who: Admin) -> Response:
    """Search the catalog for duplicates, in a process of its own. `Location` tells how far it is."""
    speaker = reviewing.Speaker.of(request, who)
    run = await shared.lightly(lambda: reviewing.search_duplicates(shared, speaker))
    return JSONResponse(asdict(run), 202, {"Location": f"/v1/duplicates/runs/{run.id}"})


@router.get("/runs/{run}", responses={200: {"model": DuplicateRun}, **documented(*FOR_ROLES, "no-run", "invalid")})
async def progress(shared: Shared, who: Reader, run: Annotated[str, Path(max_length=64)]) -> Response:
    """How far a search is."""
    found = await shared.lightly(lambda: DuplicateRuns(shared.app.home).get(run))
    if found is None:
        raise Problem("no-run", "there was no search for duplicates of this id")
    return JSONResponse(asdict(found))


# -- reviews -----------------------------------------------------------------------------------------------------------


@router.get("/reviews", responses={200: {"model": PairReviews}, **documented(*_READ)})
async def reviews(shared: Shared, who: Reader) -> Response:
    """What people said of pairs, oldest first. It holds for later searches, too."""

    def read() -> dict[str, Any]:
        shared.app.require_catalog()
        return {"items": [shapes.review(one) for one in shared.app.catalog.reviews.all()]}

    return JSONResponse(await shared.lightly(read))


@router.put(
    "/reviews/{a}/{b}", openapi_extra=bodies.json_body(PairBody),
    responses={
        200: {"model": PairReview}, **documented(*_CHANGE, "too-large", "not-an-image", "body-timeout"),
    },
)  # fmt: skip
async def say(
    request: Request, shared: Shared, who: Changer, a: Name, b: Name, match: Match = None, none_match: NoneMatch = None
) -> Response:
    """Say that two SKUs, or two photos by name, are duplicates (`confirmed`), or are none (`dismissed`)."""
    told = await bodies.told(request, shared.settings, PairBody)
    seen, speaker = Preconditions(match, none_match), reviewing.Speaker.of(request, who)
    said = ReviewVerdict(told.said)
    after = await shared.lightly(lambda: reviewing.review_pair(shared, speaker, (a, b), said, told.note, seen))
    return JSONResponse(shapes.review(after), headers={"ETag": reviewing.pair_etag(after) or ""})


@router.delete("/reviews/{a}/{b}", status_code=204, responses=documented(*_CHANGE, "no-review"))
async def forget(request: Request, shared: Shared, who: Changer, a: Name, b: Name, match: Match = None) -> Response:
    """Take back what was said of a pair: the next search lists it again."""
    speaker = reviewing.Speaker.of(request, who)
    await shared.lightly(lambda: reviewing.forget_pair_review(shared, speaker, (a, b), Preconditions(match)))
    return Response(status_code=204)
