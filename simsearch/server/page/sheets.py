"""Two pictures side by side at one height, with marks on them and lines between them, as the numbers of one SVG.

So nothing has to be measured in the browser, no inline style is needed, and lines meet their places at every size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from simsearch.core.types import Corners
from simsearch.server.page.answer_view import AnswerView, Candidate, Mark, Points, Says

HEIGHT = 1000.0
"""Of a sheet, in its own units."""
_GAP = 24.0
_BROAD = 2.2
"""Width to height of a sheet from which it is also laid out one above the other, for narrow screens."""
_TONES = 8
"""Colours of lines, by their height on the photo, so that the eye can follow one."""

Layout = Literal["", "wide", "tall"]
_Placed = tuple[Says | Literal["read"], Corners, str]


@dataclass(frozen=True)
class Drawn:
    """An outline, in units of its picture."""

    says: Says | Literal["read"]
    points: str
    title: str


@dataclass(frozen=True)
class Part:
    """One picture of a sheet."""

    x: float
    y: float
    width: float
    height: float
    full_width: float
    """Of the whole picture, in units in which its part is `view`."""
    full_height: float
    view: str
    photo: int | None
    """Number of the reader's own photo; None for a picture of the catalog."""
    href: str
    large: str
    """Address of a larger version; "" where there is none."""
    marks: tuple[Drawn, ...]


@dataclass(frozen=True)
class Line:
    """A match, in units of the sheet."""

    x1: float
    y1: float
    x2: float
    y2: float
    tone: int


@dataclass(frozen=True)
class Drawing:
    """One layout of a sheet."""

    layout: Layout
    width: float
    height: float
    parts: tuple[Part, ...]
    points: tuple[Line, ...]


@dataclass(frozen=True)
class Sheet:
    """The evidence for a candidate."""

    drawings: tuple[Drawing, ...]
    inliers: int
    marked: bool
    needs_photo: bool
    """Whether the reader's photo is neither kept nor in the browser's memory, without a script."""


@dataclass(frozen=True)
class Picture:
    """A picture to lay out."""

    width: float
    height: float
    crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    photo: int | None = None
    href: str = ""
    large: str = ""

    @property
    def ratio(self) -> float:
        """Width to height of the part that is shown."""
        return self.width * (self.crop[2] - self.crop[0]) / (self.height * (self.crop[3] - self.crop[1]))


def sheet(view: AnswerView, candidate: Candidate, own: Picture | None, other: Picture) -> Sheet:
    """Photo and catalog picture of a candidate; without the photo where there is none to show."""
    places = (
        (own, [(m, m.photo_place, m.photo) for m in candidate.marks]),
        (other, [(m, m.catalog_place, m.catalog) for m in candidate.marks]),
    )
    pictures = [(picture, _ordered(found)) for picture, found in places if picture is not None]
    points = candidate.points if own else ()
    ratio = sum(picture.ratio for picture, _ in pictures)
    layouts: tuple[Layout, ...] = ("wide", "tall") if len(pictures) > 1 and ratio > _BROAD else ("",)
    drawings = tuple(_drawing(layout, pictures, points) for layout in layouts)
    return Sheet(
        drawings, candidate.inliers if points else 0, any(marks for _, marks in pictures),
        needs_photo=own is None or not own.href,
    )  # fmt: skip


def photo_alone(view: AnswerView, own: Picture) -> Sheet:
    """The reader's photo, with the lines that were read on it. Of several photos nothing says which a line is on."""
    lines = view.read.lines if view.read and len(view.photos) < 2 else ()
    marks: list[_Placed] = [("read", line.place, line.text) for line in lines if any(map(any, line.place))]
    return Sheet((_drawing("", [(own, marks)], ()),), 0, bool(marks), needs_photo=not own.href)


def _drawing(layout: Layout, pictures: Sequence[tuple[Picture, Sequence[_Placed]]], points: Points) -> Drawing:
    parts: list[Part] = []
    x = y = 0.0
    for picture, marks in pictures:
        # Side by side all are equally high, one above the other equally broad.
        width, height = (HEIGHT, HEIGHT / picture.ratio) if layout == "tall" else (HEIGHT * picture.ratio, HEIGHT)
        left, top, right, bottom = picture.crop
        full_width, full_height = width / (right - left), height / (bottom - top)
        box = (left * full_width, top * full_height, width, height)
        parts.append(
            Part(
                round(x, 1), round(y, 1), round(width, 1), round(height, 1), round(full_width, 1),
                round(full_height, 1), " ".join(f"{n:.1f}" for n in box), picture.photo, picture.href, picture.large,
                tuple(_outlined(mark, box) for mark in marks),
            )
        )  # fmt: skip
        x, y = (x, y + height + _GAP) if layout == "tall" else (x + width + _GAP, y)
    width = HEIGHT if layout == "tall" else x - _GAP
    height = y - _GAP if layout == "tall" else HEIGHT
    return Drawing(layout, round(width, 1), round(height, 1), tuple(parts), tuple(_lines(points, parts)))


def _lines(points: Points, parts: list[Part]) -> Iterable[Line]:
    if len(parts) < 2:
        return
    a, b = parts
    for ours_x, ours_y, theirs_x, theirs_y in points:
        yield Line(
            round(a.x + ours_x * a.width), round(a.y + ours_y * a.height), round(b.x + theirs_x * b.width),
            round(b.y + theirs_y * b.height), min(_TONES - 1, int(ours_y * _TONES)),
        )  # fmt: skip


def _ordered(found: Iterable[tuple[Mark, Corners | None, str]]) -> list[_Placed]:
    """(what it says, its place, its words) of each mark that has a place; what contradicts lies on top."""
    order: Mapping[Says, int] = {"agrees": 0, "doubt": 1, "contradicts": 2}
    placed = [(mark, place, words) for mark, place, words in found if place is not None]
    return [(m.says, place, words) for m, place, words in sorted(placed, key=lambda one: order[one[0].says])]


def _outlined(mark: _Placed, box: tuple[float, float, float, float]) -> Drawn:
    """The outline in units of the picture; a place is in shares of the part that is shown."""
    says, place, words = mark
    left, top, width, height = box
    return Drawn(says, " ".join(f"{left + x * width:.0f},{top + y * height:.0f}" for x, y in place), words)
