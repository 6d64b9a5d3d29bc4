"""Asks the engine for the page: the answer, and what has to be taken from the photos while they are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simsearch.core import images
from simsearch.core.errors import DamagedDescriptor, ImageError
from simsearch.core.types import Decision, Hit, Image, Package, Photo
from simsearch.features.base import unpack
from simsearch.recognition.packages import moved, place
from simsearch.server.page.answer_view import AnswerView, Crop, PackageView, Places, Points, shown_hits, view

if TYPE_CHECKING:
    from simsearch.app import App

MOST_PHOTOS = 4
"""Faces of one package that are asked together."""
_ROOM = 0.15
"""Room around a package, in shares of its longer side: an outline may be a little small."""
_MOST_POINTS = 300
"""Matches that are drawn: more would cover the print."""


@dataclass(frozen=True)
class Asked:
    """What became of a question."""

    view: AnswerView | None
    """None where no photo can be read."""
    refused: tuple[tuple[str, ImageError], ...]
    """(name, why) of each photo that cannot be read."""
    decision: Decision | None
    sizes: Mapping[int, tuple[int, int]]
    """Number of a photo -> width and height, upright."""


def ask(app: App, photos: Sequence[Photo], *, where: Sequence[str] = (), record: bool = True) -> Asked:
    """The answer to photos of one package. May take seconds; many threads may ask at once.

    Raises:
        UsageError: `where` is no condition on products.
        CatalogError: there is no catalog.
    """
    loaded = [images.load_or_error(photo, app.config.images, keep=False) for photo in photos]
    refused = [(p.name, image) for p, image in zip(photos, loaded, strict=True) if isinstance(image, ImageError)]
    sound = [photo for photo, image in zip(photos, loaded, strict=True) if isinstance(image, Image)]
    answer: Decision | ImageError | None = None
    if len(sound) == 1:
        [answer] = app.query(sound, where=where, record=record)
    elif sound:
        answer, _ = app.query_together(sound, where=where, record=record)
    if isinstance(answer, ImageError):
        refused.append((sound[0].name, answer))
    if not isinstance(answer, Decision):
        return Asked(None, tuple(refused), None, {})
    numbers = {number: image for number, image in enumerate(loaded) if isinstance(image, Image)}
    shown = viewed(app, answer, numbers)
    names = tuple(photo.name for photo in photos)
    bad = tuple((name, error.code) for name, error in refused)
    sizes = {number: (image.width, image.height) for number, image in numbers.items()}
    return Asked(replace(shown, refused=bad, photos=names), tuple(refused), answer, sizes)


def viewed(app: App, answer: Decision, photos: dict[int, Image]) -> AnswerView:
    """The view of an answer; `photos`: number -> photo, as far as they are there."""
    every = [answer, *(package.answer for package in answer.packages)]
    hits = [hit for one in every for hit in (*one.hits, *((one.against,) if one.against else ()))]
    facts = app.catalog.images.facts({hit.image_id for hit in hits})
    if len(answer.packages) > 1:
        parts = []
        for number, package in enumerate(answer.packages, 1):
            crop, own, said = _cut(package, photos)
            parts.append(PackageView(number, package.outline, view(said, facts, _places(app, said, own), crop=crop)))
        return replace(view(answer, facts), packages=tuple(parts))
    return view(answer, facts, _places(app, answer, photos))


def _cut(package: Package, photos: dict[int, Image]) -> tuple[Crop | None, dict[int, Image], Decision]:
    """The part of the photo in which a package lies, that part as a photo, and the answer with places on it."""
    if package.outline is None:
        return None, photos, package.answer
    photo = next(iter(photos.values()), None)
    pixels = photo.pixels if photo else np.zeros((1000, 1000, 3), np.uint8)
    width, height = pixels.shape[1], pixels.shape[0]
    at = place((np.array(package.outline) * (width, height)).astype(np.float32), (width, height), _ROOM)
    crop = at.left / width, at.top / height, at.right / width, at.bottom / height
    own = {0: Image(at.of(pixels), photo.sha256, *at.own_size)} if photo else {}
    return crop, own, moved(package.answer, at.part_of)


# -- matching points -------------------------------------------------------------------------------------------------


def _places(app: App, answer: Decision, photos: dict[int, Image]) -> Places:
    """The matches of the products that are shown, on the photo that has most of them."""
    wanted = [hit for hit in shown_hits(answer) if hit.verification.inliers]
    if not wanted or not photos:
        return {}
    orb = app.verifier.orb
    described = orb.describe(list(photos.values()))
    stored = app.catalog.descriptors.of(orb.fingerprint, [hit.image_id for hit in wanted])
    found: dict[int, tuple[Points, int]] = {}
    for hit in wanted:
        for (number, photo), own in zip(photos.items(), described, strict=True):
            points = _points(app, own, photo, hit, stored)
            if len(points) > len(found.get(hit.image_id, ((), 0))[0]):
                found[hit.image_id] = points, number
    return found


def _points(app: App, own: np.ndarray, photo: Image, hit: Hit, stored: dict[int, bytes]) -> Points:
    """Matches that agree, in shares of both pictures; none where the catalog's keypoints are gone or damaged."""
    orb = app.verifier.orb
    with suppress(KeyError, DamagedDescriptor):
        geometry = orb.geometry(own, unpack(orb, stored[hit.image_id], hit.image_id))
        there = app.catalog.browse.photo(hit.image_id)
        if there is None or not geometry.inliers:
            return ()
        step = -(-len(geometry.query_xy) // _MOST_POINTS)
        size = orb.settings.size
        height, width = photo.pixels.shape[:2]
        ours = (geometry.query_xy + 0.5) / _scaled(width, height, size)
        theirs = (geometry.other_xy + 0.5) / _scaled(there.width, there.height, size)
        both = np.clip(np.hstack([ours, theirs])[::step], 0, 1).round(4)
        return tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in both)
    return ()


def _scaled(width: int, height: int, size: int) -> np.ndarray:
    """Width and height of a picture whose longer side is `size` pixels."""
    return np.array([width, height], np.float64) * (size / max(width, height))
