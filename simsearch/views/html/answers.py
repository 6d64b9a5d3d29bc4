"""Pictures and a page of answers: `simsearch query --evidence DIR --html FILE`."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from simsearch.core.errors import ImageError
from simsearch.core.files import write_output
from simsearch.core.types import Decision, Pixels
from simsearch.views.files import writable
from simsearch.views.html.album import Album
from simsearch.views.html.page import AnswerPage, AnswerView

_ODD = re.compile(r"[^\w.+-]+")
_LONGEST = 100  # letters of a file name
_GAP = 12  # pixels between two pictures
_REMEDY = "name another place"
_INTRO = (
    "A match is named only when no other product comes near it; an ambiguous answer is a question between products; "
    "what stands under unknown is no answer. Check name and strength on the package before acting on any of it."
)


class AnswerFiles:
    """Writes each answer as it comes."""

    def __init__(self, album: Album, folder: Path | None, html: Path | None) -> None:
        """Write a picture an answer to `folder`, and one page of all answers to `html`.

        Raises:
            UsageError: one of the two cannot be written.
        """
        self.album, self.folder, self.html = album, folder, html
        self._taken: set[str] = set()
        self._pictures = 0
        self._page: AnswerPage | None = None
        if folder is not None:
            with writable(f"--evidence {folder}", _REMEDY):
                folder.mkdir(parents=True, exist_ok=True)
        if html is not None:
            with writable(f"--html {html}", _REMEDY):
                self._page = AnswerPage(html, "Which drug is this?", intro=_INTRO)

    def add(self, name: str, photo: str | bytes, answer: Decision | ImageError) -> None:
        """Write the answer to one photo, which the page calls `name`."""
        source = photo if isinstance(photo, bytes) else Path(photo)
        self._keep(self.album.answer(_title(name), source, answer, name=name), _title(name))

    def add_together(self, names: Sequence[str], photos: Sequence[str | bytes], answer: Decision) -> None:
        """Write one answer to several photos."""
        sources = [photo if isinstance(photo, bytes) else Path(photo) for photo in photos]
        view = self.album.answer_together(f"{len(names)} photos of one package", names, sources, answer)
        self._keep(view, f"{Path(_title(names[0])).stem}+{len(names) - 1}")

    def _keep(self, view: AnswerView, title: str) -> None:
        if self._page is not None and self.html is not None:
            with writable(f"--html {self.html}", _REMEDY):
                self._page.add(view)
        figures = [*view.evidence, *(figure for part in view.parts for figure in part.evidence)]
        if self.folder is not None and figures:
            path = self.folder / self._free(Path(title).stem)
            with writable(f"--evidence {path}", _REMEDY):
                write_output(path, _png(stacked([figure.picture for figure in figures])))
            self._pictures += 1

    def _free(self, stem: str) -> str:
        """A file name that no other answer of this call has."""
        stem = _ODD.sub("_", stem)[:_LONGEST].strip(".") or "photo"
        name, number = f"{stem}.png", 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{stem}-{number}.png"
        self._taken.add(name.casefold())
        return name

    def finish(self) -> list[str]:
        """Complete the page; return what was written, in words."""
        written = []
        if self.folder is not None:
            written.append(f"{self.folder}: {self._pictures} {'picture' if self._pictures == 1 else 'pictures'}")
        if self._page is not None and self.html is not None:
            with writable(f"--html {self.html}", _REMEDY):
                self._page.close()
            written.append(str(self.html))
            self._page = None
        return written

    def close(self) -> None:
        """Discard the page unless it was finished."""
        if self._page is not None:
            self._page.discard()


def stacked(pictures: Sequence[Pixels]) -> Pixels:
    """The pictures one below the other, centred on white: (height, width, 3)."""
    width = max(picture.shape[1] for picture in pictures)
    height = sum(picture.shape[0] for picture in pictures) + _GAP * (len(pictures) - 1)
    sheet: Pixels = np.full((height, width, 3), 255, np.uint8)
    top = 0
    for picture in pictures:
        left = (width - picture.shape[1]) // 2
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        top += picture.shape[0] + _GAP
    return sheet


def _png(pixels: Pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def _title(name: str) -> str:
    return "standard input" if name == "-" else Path(name).name
