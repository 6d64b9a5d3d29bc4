"""The sheet on which people decide: cards with pictures side by side, their catalog data, and evidence.

`duplicates` and `check` fill it. Cards are made while the page is written, so that memory holds the pictures of one.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np

from simsearch.catalog.images import ImageFacts
from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError
from simsearch.core.types import Corners, Pixels
from simsearch.views.files import NewFile
from simsearch.views.html.templates import SIDES, rendered_parts

MOST_PICTURES, MOST_ROWS = 12, 30  # of one card
Box = tuple[float, float, float, float]
"""Left, top, right and bottom in shares of a picture."""


@dataclass(frozen=True)
class Words:
    """What a sheet calls things."""

    title: str
    name: str
    """Of what the browser keeps between two visits; each kind of sheet has its own."""
    command: str
    """That reads the saved file."""
    yes: str
    no: str
    """What is said of a row by the two keys, as the file has it."""
    yes_key: str
    no_key: str
    yes_words: str
    no_words: str
    """What the two keys say of all rows of a card, in words."""
    yes_sign: str
    no_sign: str
    """On the buttons."""
    columns: tuple[str, ...]
    """Heads of `Row.cells`; evidence and word follow."""

    @property
    def json(self) -> str:
        """For the script of the page."""
        keys = {self.yes_key: self.yes, self.no_key: self.no}
        return json.dumps({"name": self.name, "keys": keys, "rows": self.columns[0]})


@dataclass(frozen=True)
class Member:
    """One image of a card."""

    sku: str
    title: str
    image: str
    """As its source named it."""
    picture: Pixels | None
    gap: str
    """Why there is no picture: the code of the refusal."""
    data: dict[str, str]
    """Field of the catalog -> value; fields without one are left out."""
    keep: str = ""
    """Why this is the image to keep; "" for the others."""


@dataclass(frozen=True)
class Place:
    """A close-up of a place in which two photos differ, cut out of one of them."""

    sku: str
    picture: Pixels
    words: str = ""
    """What is read there; "" where only the pixels differ."""


@dataclass(frozen=True)
class Row:
    """What is decided: one pair of a card, or its doubt."""

    key: Mapping[str, object]
    """What the saved file says of it beside the word."""
    cells: tuple[str, ...]
    reason: str
    against: bool
    """Whether the reason is a contradiction."""
    places: tuple[Place, ...]
    said: str
    """A person's word; "" for none."""

    @property
    def key_json(self) -> str:
        """The key as the page holds it."""
        return json.dumps(self.key, ensure_ascii=False)


@dataclass(frozen=True)
class Card:
    """Images that belong together, or ought to, and what is decided about them."""

    title: str
    kind: str
    probability: float
    members: tuple[Member, ...]
    differing: frozenset[str]
    """Keys of `Member.data` whose values differ."""
    rows: tuple[Row, ...]
    more_members: str = ""
    """How many members are left out, in words; "" where all are shown."""
    more_rows: str = ""
    rest: tuple[Mapping[str, object], ...] = ()
    """Keys of the rows that are left out: what is said of a whole card is said of these, too."""

    @property
    def rest_json(self) -> str:
        """Those keys as the page holds them."""
        return json.dumps([json.dumps(key, ensure_ascii=False) for key in self.rest], ensure_ascii=False)


@dataclass(frozen=True)
class Part:
    """A heading and its cards. The iterator makes each card when it is asked for."""

    title: str
    cards: Iterator[Card]


def write_pages(
    path: Path,
    count: int,
    words: Words,
    intro: Callable[[int, int], list[str]],
    parts: Callable[[int], Iterator[Part]],
    *,
    decide: bool,
) -> list[Path]:
    """Write `count` HTML files that need no others.

    The first is `path`, the next have a number in their name (`sheet-2.html`). Returns all.

    Args:
        path: of the first page.
        count: pages.
        words: of this kind of sheet.
        intro: number of a page, from 0, and the count -> its first lines.
        parts: number of a page -> what stands on it.
        decide: whether there is anything to decide.
    """
    paths = [path, *(path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(2, count + 1))]
    script = (Path(__file__).parent / "templates" / "sheet.js").read_text(encoding="utf-8")
    digest = f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
    for number, target in enumerate(paths):
        values = {
            "title": words.title, "wide": True, "words": words, "intro": intro(number, count), "script": script,
            "digest": digest, "pages": _pages(paths, number), "decide": decide,
        }  # fmt: skip
        with NewFile(target) as page:
            page.write(rendered_parts("sheet.html.j2", **values, parts=parts(number)))
    return paths


def _pages(paths: Sequence[Path], here: int) -> list[dict[str, object]]:
    return [
        {"number": i + 1, "here": i == here, "href": quote(p.name), "rel": {1: "next", -1: "prev"}.get(i - here, "")}
        for i, p in enumerate(paths)
    ]


def more(count: int, of: str) -> str:
    """ "and 3 more pairs"; "" where none are left out."""
    return f"and {count} more{of}" if count > 0 else ""


# -- pictures --------------------------------------------------------------------------------------------------------


def member(image: ImageFacts, settings: ImageSettings, keep: str = "") -> Member:
    """One image of a card, with its picture."""
    loaded = images.load_or_error(Path(image.path), settings, keep=False)
    picture, gap = (None, loaded.code) if isinstance(loaded, ImageError) else (loaded.pixels, "")
    return Member(image.sku, image.title, image.image, picture, gap, _data(image), keep)


def _data(image: ImageFacts) -> dict[str, str]:
    facts = {"name": image.name, "strength": image.strength, "form": image.form, "maker": image.manufacturer}
    every = {**facts, **{str(k): str(v) for k, v in image.attributes.items()}}
    return {key: value for key, value in every.items() if value}


def differing(members: Sequence[ImageFacts]) -> frozenset[str]:
    """The fields of the catalog in which images of a card differ."""
    tables = [_data(image) for image in members]
    keys = {key for table in tables for key in table}
    return frozenset(key for key in keys if len({table.get(key) for table in tables}) > 1)


def close_ups(wanted: Sequence[tuple[str, str, Box, str]], settings: ImageSettings) -> tuple[Place, ...]:
    """(SKU, path, box, words) -> the place with its surroundings; empty where a file is gone."""
    try:
        return tuple(
            Place(sku, _around(box, images.load_sharp(Path(path), settings)), w) for sku, path, box, w in wanted
        )
    except ImageError:
        return ()


def box_of(place: Corners) -> Box:
    """The upright box around a line."""
    xs, ys = zip(*place, strict=True)
    return max(0.0, min(xs)), max(0.0, min(ys)), min(1.0, max(xs)), min(1.0, max(ys))


def _around(box: Box, pixels: Pixels) -> Pixels:
    """`box` (left, top, right, bottom as shares of the picture) with its surroundings, enlarged where it is small."""
    height, width = pixels.shape[:2]
    x, y = (box[0] + box[2]) / 2 * width, (box[1] + box[3]) / 2 * height
    reach = max((box[2] - box[0]) * width, (box[3] - box[1]) * height, 0.08 * max(width, height))
    left, top = max(0, round(x - reach)), max(0, round(y - reach))
    part = pixels[top : round(y + reach) + 1, left : round(x + reach) + 1]
    scale = max(1.0, SIDES["place"] / max(part.shape[:2]))
    return np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
