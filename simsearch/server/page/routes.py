"""Mounts the page: its screens, static files, languages, signing in, and pages for problems."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from simsearch.server import bodies
from simsearch.server.access import COOKIE
from simsearch.server.page import routes_answers, routes_ask, routes_catalog, routes_review, routes_status, wording
from simsearch.server.page.language import languages
from simsearch.server.page.render import (
    FRAGMENT,
    LANGUAGE_COOKIE,
    TYPES,
    here,
    language_of,
    local,
    page,
    static_files,
    static_version,
)
from simsearch.server.problems import Problem
from simsearch.server.state import Shared

router = APIRouter(include_in_schema=False)
_YEAR_S = 31_536_000
_FOREVER = f"public, max-age={_YEAR_S}, immutable"


def mount(made: FastAPI) -> None:
    """Add the page to the application of a worker."""
    for part in (router, routes_ask.router, routes_answers.router, routes_review.router, routes_catalog.router,
                 routes_status.router):  # fmt: skip
        made.include_router(part)
    made.state.problem_page = problem_page


@router.get("/static/{version}/{name}")
async def static(version: str, name: str) -> Response:
    """A static file of this version. An older version is gone: its page would not fit."""
    data = static_files().get(name)
    if data is None or version != static_version():
        raise Problem("not-found", "there is no such file")
    return Response(data, media_type=TYPES[name[name.rindex(".") :]], headers={"Cache-Control": _FOREVER})


@router.get("/favicon.ico")
async def favicon() -> Response:
    """Browsers ask for it whatever the page says."""
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response(static_files()["icon.svg"], media_type=TYPES[".svg"], headers=headers)


@router.get("/language/{code}")
async def language(request: Request, code: str, back: str = "/") -> Response:
    """Remember the reader's language, and go back to where it was chosen."""
    if code not in languages():
        raise Problem("not-found", "there is no such language")
    answer = RedirectResponse(local(back), 303)
    secure = request.state.peer.scheme == "https"
    answer.set_cookie(LANGUAGE_COOKIE, code, _YEAR_S, samesite="lax", httponly=True, secure=secure)
    return answer


@router.post("/sign-in")
async def sign_in(request: Request, shared: Shared) -> Response:
    """Remember a token in this browser, where it is known."""
    form = await bodies.form(request, shared.settings, most_files=0)
    given, back = form.value("token").strip(), local(form.value("back", "/"))
    if shared.door.tokens.find(given) is None:
        return _signing_in(request, back, wrong=bool(given), status=403, detail="")
    answer = RedirectResponse(back, 303)
    secure = request.state.peer.scheme == "https"
    answer.set_cookie(COOKIE, given, _YEAR_S, samesite="strict", httponly=True, secure=secure)
    return answer


@router.post("/sign-out")
async def sign_out() -> Response:
    """Forget the token."""
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(COOKIE, samesite="strict", httponly=True)
    return answer


def problem_page(request: Request, problem: Problem) -> Response:
    """The answer to a browser whose request ends with a problem."""
    if problem.name == "no-token" and FRAGMENT not in request.headers:
        wrong = COOKIE in request.cookies
        return _signing_in(request, here(request), wrong=wrong, status=problem.kind.status, detail=problem.detail)
    headline, advice = wording.PROBLEMS.get(problem.name, wording.DEFECT)
    words = language_of(request)
    return page(
        request, "problem.html.j2", screen="problem", title=headline, http=problem.kind.status,
        headers=problem.headers, status=problem.kind.status,
        headline=words(headline), advice=words(advice), signing_in=False, wrong=False,
        back="/", name=problem.name, detail=problem.detail,
        request_id=request.state.request_id,
    )  # fmt: skip


def _signing_in(request: Request, back: str, *, wrong: bool, status: int, detail: str) -> Response:
    headline, advice = wording.PROBLEMS["no-token"]
    words = language_of(request)
    answer = page(
        request, "problem.html.j2", screen="problem", title=headline, http=status, status=status,
        headline=words(headline),
        advice=words(advice), signing_in=True, wrong=wrong, back=back, name="no-token", detail="",
        request_id=request.state.request_id,
    )  # fmt: skip
    if wrong:
        answer.delete_cookie(COOKIE, samesite="strict", httponly=True)
    return answer
