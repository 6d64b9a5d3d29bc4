"""Self-contained HTML pages, and the views that they show: pictures are embedded, nothing is loaded, nothing runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from simsearch.core import text
from simsearch.core.errors import ImageError
from simsearch.core.types import Decision, Hit, PhotoPrint, Pixels, PrintedFact
from simsearch.views.files import NewFile
from simsearch.views.html.templates import render, rendered_parts


@dataclass(frozen=True)
class Figure:
    """A picture, and in words what it shows."""

    picture: Pixels
    caption: str


@dataclass(frozen=True)
class HitView:
    """A hit of an answer."""

    hit: Hit
    picture: Pixels | None


@dataclass(frozen=True)
class AnswerView:
    """The answer to one photo."""

    title: str
    query: str
    """Name of the photo."""
    answer: Decision | ImageError
    photo: Pixels | None
    evidence: tuple[Figure, ...]
    hits: tuple[HitView, ...]
    truth: str = ""
    """The product that the photo really shows; "" where that is unknown."""
    remark: str = ""
    """How the answer compares with the truth."""
    parts: tuple[AnswerView, ...] = ()
    """Of a photo of several packages a view for each, in reading order; it has no hits of its own then."""

    template: ClassVar[str] = "answer.html.j2"

    @property
    def outcome(self) -> str:
        """Word and colour of the badge; "" where each part has one of its own."""
        if self.parts:
            return ""
        return "unreadable" if isinstance(self.answer, ImageError) else self.answer.outcome.value

    @property
    def headline(self) -> str:
        """What the answer says, in a few words."""
        if isinstance(self.answer, ImageError):
            return "refused, no answer"
        return f"{len(self.parts)} packages" if self.parts else text.headline(self.answer)

    @property
    def reason(self) -> str:
        """Why it says so. Of several packages each has a reason of its own."""
        if self.parts:
            return ""
        return str(self.answer) if isinstance(self.answer, ImageError) else self.answer.reason

    @property
    def warnings(self) -> tuple[str, ...]:
        """One for each look-alike of the product that the answer names, but for what the reason says already."""
        alike = () if isinstance(self.answer, ImageError) else self.answer.look_alikes
        return tuple(a.warning for a in alike if a.warning not in self.reason)

    @property
    def read(self) -> PhotoPrint | None:
        """What was read on the photo; None where it was not read."""
        return None if isinstance(self.answer, ImageError) else self.answer.read

    @property
    def contradictions(self) -> tuple[PrintedFact, ...]:
        """What print holds against the product that looks nearest, where the answer rests on it."""
        return () if isinstance(self.answer, ImageError) else self.answer.contradictions

    @property
    def against(self) -> str:
        """The SKU that they speak against."""
        answer = self.answer
        return "" if isinstance(answer, ImageError) or answer.against is None else answer.against.sku


@dataclass(frozen=True)
class MemberView:
    """One image of a group."""

    sku: str
    title: str
    """Name and strength."""
    image: str
    """Name of the image in its source."""
    picture: Pixels | None


@dataclass(frozen=True)
class GroupView:
    """Images that were grouped as one product."""

    title: str
    members: tuple[MemberView, ...]
    probability: float | None
    """Of the weakest pair, 0 to 1; None where the program did not group them."""
    remark: str = ""

    template: ClassVar[str] = "group.html.j2"


@dataclass(frozen=True)
class Section:
    """A heading, a paragraph and the views below them."""

    title: str
    intro: str
    views: tuple[AnswerView | GroupView, ...]


def write_page(path: Path, title: str, sections: Sequence[Section], *, intro: str = "") -> None:
    """Write one HTML file that needs no other; an earlier file is replaced."""
    with NewFile(path) as page:
        page.write(rendered_parts("sections.html.j2", title=title, intro=intro, sections=sections))


class AnswerPage:
    """A page of answers that is written answer by answer, so that memory holds one."""

    def __init__(self, path: Path, title: str, *, intro: str = "") -> None:
        """The file appears when the page is closed; an earlier one is then replaced."""
        marker = "\0"
        head, self._foot = render("stream.html.j2", title=title, intro=intro, marker=marker).split(marker)
        self._file = NewFile(path)
        self._file.write([head])

    def add(self, view: AnswerView) -> None:
        """Write one answer below those before."""
        self._file.write([render(view.template, view=view)])

    def close(self) -> None:
        """Complete the page."""
        self._file.write([self._foot])
        self._file.close()

    def discard(self) -> None:
        """Remove what was written."""
        self._file.discard()
