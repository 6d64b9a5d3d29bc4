"""What serves, what was changed, and what errors there are: /v1/status, /v1/changes, /metrics and /problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, Response

from simsearch import __version__
from simsearch.core.errors import GenerationError, SimsearchError
from simsearch.ingest.night_reports import last_report
from simsearch.server import metrics, translate
from simsearch.server.access import Reader, Role
from simsearch.server.paging import Cursor, Limit, cursor_of, number_place
from simsearch.server.problems import FOR_ROLES, FROM_CATALOG, KINDS, Problem, documented
from simsearch.server.state import ServerState, Shared
from simsearch.views.types import ChangePage, ServerStatus

router = APIRouter(tags=["status"])
_FOR_ALL = (
    "started_at", "seconds", "steps_s", "outcome", "exit_code", "generation", "previous", "images", "audit", "changes",
    "counts", "pruned",
)  # fmt: skip
"""Of the report of a night; the rest names files."""


@router.get("/v1/status", responses={200: {"model": ServerStatus}, **documented(*FOR_ROLES, *FROM_CATALOG)})
async def status(shared: Shared, who: Reader) -> Response:
    """What serves: the generation, the catalog, how far both have drifted apart, and the last night."""
    return JSONResponse(await shared.lightly(lambda: _status(shared, who.role)))


@router.get(
    "/v1/changes",
    responses={200: {"model": ChangePage}, **documented(*FOR_ROLES, "bad-cursor", "invalid", "out-of-order")},
)
async def changes(
    shared: Shared, who: Reader, by: Annotated[str | None, Query(max_length=200)] = None, cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:  # fmt: skip
    """What people changed through this server, newest first."""
    before = number_place("changes", cursor)

    def read() -> dict[str, Any]:
        found = shared.audit.recent(limit + 1, before, by)
        shown = found[:limit]
        following = cursor_of("changes", shown[-1].id) if len(found) > limit else None
        return {"items": [asdict(one) for one in shown], "next": following}

    return JSONResponse(await shared.lightly(read))


@router.get(
    "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, **documented(*FOR_ROLES)}
)
async def scrape(shared: Shared, who: Reader) -> Response:
    """For Prometheus, of all workers."""

    def read() -> bytes:
        try:
            shared.app.require_catalog()
            return metrics.exposition(_generation(shared), shared.app.catalog.images.counts()["images_ok"])
        except SimsearchError:  # a scrape must tell of a broken catalog too
            return metrics.exposition("none", 0)

    return Response(await shared.lightly(read), headers={"Content-Type": metrics.CONTENT_TYPE})


@router.get("/problems/{name}", responses=documented("not-found", "invalid"))
async def problem(name: str) -> dict[str, Any]:
    """What a type of problem means."""
    kind = KINDS.get(name)
    if kind is None:
        raise Problem("not-found", "there is no such problem; docs/server.md lists all")
    return {"name": name, "status": kind.status, "title": kind.title, "when": kind.when}


def _generation(shared: ServerState) -> str:
    try:
        return shared.app.generations.current() or "none"
    except GenerationError:
        return "none"


def _nightly(shared: ServerState, role: Role) -> Mapping[str, Any] | None:
    """The report of the last night; without the paths of the server, but for its administrators."""
    report = last_report(shared.app.home / "nightly")
    if report is None or role >= Role.ADMIN:
        return report
    return {key: report[key] for key in _FOR_ALL if key in report}


def _status(shared: ServerState, role: Role) -> dict[str, Any]:
    app = shared.app
    app.require_catalog()
    problem, outside, revision, generation = None, 0, app.catalog.revision(), _generation(shared)
    try:
        snapshot = app.engine.basis().snapshot
        revision, generation = snapshot.revision, snapshot.generation
        outside = app.rebuilder.state().outside
    except SimsearchError as error:
        problem = translate.problem(error).detail
    return {
        "version": __version__, "generation": None if generation == "none" else generation, "revision": revision,
        **app.catalog.images.counts(), "outside": outside, "problem": problem,
        "nightly": _nightly(shared, role), "keeps_photos": shared.settings.keep_photos,
    }  # fmt: skip
