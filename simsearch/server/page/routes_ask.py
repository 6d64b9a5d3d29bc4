"""Asking: the form, and the answer to it. The same with and without the page's script."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from simsearch.core.errors import UsageError
from simsearch.core.types import Photo
from simsearch.server import asking as counted
from simsearch.server import bodies, translate
from simsearch.server.access import Asker, Reader
from simsearch.server.page.answer_page import Sizes, answer_page
from simsearch.server.page.answer_view import AnswerView
from simsearch.server.page.asking import MOST_PHOTOS, ask
from simsearch.server.page.language import N_
from simsearch.server.page.render import FRAGMENT, page
from simsearch.server.problems import Problem
from simsearch.server.state import ServerState, Shared

router = APIRouter(include_in_schema=False)
_FILTERS = ("form", "manufacturer")


@router.get("/")
async def form(request: Request, shared: Shared, who: Reader) -> Response:
    """The form."""

    def choices() -> tuple[list[str], list[str]]:
        shared.app.require_catalog()
        browse = shared.app.catalog.browse
        return browse.values("form"), browse.values("manufacturer")

    forms, makers = await shared.lightly(choices)
    settings = shared.settings
    return page(
        request, "ask.html.j2", screen="ask", title=N_("Which drug is this?"), forms=forms, makers=makers,
        keeps=settings.keep_photos, keep_days=settings.keep_photos_days,
    )  # fmt: skip


@router.post("/ask")
async def asked(request: Request, shared: Shared, who: Asker) -> Response:
    """The answer to photos of one package."""
    with shared.jobs.place():
        told = await bodies.form(request, shared.settings, most_files=MOST_PHOTOS)
        files = told.files("photo")
        if not files:
            raise Problem("not-an-image", "photo: none came; choose at least one")
        photos = [Photo(bodies.photo_name(p.filename, f"photo {n}"), p.data) for n, p in enumerate(files, 1)]
        where = [f"{name}={value}" for name in _FILTERS if (value := told.value(name))]
        found = await shared.jobs.run(lambda: _answered(shared, photos, where), request)
    script = FRAGMENT in request.headers
    return await shared.lightly(lambda: answer_page(request, shared, *found, script=script))


def _answered(shared: ServerState, photos: list[Photo], where: list[str]) -> tuple[AnswerView, Sizes]:
    try:
        found = ask(shared.app, photos, where=where)
    except UsageError as error:  # everything else that could be wrong was checked before
        raise Problem("bad-filter", str(error)) from None
    if found.decision is None or found.view is None:
        raise translate.unreadable(found.refused[0][1])
    counted.told(shared, found.decision, [photo.data for photo in photos])
    return found.view, found.sizes
