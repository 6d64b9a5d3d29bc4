"""Recorded answers: looked up again, and what people say of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Request
from PIL import Image as Pillow
from starlette.responses import RedirectResponse, Response

from simsearch.catalog.decisions import DecisionVerdict, RecordedDecision
from simsearch.recognition.feedback import named_by
from simsearch.server import bodies, reviewing
from simsearch.server.access import Changer, Reader
from simsearch.server.page.answer_page import Sizes, answer_page
from simsearch.server.page.answer_view import AnswerView
from simsearch.server.page.asking import viewed
from simsearch.server.page.recorded import decision
from simsearch.server.page.render import FRAGMENT, page
from simsearch.server.problems import Problem
from simsearch.server.reviewing import Speaker
from simsearch.server.state import ServerState, Shared

router = APIRouter(include_in_schema=False)
Number = Annotated[int, Path(ge=1, le=2**53)]


@router.get("/answers/{number}")
async def answer(request: Request, shared: Shared, who: Reader, number: Number) -> Response:
    """A recorded answer."""

    def made() -> Response:
        view, sizes = recorded_view(shared, reviewing.recorded(shared, number))
        return answer_page(request, shared, view, sizes, script=False, recorded=True)

    return await shared.lightly(made)


@router.post("/answers/{number}/review")
async def review(request: Request, shared: Shared, who: Changer, number: Number) -> Response:
    """Say what the photo shows, or take that back."""
    form = await bodies.form(request, shared.settings, most_files=0)
    say, sku = form.value("say"), form.value("sku").strip()
    found = await shared.lightly(lambda: said_of(shared, Speaker.of(request, who), number, say, sku))
    if FRAGMENT not in request.headers:
        return RedirectResponse(f"/answers/{number}", 303)
    view = replace(AnswerView(found.outcome, 0, (), (), None, (), None, ""), id=number, review=found.review)
    return page(request, "verdict.html.j2", screen="ask", title="", answer=view)


def said_of(shared: ServerState, speaker: Speaker, number: int, say: str, sku: str) -> RecordedDecision:
    """Write down "right", "none" (of the catalog), or "sku"; or "undo" what was said.

    Raises:
        Problem: as of `reviewing`; invalid: `say` is none of these.
    """
    if say == "undo":
        return reviewing.forget_decision_review(shared, speaker, number)
    found = reviewing.recorded(shared, number)
    named = named_by(found)
    if say == "right" or (say == "none" and not named):
        return reviewing.review_decision(shared, speaker, number, DecisionVerdict.CONFIRMED, None)
    if say == "sku" and sku in named:
        return reviewing.review_decision(shared, speaker, number, DecisionVerdict.CONFIRMED, sku)
    if say == "none" or (say == "sku" and sku):
        return reviewing.review_decision(shared, speaker, number, DecisionVerdict.CORRECTED, sku or None)
    raise Problem("invalid", "say: is none of right, none, sku, undo")


def recorded_view(shared: ServerState, record: RecordedDecision) -> tuple[AnswerView, Sizes]:
    """The view of a recorded answer, with its photos where they were kept."""
    made = viewed(shared.app, decision(record, shared.app.catalog), {})
    count = max(1, len(record.evidence.get("photos") or ()))
    pictures, sizes = {}, {}
    for number in range(count):
        path = shared.photos.find(record.id, number)
        if path is not None:
            with Pillow.open(path) as opened:
                turned = opened.getexif().get(0x0112, 1) >= 5  # EXIF orientations that lie on their side
                sizes[number] = opened.size[::-1] if turned else opened.size
            pictures[number] = f"/v1/decisions/{record.id}/photo?n={number}&size=640"
    named = made.photos if count > 1 else (record.query,)
    return replace(made, at=record.at, review=record.review, photos=named, pictures=pictures), sizes
