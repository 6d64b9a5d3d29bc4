"""Outlines of read lines on a picture: what was read, what agrees, and what contradicts, each with words on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from simsearch.core.types import Corners, Pixels, PrintComparison

Says = Literal["read", "agrees", "contradicts"]
_COLOURS: dict[Says, tuple[int, int, int]] = {
    "read": (110, 119, 129), "agrees": (11, 92, 173), "contradicts": (207, 34, 46),
}  # fmt: skip
"""Grey, blue and red: told apart by people who see no difference between red and green. The words say it, too."""
_THICK: dict[Says, int] = {"read": 1, "agrees": 2, "contradicts": 3}
_SHIFT = 4  # fractional bits of OpenCV's coordinates
_PAD = 3


@dataclass(frozen=True)
class Mark:
    """A place on one of two pictures, and what is said of it."""

    side: int
    """0: the photo; 1: the catalog's picture."""
    place: Corners
    says: Says
    words: str = ""
    """Written beside it; "" for none."""


@dataclass(frozen=True)
class Frame:
    """Where a picture lies on a sheet, in pixels."""

    left: int
    top: int
    width: int
    height: int


def marks_of(printed: PrintComparison | None, *, photo: bool = True) -> list[Mark]:
    """Agreements and contradictions at their places; without `photo` only those on the catalog's picture."""
    return list(_marks(printed, photo)) if printed else []


def _marks(printed: PrintComparison, photo: bool) -> Iterator[Mark]:
    sides: tuple[tuple[Says, str], ...] = (("agrees", "="), ("contradicts", "\N{NOT EQUAL TO}"))
    told: set[tuple[int, str]] = set()
    for (says, sign), facts in zip(sides, (printed.agreements, printed.contradictions), strict=True):
        for fact in facts:
            exact = says == "contradicts"
            places = ((0, fact.photo_place if photo else None, fact.photo), (1, fact.catalog_place, fact.catalog))
            for side, place, text in places:
                if place is not None:
                    words = text if exact else "" if fact.kind == "line" else fact.kind
                    label = f"{sign} {words}".strip()
                    yield Mark(side, place, says, "" if (side, label) in told and words else label)  # once a picture
                    told.add((side, label))


def draw(sheet: Pixels, marks: Sequence[Mark], frames: Sequence[Frame], font: ImageFont.FreeTypeFont) -> Pixels:
    """`sheet` with the outlines of `marks`, what contradicts on top, and their words beside them."""
    order: tuple[Says, ...] = ("read", "agrees", "contradicts")
    marks = sorted(marks, key=lambda mark: order.index(mark.says))
    drawn = np.ascontiguousarray(sheet)
    for mark in marks:
        points = np.rint(_on_sheet(mark, frames) * 2**_SHIFT).astype(np.int32)
        thick = _THICK[mark.says]
        if mark.says == "contradicts":  # a white rim keeps it visible on red print
            cv2.polylines(drawn, [points], True, (255, 255, 255), thick + 3, cv2.LINE_AA, _SHIFT)
        cv2.polylines(drawn, [points], True, _COLOURS[mark.says], thick, cv2.LINE_AA, _SHIFT)
    picture = Image.fromarray(drawn)
    pen = ImageDraw.Draw(picture)
    taken: list[tuple[float, float, float, float]] = []
    for mark in reversed(marks):  # what contradicts has the first choice of a place
        if mark.words:
            _write(pen, mark, frames[mark.side], _on_sheet(mark, frames), font, taken)
    return np.asarray(picture, np.uint8)


def _on_sheet(mark: Mark, frames: Sequence[Frame]) -> NDArray[np.float64]:
    frame = frames[mark.side]
    corners = np.array(mark.place, np.float64) * (frame.width, frame.height)
    inside = np.clip(corners, 1, (max(1, frame.width - 2), max(1, frame.height - 2)))
    return np.asarray(inside + np.array([frame.left, frame.top]), np.float64)


def _write(
    pen: ImageDraw.ImageDraw,
    mark: Mark,
    frame: Frame,
    corners: NDArray[np.float64],
    font: ImageFont.FreeTypeFont,
    taken: list[tuple[float, float, float, float]],
) -> None:
    """The words above the place or below it, inside the picture; left out where others stand already."""
    words = _fitting(mark.words, font, frame.width - 2 * _PAD)
    width, height = font.getlength(words) + 2 * _PAD, sum(font.getmetrics()) + 2
    left = min(max(float(corners[:, 0].min()), frame.left), frame.left + frame.width - width)
    above, below = float(corners[:, 1].min()) - height - 1, float(corners[:, 1].max()) + 2
    for top in (above, below):
        box = (left, top, left + width, top + height)
        inside = frame.top <= top and top + height <= frame.top + frame.height
        if inside and not any(_overlap(box, other) for other in taken):
            pen.rectangle(box, fill=_COLOURS[mark.says])
            pen.text((left + _PAD, top + 1), words, fill=(255, 255, 255), font=font)
            taken.append(box)
            return


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _fitting(words: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """`words`, cut with an ellipsis where they are too long."""
    if font.getlength(words) <= width:
        return words
    while words and font.getlength(f"{words}…") > width:
        words = words[:-1]
    return f"{words}…"
