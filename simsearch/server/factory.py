"""The application of one worker: routes, error answers, and the gate before them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from simsearch import __version__
from simsearch.app import App
from simsearch.core.config import ServerSettings
from simsearch.core.errors import SimsearchError
from simsearch.server import metrics, translate
from simsearch.server.gate import Gate
from simsearch.server.page.routes import mount
from simsearch.server.problems import Problem, ProblemDetails
from simsearch.server.rates import Rates
from simsearch.server.routes import routers
from simsearch.server.state import ServerState, opened

LOG = logging.getLogger("simsearch.server")
_HOUR_S = 3600
LOOPBACK = frozenset(("localhost", "127.0.0.1", "[::1]"))


def create_app(
    app: App, settings: ServerSettings | None = None, rates: Rates | None = None, options: Sequence[str] = ()
) -> FastAPI:
    """The ASGI application on `app`, which the caller closes.

    Args:
        app: opened; it need not be prepared.
        settings: of the server; None: those of `app`.
        rates: shared by the workers; None: of this one.
        options: of the command line, for processes that work on the same; none: the home of `app`.
    """
    chosen = settings or app.config.server
    shared_rates = rates or Rates(chosen.rate_per_s, chosen.burst)
    state = opened(app, chosen, shared_rates, options or ["--home", str(app.home)])
    made = FastAPI(
        title="simsearch", version=__version__, docs_url=None, redoc_url=None, openapi_url="/openapi.json",
        summary="Which drug does this photo show, and which catalog photos show the same product twice?",
        lifespan=_lifespan, redirect_slashes=False, separate_input_output_schemas=False,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )  # fmt: skip
    made.state.server = state
    for router in routers():
        made.include_router(router)
    mount(made)
    _handle_errors(made)
    _describe_problems(made)
    # Outermost, so that the last resort answers within it.
    made.add_middleware(Gate, door=state.door, hosts=LOOPBACK | own_names(chosen))
    return made


def own_names(settings: ServerSettings) -> frozenset[str]:
    """Names of the server in a Host header, besides those of loopback."""
    host = settings.host.lower()
    named = {f"[{host}]" if ":" in host and not host.startswith("[") else host, *map(str.lower, settings.hosts)}
    return frozenset(named - {"0.0.0.0", "[::]", ""})


@asynccontextmanager
async def _lifespan(made: FastAPI) -> AsyncIterator[None]:
    state: ServerState = made.state.server
    sweeping = asyncio.create_task(_sweep(state))
    if ready := getattr(made.state, "when_ready", None):
        ready()
    try:
        yield
    finally:
        sweeping.cancel()
        state.close()


async def _sweep(state: ServerState) -> None:
    """Delete photos that are past their days, every hour."""
    while True:
        with suppress(OSError):
            await state.lightly(state.photos.drop_old)
        await asyncio.sleep(_HOUR_S)


# -- errors ------------------------------------------------------------------------------------------------------------


def _handle_errors(made: FastAPI) -> None:
    handlers: dict[Any, Callable[[Request, Any], Problem]] = {
        Problem: lambda request, error: error,
        SimsearchError: _of_simsearch,
        RequestValidationError: _of_validation,
        HTTPException: _of_starlette,
    }
    for kind, handler in handlers.items():
        made.add_exception_handler(kind, _answering(handler))


def _answering(handler: Callable[[Request, Any], Problem]) -> Any:
    async def answer(request: Request, error: Exception) -> Response:
        return problem_response(request, handler(request, error))

    return answer


def problem_response(request: Request, problem: Problem) -> Response:
    """The answer to a request that ends with `problem`: for a browser that shows a page, a page."""
    metrics.REFUSED.labels(problem.name).inc()
    request.state.note["problem"] = problem.name
    page = getattr(request.app.state, "problem_page", None)
    if page is not None and not request.url.path.startswith(("/v1/", "/health/")) and _wants_html(request):
        return cast(Response, page(request, problem))
    return problem.response(request.url.path, request.state.request_id)


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _of_simsearch(request: Request, error: SimsearchError) -> Problem:
    problem = translate.problem(error)
    if problem.kind.status >= 500:
        LOG.warning("%s", error, extra={"request_id": request.state.request_id})
    return problem


def _of_validation(request: Request, error: RequestValidationError) -> Problem:
    """What was sent is never echoed: it may be a photo, or a secret in the wrong place."""
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return Problem("bad-request", "the body is no JSON")
    errors = [{"where": ".".join(map(str, one["loc"])), "message": one["msg"]} for one in found]
    return Problem("invalid", "; ".join(f"{one['where']}: {one['message']}" for one in errors), errors=errors)


def _of_starlette(request: Request, error: HTTPException) -> Problem:
    if error.status_code == 405:
        headers = error.headers or {}
        return Problem("no-such-method", f"{request.method} is not known here", headers=headers)
    if error.status_code == 404:
        return Problem("not-found", "there is no such address; /openapi.json lists all")
    if error.status_code < 500:
        return Problem("bad-request", str(error.detail))
    return Problem("defect", "something failed that should not; the log has it")


def _describe_problems(made: FastAPI) -> None:
    """Put the schema of problems into the OpenAPI, where `problems.documented` refers to it."""
    plain = made.openapi

    def described() -> dict[str, Any]:
        if made.openapi_schema is None:
            schema = plain()
            parts = schema.setdefault("components", {}).setdefault("schemas", {})
            parts["ProblemDetails"] = ProblemDetails.model_json_schema()
            for unused in ("HTTPValidationError", "ValidationError"):
                parts.pop(unused, None)
            made.openapi_schema = schema
        return made.openapi_schema

    made.openapi = described  # type: ignore[method-assign]
