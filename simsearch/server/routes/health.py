"""Whether the server lives, and whether it can answer. For load balancers: without tokens, and by any name."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse

from simsearch.core.errors import SimsearchError
from simsearch.server.problems import documented
from simsearch.server.state import Shared
from simsearch.server.translate import problem

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", responses=documented())
async def live() -> dict[str, str]:
    """The event loop turns."""
    return {"status": "live"}


@router.get(
    "/ready",
    responses={
        **documented(),
        503: {"description": "not ready; `reasons` says why", "content": {"application/json": {}}},
    },
)
async def ready(shared: Shared) -> JSONResponse:
    """A question would be answered now: catalog and indexes can be read. Answers are not computed for this."""

    def basis() -> str:
        shared.app.require_catalog()
        return shared.app.engine.basis().snapshot.generation

    try:
        generation = await shared.lightly(basis)
    except SimsearchError as error:
        found = problem(error)
        body: dict[str, Any] = {"status": "not ready", "reasons": [{"type": found.name, "detail": found.detail}]}
        return JSONResponse(body, 503, {"Retry-After": "5"})
    return JSONResponse({"status": "ready", "generation": generation, "reasons": []})
