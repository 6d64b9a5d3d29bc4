"""The page of an answer: its view, and the drawings that go with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.responses import Response

from simsearch.server.page.answer_view import AnswerView, Candidate
from simsearch.server.page.language import N_
from simsearch.server.page.render import page, thumbnail
from simsearch.server.page.sheets import Picture, Sheet, photo_alone, sheet
from simsearch.server.state import ServerState

Sizes = Mapping[int, tuple[int, int]]
_TITLES = {
    "match": N_("Match"), "ambiguous": N_("Unclear: several products fit"), "unknown": N_("Not in the catalog"),
}  # fmt: skip


@dataclass(frozen=True)
class Overview:
    """A photo with its packages outlined, in pixels."""

    width: int
    height: int
    href: str
    radius: float
    packages: tuple[dict[str, Any], ...]


def answer_page(
    request: Request, shared: ServerState, view: AnswerView, sizes: Sizes, *, script: bool, recorded: bool = False
) -> Response:
    """The page, or what of it page.js asks for.

    Args:
        request: of the reader.
        shared: of the worker.
        view: what to show.
        sizes: number of a photo -> its width and height, of photos that can be shown.
        script: whether page.js puts the reader's photos in, which it has in memory.
        recorded: whether it is looked up, and not just given.
    """
    values: dict[str, Any] = {
        "answer": view, "recorded": recorded, "sheets": sheets(shared, view, sizes, script=script),
        "package_sheets": [sheets(shared, p.answer, sizes, script=script) for p in view.packages],
        "overview": _overview(view, sizes, script=script),
    }  # fmt: skip
    title = N_("Several packages") if view.packages else _TITLES[view.outcome]
    headers = {"X-Location": f"/answers/{view.id}"} if view.id and not recorded else {}
    return page(request, "answer.html.j2", screen="ask", title=title, headers=headers, **values)


def sheets(shared: ServerState, view: AnswerView, sizes: Sizes, *, script: bool) -> dict[str, Sheet | None]:
    """SKU -> the drawing of photo and catalog picture, of the products that the answer names; "" -> the photo alone."""
    own = _own(view, None, sizes, script=script)
    found: dict[str, Sheet | None] = {"": photo_alone(view, own) if own else None}
    for candidate in view.named:
        found[candidate.card.sku] = sheet(
            view, candidate, _own(view, candidate, sizes, script=script), _other(shared, candidate)
        )
    return found


def _own(view: AnswerView, candidate: Candidate | None, sizes: Sizes, *, script: bool) -> Picture | None:
    number = candidate.photo if candidate and candidate.photo in sizes else next(iter(sizes), 0)
    href = view.pictures.get(number, "")
    if number not in sizes or not (href or script):
        return None
    width, height = sizes[number]
    return Picture(width, height, view.crop or (0.0, 0.0, 1.0, 1.0), number, href)


def _other(shared: ServerState, candidate: Candidate) -> Picture:
    photo = shared.app.catalog.browse.photo(candidate.card.image) if candidate.card.image else None
    if photo is None:
        return Picture(1, 1)
    return Picture(photo.width, photo.height, href=thumbnail(photo.id, 640))


def _overview(view: AnswerView, sizes: Sizes, *, script: bool) -> Overview | None:
    href = view.pictures.get(0, "")
    if not view.packages or 0 not in sizes or not (href or script):
        return None
    width, height = sizes[0]
    shown = []
    for package in view.packages:
        if package.outline:
            xs, ys = ([share * side for share in shares] for shares, side in zip(
                zip(*package.outline, strict=True), (width, height), strict=True))  # fmt: skip
            shown.append(
                {
                    "number": package.number, "outcome": package.answer.outcome,
                    "points": " ".join(f"{x:.0f},{y:.0f}" for x, y in zip(xs, ys, strict=True)),
                    "x": round(sum(xs) / len(xs)), "y": round(sum(ys) / len(ys)),
                }
            )  # fmt: skip
    return Overview(width, height, href, round(max(width, height) / 28), tuple(shown))
