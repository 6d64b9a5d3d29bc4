"""Parts a photo into its packages: by what verified, and by blocks of print that nothing explains.

A candidate's outline under its homography is one package. Print outside of all outlines may be another one: it is cut
out and asked as a photo of its own, until nothing is left. docs/answers.md has the figures.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from simsearch.catalog.images import ImageFacts
from simsearch.core.errors import ImageError
from simsearch.core.types import Decision, Description, Image, Outcome, Pixels
from simsearch.features.orb import Geometry
from simsearch.recognition.contenders import Verified
from simsearch.recognition.packages.distinct import MOST, Part, in_reading_order, no_worse, one_each
from simsearch.recognition.packages.outlines import (
    LEAST_POINTS,
    LEAST_SUPPORT,
    Block,
    Outlined,
    apart,
    blocks,
    on_photo,
    outline,
)
from simsearch.recognition.packages.parts import Place, moved, moved_print, part, place, read_there
from simsearch.recognition.packages.pills import pills_beside
from simsearch.recognition.packages.shapes import Polygon, Size, overlap
from simsearch.recognition.print_evidence import PhotoRead
from simsearch.recognition.printed import CatalogSide

_LOG = logging.getLogger("simsearch")

LOOKS = 10
"""Parts of a photo that are looked at."""
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

    def references(self, query: Description, facts: Sequence[ImageFacts]) -> list[tuple[Geometry | None, CatalogSide]]:
        """For each image of the catalog the geometry of its keypoints with the query, and what was read on it."""
        ...


class Parting:
    """Parts one photo."""

    def __init__(self, whole: Look, asker: Asker) -> None:
        """`whole`: the photo as it was answered; it was read."""
        assert whole.read.side is not None
        assert whole.read.side.reading is not None
        self.whole, self.asker, self.reading = whole, asker, whole.read.side.reading
        self.size: Size = (self.reading.width, self.reading.height)
        self.looks = 0
        """Parts that were looked at."""

    def parts(self) -> list[Part]:
        """The packages in reading order.

        One where the photo shows one and the product of its answer says where it lies; none where nothing says it.
        """
        found = self._outlines(self.whole, self.size)
        left = self._left([one.polygon for one in found])
        pills = self._pills([one.polygon for one in found]) if found else None
        alone = [Part(one.polygon, self.whole.answer, one) for one in found if one.sku == self._first(self.whole)][:1]
        if len(found) + len(left) + (pills is not None) < 2:
            return alone
        drawn = [one.polygon for one in found]
        parts = []
        for one in found[:MOST]:
            others = [p for p in drawn if p is not one.polygon] + [block.polygon for block in left]
            parts.append(self._of_candidate(one, others))
        while left and self.looks < LOOKS:
            parts.append(self._of_block(left[0], [*(p.polygon for p in parts), *(b.polygon for b in left[1:])]))
            left = self._left([p.polygon for p in parts])
        kept = one_each([*parts, *([pills] if pills else [])])
        if len(kept) < 2 or not no_worse(self.whole.answer, kept):
            return alone
        return in_reading_order(self._settled(kept))

    # -- parts -------------------------------------------------------------------------------------------------------

    def _left(self, taken: Sequence[Polygon]) -> list[Block]:
        return blocks(self.reading, self.size, taken)

    def _of_candidate(self, one: Outlined, others: Sequence[Polygon]) -> Part:
        """A package that verified in the whole photo. What was matched there needs no second look yet."""
        answer = self.whole.answer
        if answer.outcome is Outcome.MATCH and answer.sku == one.sku:
            at = place(one.polygon, self.size, _ROOM)
            read = read_there(self.whole.read, one.polygon, others, at)
            return Part(one.polygon, replace(answer, read=moved_print(read.summary, at.on_photo)), one, of_whole=True)
        return self._asked(one.polygon, others, _ROOM, one)

    def _of_block(self, block: Block, others: Sequence[Polygon]) -> Part:
        """A package that only its print showed; it is asked once more by its outline, where that is found now."""
        first = self._asked(block.polygon, others, _BLOCK_ROOM, None)
        if first.found is None or first.answer.outcome is Outcome.MATCH:
            return first
        nearer = self._asked(first.polygon, others, _ROOM, first.found)
        return max(first, nearer, key=lambda p: p.rank)

    def _pills(self, packages: Sequence[Polygon]) -> Part | None:
        """Loose pills beside packages, where the network is sure that they are some."""
        polygon = pills_beside(self.whole.photo.pixels, packages, self.size)
        if polygon is None:
            return None
        image, read, at = self._cut(polygon, packages, _BLOCK_ROOM)
        if not read.description.loose_pills or (read.description.surface_probability or 0.0) < _SURE_OF_PILLS:
            return None
        self.looks += 1
        return Part(polygon, moved(self.asker.look(image, read).answer, at.on_photo), pills=True)

    def _cut(self, polygon: Polygon, others: Sequence[Polygon], room: float) -> tuple[Image, PhotoRead, Place]:
        """A part as an image of its own, described, with what was read there, and its place."""
        at = place(polygon, self.size, room)
        return *self._described(*part(self.whole.photo, self.whole.read, polygon, others, at)), at

    def _asked(self, polygon: Polygon, others: Sequence[Polygon], room: float, found: Outlined | None) -> Part:
        """A part asked by itself, by the outline of the product that comes first, where it is found there."""
        self.looks += 1
        image, read, at = self._cut(polygon, others, room)
        look = self.asker.look(image, read)
        answer = moved(look.answer, at.on_photo)
        for one in self._outlines(look, at.own_size):
            own = replace(one, polygon=one.polygon + at.corner, points=one.points + at.corner)
            if own.sku == self._first(look) and overlap(own.polygon, polygon) > _THERE:
                return Part(own.polygon, answer, own)
        return Part(polygon, answer, found)

    def _first(self, look: Look) -> str | None:
        return look.answer.hits[0].sku if look.answer.hits else None

    def _outlines(self, look: Look, size: Size) -> list[Outlined]:
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

    # -- several packages --------------------------------------------------------------------------------------------

    def _settled(self, kept: Sequence[Part]) -> list[Part]:
        """Several packages, each asked by itself, and read from near where it is not matched: small print is lost where
        the whole photo is looked at."""
        others = [[p.polygon for p in kept if p is not one] for one in kept]
        parts = [self._alone(one, theirs) if one.of_whole else one for one, theirs in zip(kept, others, strict=True)]
        left = [i for i, p in enumerate(parts) if p.answer.outcome is not Outcome.MATCH and not (p.pills or p.of_whole)]
        places = [place(parts[i].polygon, self.size, _ROOM if parts[i].found else _BLOCK_ROOM) for i in left]
        for i, at, pixels in zip(left, places, self._near(places), strict=True):
            parts[i] = self._from_near(parts[i], others[i], at, pixels)
        return parts

    def _alone(self, one: Part, others: Sequence[Polygon]) -> Part:
        """A package that was matched in the whole photo, asked by itself, if that is no less."""
        alone = self._asked(one.polygon, others, _ROOM, one.found)
        return alone if (alone.answer.outcome, alone.sku) == (Outcome.MATCH, one.sku) else one

    def _near(self, places: Sequence[Place]) -> Sequence[Pixels | None]:
        """What lies at places, at the original's own pixels; None where the photo cannot be decoded as large."""
        if not places:
            return []
        try:
            return self.whole.photo.cut_outs([at.box for at in places])
        except ImageError as error:
            _LOG.warning("%s; its packages are not read from near", error)
            return [None] * len(places)

    def _from_near(self, one: Part, others: Sequence[Polygon], at: Place, pixels: Pixels | None) -> Part:
        image, read = self._described(*part(self.whole.photo, self.whole.read, one.polygon, others, at, pixels))
        look = self.asker.look(image, self.asker.read_again(image, read))
        return max(one, replace(one, answer=moved(look.answer, at.on_photo)), key=lambda p: p.rank)

    def _described(self, image: Image, read: PhotoRead) -> tuple[Image, PhotoRead]:
        seen = self.asker.described(image)
        whole = replace(seen, descriptors={**seen.descriptors, **read.description.descriptors})
        return image, replace(read, description=whole)
