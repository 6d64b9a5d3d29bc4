"""Looks at parts of a photo: where candidates lie in one, what a part says by itself, and what it says from near."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from simsearch.catalog.images import ImageFacts
from simsearch.core.errors import ImageError
from simsearch.core.types import Decision, Description, Image, Outcome, Pixels
from simsearch.features.orb import Geometry
from simsearch.features.reading import Line, Reading
from simsearch.recognition.contenders import Verified
from simsearch.recognition.packages.distinct import Part
from simsearch.recognition.packages.outlines import (
    LEAST_POINTS,
    LEAST_SUPPORT,
    Block,
    Outlined,
    apart,
    on_photo,
    outline,
)
from simsearch.recognition.packages.parts import Place, moved, moved_print, part, place, read_there
from simsearch.recognition.packages.pills import pills_beside
from simsearch.recognition.packages.shapes import Polygon, Size, overlap
from simsearch.recognition.packages.tiles import lines_on_photo, rest_of, tiles
from simsearch.recognition.print_evidence import PhotoRead
from simsearch.recognition.printed import CatalogSide

_LOG = logging.getLogger("simsearch")

_OUTLINED = 12
"""Candidates of a look whose outlines are sought: the best supported ones."""
_ROOM, _BLOCK_ROOM = 0.03, 0.3
"""Room around a part that is cut out, in shares of its longer side. Print alone covers less than its package."""
_THERE = 0.2
"""Overlap with the part from which an outline that was found in it is that of its package."""
_SURE_OF_PILLS = 0.5
"""Probability of the network from which a spot beside a package is a loose pill."""


@dataclass(frozen=True, eq=False)
class Look:
    """A photo, or a part of one, and what was found for it."""

    photo: Image
    read: PhotoRead
    verified: Sequence[Verified]
    answer: Decision

    @property
    def first(self) -> str | None:
        """The product that comes first."""
        return self.answer.hits[0].sku if self.answer.hits else None


class Asker(Protocol):
    """What parting needs of the engine."""

    @property
    def keypoint_side(self) -> int:
        """Longer side in pixels to which photos are scaled for keypoints."""
        ...

    def described(self, photo: Image) -> Description:
        """A part of a photo by appearance."""
        ...

    def look(self, photo: Image, read: PhotoRead) -> Look:
        """Ask a part of a photo that was described and read."""
        ...

    def read_again(self, photo: Image, read: PhotoRead) -> PhotoRead:
        """Read a part from near. `read`: what was read there before; its description by appearance is kept."""
        ...

    def lines(self, photo: Image) -> Reading | None:
        """What is printed on a part; None where nothing can be read."""
        ...

    def with_codes(self, photo: Image, read: PhotoRead) -> PhotoRead | None:
        """What was read on a part, with the codes that are read on it; None where there are none."""
        ...

    def references(self, query: Description, facts: Sequence[ImageFacts]) -> list[tuple[Geometry | None, CatalogSide]]:
        """For each image of the catalog the geometry of its keypoints with the query, and what was read on it."""
        ...


class Looks:
    """Looks at parts of one photo."""

    def __init__(self, whole: Look, asker: Asker) -> None:
        """`whole`: the photo as it was answered; it was read."""
        assert whole.read.side is not None
        assert whole.read.side.reading is not None
        self.whole, self.asker, reading = whole, asker, whole.read.side.reading
        self.size: Size = (reading.width, reading.height)
        self.count = 0
        """Parts that were asked."""

    def outlines(self, look: Look, size: Size) -> list[Outlined]:
        """Where candidates of a look lie, one a place, the best supported first."""
        seen = [v for v in look.verified if v.verification.inliers >= LEAST_POINTS]
        seen = [v for v in seen if v.verification.support >= LEAST_SUPPORT]
        best = sorted(seen, key=lambda v: (-v.verification.support, v.facts.id))[:_OUTLINED]
        if not best:
            return []
        side, found = self.asker.keypoint_side, []
        references = self.asker.references(look.read.description, [v.facts for v in best])
        for v, (geometry, other) in zip(best, references, strict=True):
            polygon = outline(geometry, other.reading, size, side) if geometry else None
            if geometry is not None and polygon is not None:
                points = on_photo(geometry.query_xy, size, side)
                found.append(Outlined(v.facts.sku, v.facts.id, polygon, points, v.verification.support))
        return apart(found)

    # -- a part by itself --------------------------------------------------------------------------------------------

    def at_candidate(self, one: Outlined, others: Sequence[Polygon]) -> Part:
        """A package that verified in the whole photo. What was matched there needs no second look yet."""
        answer = self.whole.answer
        if answer.outcome is Outcome.MATCH and answer.sku == one.sku:
            at = place(one.polygon, self.size, _ROOM)
            read = read_there(self.whole.read, one.polygon, others, at)
            return Part(one.polygon, replace(answer, read=moved_print(read.summary, at.on_photo)), one, of_whole=True)
        return self._asked(one.polygon, others, _ROOM, one)

    def at_block(self, block: Block, others: Sequence[Polygon]) -> Part:
        """A package that only its print showed; it is asked once more by its outline, where that is found now."""
        first = self._asked(block.polygon, others, _BLOCK_ROOM, None)
        if first.found is None or first.answer.outcome is Outcome.MATCH:
            return first
        nearer = self._asked(first.polygon, others, _ROOM, first.found)
        return max(first, nearer, key=lambda p: p.rank)

    def alone(self, one: Part, others: Sequence[Polygon]) -> Part:
        """A package that was matched in the whole photo, asked by itself, if that is no less."""
        alone = self._asked(one.polygon, others, _ROOM, one.found)
        return alone if (alone.answer.outcome, alone.sku) == (Outcome.MATCH, one.sku) else one

    def pills(self, packages: Sequence[Polygon]) -> Part | None:
        """Loose pills beside packages, where the network is sure that they are some."""
        polygon = pills_beside(self.whole.photo.pixels, packages, self.size)
        if polygon is None:
            return None
        at = place(polygon, self.size, _BLOCK_ROOM)
        image, read = self._cut(polygon, packages, at)
        if not read.description.loose_pills or (read.description.surface_probability or 0.0) < _SURE_OF_PILLS:
            return None
        self.count += 1
        return Part(polygon, moved(self.asker.look(image, read).answer, at.on_photo), pills=True)

    def _asked(self, polygon: Polygon, others: Sequence[Polygon], room: float, found: Outlined | None) -> Part:
        """A part asked by itself, with the lines that were read there already."""
        self.count += 1
        at = place(polygon, self.size, room)
        return self._part(polygon, found, at, *self._cut(polygon, others, at))

    def _part(self, polygon: Polygon, found: Outlined | None, at: Place, image: Image, read: PhotoRead) -> Part:
        """The answer to a cut-out, by the outline of the product that comes first, where it is found there."""
        look = self.asker.look(image, read)
        answer = moved(look.answer, at.on_photo)
        scale = at.own_size[0] / image.width
        for one in self.outlines(look, (image.width, image.height)):
            own = replace(one, polygon=one.polygon * scale + at.corner, points=one.points * scale + at.corner)
            if own.sku == look.first and overlap(own.polygon, polygon) > _THERE:
                return Part(own.polygon, answer, own)
        return Part(polygon, answer, found)

    def _cut(
        self, polygon: Polygon, others: Sequence[Polygon], at: Place, near: Pixels | None = None
    ) -> tuple[Image, PhotoRead]:
        """A part as an image of its own, described, with what was read there."""
        return self._described(*part(self.whole.photo, self.whole.read, polygon, others, at, near))

    def _described(self, image: Image, read: PhotoRead) -> tuple[Image, PhotoRead]:
        seen = self.asker.described(image)
        whole = replace(seen, descriptors={**seen.descriptors, **read.description.descriptors})
        return image, replace(read, description=whole)

    # -- from near ---------------------------------------------------------------------------------------------------

    def from_near(self, parts: Sequence[Part]) -> list[Part]:
        """The parts; those that are not matched are read once more by themselves, at the original's own pixels.

        Small print is lost where the whole photo is looked at.
        """
        out = list(parts)
        left = [
            i for i, one in enumerate(parts) if one.answer.outcome is not Outcome.MATCH and not (one.pills or one.near)
        ]
        places = [place(parts[i].polygon, self.size, _ROOM if parts[i].found else _BLOCK_ROOM) for i in left]
        for i, at, pixels in zip(left, places, self._pixels(places), strict=True):
            others = [other.polygon for other in parts if other is not parts[i]]
            image, read = self._cut(parts[i].polygon, others, at, pixels)
            near = self._part(parts[i].polygon, parts[i].found, at, image, self.asker.read_again(image, read))
            out[i] = replace(max(parts[i], near, key=lambda p: p.rank), near=True)
        return out

    def with_codes(self, parts: Sequence[Part]) -> list[Part]:
        """The parts; one without a code is asked once more where its cut-out shows one, whatever the answer is then.

        Small codes among other print are passed over in the whole photo.
        """
        out = list(parts)
        left = [i for i, one in enumerate(parts) if not (one.pills or one.near or one.has_code)]
        places = [place(parts[i].polygon, self.size, _ROOM) for i in left]
        for i, at, pixels in zip(left, places, self._pixels(places), strict=True):
            others = [other.polygon for other in parts if other is not parts[i]]
            image, read = part(self.whole.photo, self.whole.read, parts[i].polygon, others, at, pixels)
            found = self.asker.with_codes(image, read)
            if found is not None:
                out[i] = self._part(parts[i].polygon, parts[i].found, at, *self._described(image, found))
        return out

    def lines_beside(self, drawn: Sequence[Polygon]) -> list[Line]:
        """Print beside the outlines of packages, read in four parts of the photo, at the original's own pixels."""
        found: list[Line] = []
        places = tiles(self.size, drawn)
        for at, pixels in zip(places, self._pixels(places), strict=True):
            seen = self.asker.lines(rest_of(self.whole.photo, at, drawn, pixels))
            found += lines_on_photo(seen, at) if seen else []
        return found

    def _pixels(self, places: Sequence[Place]) -> Sequence[Pixels | None]:
        """What lies at places, at the original's own pixels; None where the photo cannot be decoded as large."""
        if not places:
            return []
        try:
            return self.whole.photo.cut_outs([at.box for at in places])
        except ImageError as error:
            _LOG.warning("%s; its packages are not read from near", error)
            return [None] * len(places)
