"""An item of the review as the page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from simsearch.catalog.browse import CatalogPhoto
from simsearch.catalog.images import ImageFacts
from simsearch.server.page.answer_view import AnswerView, Candidate, Mark, Says
from simsearch.server.page.queue import Asked, Pair
from simsearch.server.page.routes_answers import recorded_view
from simsearch.server.page.sheets import Drawn
from simsearch.server.state import ServerState

_CLOSE_UPS = 3
"""Places of a pair that are enlarged."""
_ROOM = 0.6
"""Room around a place, in shares of its longer side."""
_SMALLEST = 0.12
"""Side of a close-up at least, in shares of the picture's longer side."""
MOST_CARDS = 9
"""Products with a key of their own."""


@dataclass(frozen=True)
class Pane:
    """One photo of a pair, with marks in its own pixels."""

    facts: ImageFacts
    width: int
    height: int
    marks: tuple[Drawn, ...]


@dataclass(frozen=True)
class CloseUp:
    """A place on one of the photos, enlarged."""

    side: int
    """0 or 1."""
    view: str
    """viewBox, in pixels of the photo."""
    words: str


@dataclass(frozen=True)
class PairView:
    """Two photos side by side."""

    panes: tuple[Pane, Pane]
    rows: tuple[tuple[str, str, str, bool], ...]
    """(field, of the one, of the other, whether they differ)."""
    marks: tuple[Mark, ...]
    close_ups: tuple[tuple[CloseUp, CloseUp], ...]
    probability: float
    inliers: int
    identical: bool
    reason: str
    aligned: str
    """Address of the second photo, laid over the first."""


def pair_view(shared: ServerState, pair: Pair) -> PairView | None:
    """The view of a pair; None where one of the photos is gone."""
    photos = [shared.app.catalog.browse.photo(side.id) for side in (pair.a, pair.b)]
    if photos[0] is None or photos[1] is None:
        return None
    marks = tuple(_marks(pair.found.get("printed") or {}))
    a, b = _pane(pair.a, photos[0], marks, 0), _pane(pair.b, photos[1], marks, 1)
    return PairView(
        (a, b), tuple(_rows(pair.a, pair.b)), marks, tuple(_close_ups(pair, marks, (photos[0], photos[1]))),
        float(pair.found.get("probability") or 0), int(pair.found.get("inliers") or 0),
        bool(pair.found.get("identical_file")), str(pair.found.get("reason") or ""),
        f"/review/laid/{pair.b.id}/over/{pair.a.id}",
    )  # fmt: skip


def asked_view(shared: ServerState, item: Asked) -> tuple[AnswerView, tuple[Candidate, ...]]:
    """The view of an answer, and the products that can be chosen by number."""
    shown, _ = recorded_view(shared, item.record)
    against = (shown.against,) if shown.against else ()
    cards = {c.card.sku: c for c in (*shown.named, *against, *shown.others)}
    return shown, tuple(cards.values())[:MOST_CARDS]


def _pane(facts: ImageFacts, photo: CatalogPhoto, marks: Iterable[Mark], side: int) -> Pane:
    drawn = []
    for mark in marks:
        place, words = (mark.photo_place, mark.photo) if side == 0 else (mark.catalog_place, mark.catalog)
        if place is not None:
            points = " ".join(f"{x * photo.width:.0f},{y * photo.height:.0f}" for x, y in place)
            drawn.append(Drawn(mark.says, points, words))
    return Pane(facts, photo.width, photo.height, tuple(drawn))


def _marks(printed: Mapping[str, Any]) -> Iterable[Mark]:
    sides: tuple[tuple[Says, str], ...] = (
        ("contradicts", "contradictions"), ("doubt", "doubts"), ("agrees", "agreements"),
    )  # fmt: skip
    for says, key in sides:
        for fact in printed.get(key) or ():
            places = (_corners(fact.get(f"{side}_place")) for side in ("photo", "catalog"))
            yield Mark(says, fact["kind"], fact["photo"], fact["catalog"], bool(fact["from_table"]), *places)


def _corners(place: Any) -> tuple[tuple[float, float], ...] | None:
    return tuple((float(x), float(y)) for x, y in place) if place else None


def _rows(a: ImageFacts, b: ImageFacts) -> Iterable[tuple[str, str, str, bool]]:
    """What the table says of both, SKU first; fields that neither has are left out."""
    fields = [("sku", a.sku, b.sku), ("name", a.name, b.name), ("strength", a.strength, b.strength)]
    fields += [("form", a.form, b.form), ("manufacturer", a.manufacturer, b.manufacturer)]
    for key in sorted({*a.attributes, *b.attributes}):
        fields.append((key, str(a.attributes.get(key, "")), str(b.attributes.get(key, ""))))
    for name, ours, theirs in fields:
        if ours or theirs:
            yield name, ours, theirs, "".join(ours.split()).casefold() != "".join(theirs.split()).casefold()


def _close_ups(
    pair: Pair, marks: Iterable[Mark], photos: tuple[CatalogPhoto, CatalogPhoto]
) -> Iterable[tuple[CloseUp, CloseUp]]:
    """Places where print contradicts, or else where the pixels alone differ."""
    against = [m for m in marks if m.says == "contradicts" and m.photo_place and m.catalog_place]
    told = [((m.photo_place or (), m.catalog_place or ()), (m.photo, m.catalog)) for m in against[:_CLOSE_UPS]]
    boxes = pair.found.get("places")
    if not told and boxes:
        first, second = (((box[0], box[1]), (box[2], box[3])) for box in boxes)
        told = [((first, second), ("", ""))]
    for places, words in told:
        a, b = (CloseUp(n, _around(places[n], photos[n]), words[n]) for n in (0, 1))
        yield a, b


def _around(place: Iterable[tuple[float, float]], photo: CatalogPhoto) -> str:
    """A viewBox around a place, of the proportions 2 to 1."""
    xs, ys = zip(*((x * photo.width, y * photo.height) for x, y in place), strict=True)
    reach = max(max(xs) - min(xs), 2 * (max(ys) - min(ys))) * (1 + _ROOM)
    width = max(reach, _SMALLEST * max(photo.width, photo.height))
    left, top = (min(xs) + max(xs) - width) / 2, (min(ys) + max(ys) - width / 2) / 2
    return f"{left:.0f} {top:.0f} {width:.0f} {width / 2:.0f}"
