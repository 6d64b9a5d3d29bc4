"""A part of a photo as a photo of its own: cut out, with what was read there, and its neighbours painted over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from simsearch.core.images import shrunk
from simsearch.core.types import (
    Box,
    Corners,
    Decision,
    Description,
    Descriptor,
    Hit,
    Image,
    PhotoPrint,
    Pixels,
    PrintedFact,
)
from simsearch.features.code_records import pack_codes, unpack_codes
from simsearch.features.codes import codes_of
from simsearch.features.reading import Reading, encode
from simsearch.recognition.packages.shapes import Polygon, Size, covered, inside, paint, rectangle
from simsearch.recognition.print_evidence import PhotoRead
from simsearch.recognition.printed import PhotoSide, photo_print

_RIM = 0.01
"""How far outside of an outline print still belongs to it, in shares of the photo's longer side."""


@dataclass(frozen=True)
class Place:
    """An upright rectangle of a photo, in whole pixels of it."""

    left: int
    top: int
    right: int
    bottom: int
    size: Size
    """Of the photo."""

    @property
    def own_size(self) -> Size:
        """Width and height of the rectangle."""
        return self.right - self.left, self.bottom - self.top

    @property
    def box(self) -> Box:
        """The same in shares of the photo."""
        width, height = self.size
        return self.left / width, self.top / height, self.right / width, self.bottom / height

    @property
    def polygon(self) -> Polygon:
        """Its corners in pixels of the photo."""
        return np.asarray(rectangle(self.own_size) + self.corner, np.float32)

    @property
    def corner(self) -> NDArray[np.float32]:
        """(2,) its upper left."""
        return np.array([self.left, self.top], np.float32)

    def of(self, pixels: Pixels) -> Pixels:
        """A copy of what lies there."""
        return pixels[self.top : self.bottom, self.left : self.right].copy()

    def within(self, quad: NDArray[np.floating]) -> NDArray[np.float32]:
        """Points (n, 2) in shares of the photo, as shares of the rectangle."""
        return np.asarray((quad * np.array(self.size) - self.corner) / np.array(self.own_size), np.float32)

    def part_of(self, points: Corners) -> Corners:
        """As `within`, of corners."""
        return _corners(self.within(np.array(points)))

    def on_photo(self, points: Corners) -> Corners:
        """The inverse of `part_of`."""
        (width, height), (own_width, own_height) = self.size, self.own_size
        return tuple(((self.left + x * own_width) / width, (self.top + y * own_height) / height) for x, y in points)


def place(polygon: Polygon, size: Size, room: float) -> Place:
    """The upright rectangle around an outline. `room`: width of its rim, in shares of its longer side."""
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    rim = room * float((high - low).max())
    left, top = np.floor(np.clip(low - rim, 0, np.array(size) - 1)).astype(int).tolist()
    right, bottom = np.ceil(np.minimum(high + rim, np.array(size))).astype(int).tolist()
    return Place(left, top, max(right, left + 1), max(bottom, top + 1), size)


def part(
    photo: Image, read: PhotoRead, own: Polygon, others: Sequence[Polygon], at: Place, near: Pixels | None = None
) -> tuple[Image, PhotoRead]:
    """What lies at a place, as an image of its own, and what was read of it.

    The lines of the whole photo are taken over: reading them again costs most of a second and seldom finds more.

    Args:
        photo: the whole photo.
        read: what was read on it.
        own: outline of the part, in pixels of `photo.sharp`.
        others: outlines of its neighbours, which are painted over with the colour of the ground.
        at: the place that is cut out, around `own`.
        near: what lies there, in more pixels than `photo.sharp` has; None: in those of `photo.sharp`.

    Raises:
        ImageError: as `Image.sharp`.
    """
    pixels = at.of(photo.sharp) if near is None else near
    if others:
        scale = pixels.shape[1] / at.own_size[0]
        _paint_over(pixels, (own - at.corner) * scale, [(other - at.corner) * scale for other in others])
    # No file has this name, so that a part is never taken for a photo of the catalog.
    name = f"{photo.sha256}:{at.left},{at.top},{at.right},{at.bottom}"
    working = shrunk(pixels, max(photo.pixels.shape[:2]))
    image = Image(working, name, pixels.shape[1], pixels.shape[0], photo.name, lambda: pixels)
    return image, read_there(read, own, others, at, pixels)


def read_there(
    read: PhotoRead, own: Polygon, others: Sequence[Polygon], at: Place, pixels: Pixels | None = None
) -> PhotoRead:
    """What was read within an outline, and nothing else of the description. Arguments as for `part`."""
    assert read.side is not None
    assert read.side.reading is not None
    rim = _RIM * max(at.size)

    def held(quad: NDArray[np.floating]) -> bool:
        middle = (quad * np.array(at.size)).mean(axis=0)[None]
        if not inside(middle, own, rim)[0]:
            return False
        return bool(inside(middle, own)[0]) or not any(inside(middle, other)[0] for other in others)

    lines = [line for line in read.side.reading.lines if held(line.quad)]
    reading = Reading(tuple(replace(line, quad=at.within(line.quad)) for line in lines), *at.own_size)
    descriptors: dict[str, Descriptor] = {"reading": encode(reading)}
    codes = read.side.codes
    if "codes" in read.description:
        every = [(code, np.array(code.quad)) for code in unpack_codes(read.description["codes"])]
        own_codes = [replace(code, quad=_corners(at.within(quad))) for code, quad in every if held(quad)]
        descriptors["codes"] = pack_codes(own_codes)
        codes = codes_of(descriptors["codes"])
    return PhotoRead(Description(descriptors), PhotoSide(reading, codes, pixels), photo_print(reading, codes))


def _corners(quad: NDArray[np.float32]) -> Corners:
    return tuple((float(x), float(y)) for x, y in quad)


def _paint_over(pixels: Pixels, own: Polygon, others: Sequence[Polygon]) -> None:
    """Paint the neighbours over in place, but for what lies in the part's own outline."""
    theirs, ours = covered(pixels, others), covered(pixels, [own])
    over, free = theirs & ~ours, ~(theirs | ours)
    paint(pixels, over, free if free.any() else ~over)


# -- answers to a part -----------------------------------------------------------------------------------------------

Move: TypeAlias = Callable[[Corners], Corners]
"""Carries corners in shares of one picture into shares of another one."""


def moved(answer: Decision, move: Move) -> Decision:
    """The answer with all places on the photo carried elsewhere: from a part to the whole photo, or back."""
    return replace(
        answer,
        hits=tuple(_hit(hit, move) for hit in answer.hits),
        considered=tuple(_hit(hit, move) for hit in answer.considered),
        against=_hit(answer.against, move) if answer.against else None,
        read=moved_print(answer.read, move),
        pills=tuple(replace(pill, outline=move(pill.outline)) for pill in answer.pills),
    )


def moved_print(read: PhotoPrint | None, move: Move) -> PhotoPrint | None:
    """The same of what was read."""
    if read is None:
        return None
    return replace(read, lines=tuple(replace(line, place=move(line.place)) for line in read.lines))


def _hit(hit: Hit, move: Move) -> Hit:
    printed = hit.verification.printed
    if printed is None:
        return hit

    def each(facts: Sequence[PrintedFact]) -> tuple[PrintedFact, ...]:
        return tuple(f if f.photo_place is None else replace(f, photo_place=move(f.photo_place)) for f in facts)

    found = replace(
        printed, agreements=each(printed.agreements), contradictions=each(printed.contradictions),
        doubts=each(printed.doubts),
    )  # fmt: skip
    return replace(hit, verification=replace(hit.verification, printed=found))
