"""The sheet of suspected duplicates: pictures side by side, their catalog data, the evidence of each pair.

Cards are made while the page is written, so that memory holds the pictures of one card.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import cv2
import numpy as np

from simsearch.catalog.images import ImageFacts
from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError
from simsearch.core.types import Corners, Pixels
from simsearch.duplicates import KINDS, DuplicateGroup, DuplicatePair, Findings, PairKind, without_print
from simsearch.duplicates.pixel_diff import Box
from simsearch.views.files import NewFile
from simsearch.views.html.templates import SIDES, rendered_parts

MOST_PICTURES, MOST_PAIRS = 12, 30  # of one group
_CONTRADICTIONS = 3  # of one pair that are shown in close-ups
_TITLES = {
    PairKind.IDENTICAL: "Identical files", PairKind.SAME_PHOTO: "One photo, changed",
    PairKind.SAME_PRODUCT: "Other photos of one product", PairKind.LOOK_ALIKE: "Look-alikes, not duplicates",
}  # fmt: skip


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
    keep: str
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
    """One pair of a card."""

    pair: DuplicatePair
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Card:
    """A group, or a pair of look-alikes."""

    title: str
    kind: str
    probability: float
    members: tuple[Member, ...]
    differing: frozenset[str]
    """Keys of `Member.data` whose values differ."""
    rows: tuple[Row, ...]
    more_members: str
    """How many members are left out, in words; "" where all are shown."""
    more_pairs: str


@dataclass(frozen=True)
class Part:
    """A heading and its cards. The iterator makes each card when it is asked for."""

    title: str
    cards: Iterator[Card]


def write_sheet(path: Path, found: Findings, settings: ImageSettings, *, limit: int) -> list[Path]:
    """Write HTML files that need no others: on each at most `limit` groups and as many pairs of look-alikes.

    The first is `path`, the next have a number in their name (`sheet-2.html`). Returns all.
    """
    count = max(1, -(-max(len(found.groups), len(found.look_alikes)) // limit))
    paths = [path, *(path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(2, count + 1))]
    script = _script()
    digest = f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
    for number, target in enumerate(paths):
        values = {
            "title": "Suspected duplicates", "wide": True, "intro": _intro(found, number, count), "script": script,
            "digest": digest, "pages": _pages(paths, number), "decide": bool(found.groups or found.look_alikes),
        }  # fmt: skip
        with NewFile(target) as page:
            parts = _parts(found, settings, number * limit, limit)
            page.write(rendered_parts("duplicates.html.j2", **values, parts=parts))
    return paths


def _script() -> str:
    return (Path(__file__).parent / "templates" / "duplicates.js").read_text(encoding="utf-8")


def _pages(paths: Sequence[Path], here: int) -> list[dict[str, object]]:
    return [
        {"number": i + 1, "here": i == here, "href": quote(p.name), "rel": {1: "next", -1: "prev"}.get(i - here, "")}
        for i, p in enumerate(paths)
    ]


def _intro(found: Findings, number: int, count: int) -> list[str]:
    groups, alike = len(found.groups), len(found.look_alikes)
    if not groups and not alike:
        return [f"{found.images} photos compared.", "Nothing was found."]
    conflicts = sum(g.conflict for g in found.groups)
    counts = f"{found.images} photos compared: {groups} groups, {conflicts} of them under several SKUs"
    rest = f"; {alike} pairs of look-alikes." if alike else "."
    cut = f"Page {number + 1} of {count}."
    unread = without_print(found)
    return [counts + rest, *([cut] if count > 1 else []), *([f"{unread}."] if unread else [])]


def _parts(found: Findings, settings: ImageSettings, start: int, limit: int) -> Iterator[Part]:
    shown, number = found.groups[start : start + limit], start + 1
    for conflict in (True, False):
        for kind in KINDS:
            part = [g for g in shown if g.kind is kind and g.conflict is conflict]
            if part:
                title = f"{_TITLES[kind]}, under {'several SKUs' if conflict else 'one SKU'}"
                yield Part(title, map(partial(_group_card, settings), range(number, number + len(part)), part))
            number += len(part)
    alike = found.look_alikes[start : start + limit]
    if alike:
        numbers = range(start + 1, start + len(alike) + 1)
        yield Part(_TITLES[PairKind.LOOK_ALIKE], map(partial(_pair_card, settings), numbers, alike))


def _group_card(settings: ImageSettings, number: int, group: DuplicateGroup) -> Card:
    kept = {} if group.keep is None else {group.keep: group.keep_reason}
    return _card(f"Group {number}", group.kind, group.probability, group.images, group.pairs, settings, kept)


def _pair_card(settings: ImageSettings, number: int, pair: DuplicatePair) -> Card:
    return _card(f"Pair {number}", pair.kind, pair.probability, (pair.a, pair.b), (pair,), settings)


def _card(
    title: str,
    kind: PairKind,
    probability: float,
    members: Sequence[ImageFacts],
    pairs: Sequence[DuplicatePair],
    settings: ImageSettings,
    kept: Mapping[int, str] = MappingProxyType({}),
) -> Card:
    return Card(
        title, kind.value, probability,
        members=tuple(_member(image, settings, kept.get(image.id, "")) for image in members[:MOST_PICTURES]),
        differing=_differing(members),
        rows=tuple(Row(pair, _places(pair, settings)) for pair in pairs[:MOST_PAIRS]),
        more_members=_more(len(members) - MOST_PICTURES, ""), more_pairs=_more(len(pairs) - MOST_PAIRS, " pairs"),
    )  # fmt: skip


def _more(count: int, of: str) -> str:
    return f"and {count} more{of}" if count > 0 else ""


def _member(image: ImageFacts, settings: ImageSettings, keep: str) -> Member:
    loaded = images.load_or_error(Path(image.path), settings, keep=False)
    picture, gap = (None, loaded.code) if isinstance(loaded, ImageError) else (loaded.pixels, "")
    return Member(image.sku, image.title, image.image, picture, gap, _data(image), keep)


def _data(image: ImageFacts) -> dict[str, str]:
    facts = {"name": image.name, "strength": image.strength, "form": image.form, "maker": image.manufacturer}
    every = {**facts, **{str(k): str(v) for k, v in image.attributes.items()}}
    return {key: value for key, value in every.items() if value}


def _differing(members: Sequence[ImageFacts]) -> frozenset[str]:
    tables = [_data(image) for image in members]
    keys = {key for table in tables for key in table}
    return frozenset(key for key in keys if len({table.get(key) for table in tables}) > 1)


def _places(pair: DuplicatePair, settings: ImageSettings) -> tuple[Place, ...]:
    """Close-ups of both photos: of contradictions in print, or else of where the pixels differ.

    Empty where the place is unknown or a file is gone.
    """
    printed = pair.verification.printed if pair.verification else None
    against = printed.contradictions[:_CONTRADICTIONS] if printed else ()
    wanted = [
        (image, _box(place), text)
        for fact in against
        for image, place, text in ((pair.a, fact.photo_place, fact.photo), (pair.b, fact.catalog_place, fact.catalog))
        if place is not None
    ]
    if not wanted and pair.places is not None:
        wanted = [(image, box, "") for image, box in zip((pair.a, pair.b), pair.places, strict=True)]
    try:
        return tuple(Place(i.sku, _around(box, images.load_sharp(Path(i.path), settings)), t) for i, box, t in wanted)
    except ImageError:
        return ()


def _box(place: Corners) -> Box:
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
