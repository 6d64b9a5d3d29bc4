"""Aligned reading: the lines of a catalog photo are looked for in the photo, at the places where they have to be.

Nothing is detected there. The place of a line is cut out of the photo at its full resolution, upright, and recognised;
what the catalog's side reads under the same cuts was stored when it was read (`features.reading.cuts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simsearch.core.types import Corners, Pixels
from simsearch.features.reading.content import content
from simsearch.features.reading.cuts import deciding, largest, places
from simsearch.features.reading.quads import size, upright
from simsearch.features.reading.types import Cut, Line, Reader, Reading
from simsearch.recognition.printed import digits
from simsearch.recognition.printed.alignment import Alignment, Points, Zone
from simsearch.recognition.printed.blank import lacks_words
from simsearch.recognition.printed.lines import Judgement, Relation, judge, same_letters

LEAST_HEIGHT = 10.0
"""Pixels of a line in the photo from which it is looked at. Half of that are letters."""
_BESIDE = 2.5
"""Heights of a line by which a homography may miss it."""
_ALIKE_HEIGHT = 1.8
"""How many times as high as the other two lines at one place may be."""
_AT_PLACE, _SAME_HEIGHT = 1.0, 1.3
"""The same two, far from the points that agree."""
SMALL = 18.0
"""Pixels of a line in either photo below which digits are guessed: there `1` was read as `2` with 0.95."""


@dataclass(frozen=True, eq=False)
class Place:
    """A line of one side, and what the other side says at its place."""

    judgement: Judgement
    photo: Corners
    catalog: Corners
    line: int = -1
    """Index of the catalog's line; -1 where the line is the photo's own."""


Near = Callable[[Line], Line]
"""A line of the photo with its cuts."""


def read_along(
    photo: Pixels,
    reading: Reading,
    alignment: Alignment,
    reader: Reader,
    lines: int,
    steady: int,
    own: Reading | None = None,
    near: Near = lambda line: line,
    form: str = "",
) -> list[Place]:
    """What a photo says at the places of the catalog's lines that can decide, at most `lines` of them.

    `steady`: points from which lines beside them may contradict whatever they say. It ends with the first
    contradiction. A line that the catalog stored no cuts of is passed over. `own`: the photo's own lines; a number that
    was found a little beside its place is taken from there. `near`: gives such a line its cuts. `form`: as for `judge`.
    """
    found: list[Place] = []
    names = largest(reading.lines, reading.width, reading.height)
    for i, zone, quads in _in_view(photo, reading, alignment):
        if len(found) >= lines:
            break
        line = reading.lines[i]
        small = _small(line, reading, quads[0])
        judged = _judged(photo, quads, line, reader, small=small, name=i in names, form=form)
        there = alignment.to_photo(line.quad.astype(np.float64))
        if own is not None and judged.relation in (Relation.NOTHING, Relation.UNREAD):
            moved = beside(own, reading, i, alignment)
            if moved is not None:
                cut = near(moved).cuts or (Cut(moved.text, moved.confidence),)
                again = judge(cut, line.cuts, small=small, name=False, form=form)
                if again.relation in (Relation.AGREES, Relation.CONTRADICTS):
                    judged, there = again, moved.quad.astype(np.float64)
        if judged.relation is Relation.CONTRADICTS and not stands(judged, zone, alignment, steady):
            judged = replace(judged, relation=Relation.NOTHING)
        found.append(Place(judged, corners(there), corners(line.quad.astype(np.float64)), i))
        if judged.relation is Relation.CONTRADICTS:
            return found
    if own is not None and alignment.inliers >= steady:
        found += _beyond(own, reading, alignment, near, form)
    return found


def _beyond(own: Reading, reading: Reading, alignment: Alignment, near: Near, form: str) -> list[Place]:
    """Numbers of the catalog far from the points that agree, where the photo's own line lies at that very place.

    A homography is not to be trusted so far out. That a line of the same height stands where it leads shows that it
    holds there. Of these only what contradicts is told.
    """
    for i in deciding(reading.lines, reading.width, reading.height):
        line = reading.lines[i]
        if not line.cuts or not _numbered(line) or alignment.zone(line.quad.astype(np.float64)) is not Zone.FAR:
            continue
        there = beside(own, reading, i, alignment, reach=_AT_PLACE, height=_SAME_HEIGHT)
        if there is None:
            continue
        cuts = near(there).cuts
        judged = judge(cuts, line.cuts, name=False, form=form) if cuts else None
        if judged and judged.relation is Relation.CONTRADICTS and judged.kind in ("strength", "pack"):
            quads = there.quad.astype(np.float64), line.quad.astype(np.float64)
            return [Place(judged, corners(quads[0]), corners(quads[1]), i)]
    return []


def beside(
    own: Reading,
    reading: Reading,
    i: int,
    alignment: Alignment,
    *,
    reach: float = _BESIDE,
    height: float = _ALIKE_HEIGHT,
) -> Line | None:
    """The photo's own line with a number that lies a little beside the place of line `i`; None where none is meant.

    Packages bend and faces tilt, so that a homography of one part misses another by a line's length. The line has to be
    of the same height, the only one so near, and this line the nearest with a number to it in the catalog's photo.

    Args:
        own: the photo's own lines.
        reading: the catalog's lines.
        i: of one of these.
        alignment: of the two photos.
        reach: heights of the line by which the place may be missed.
        height: how many times as high as the line the other may be, or the other way round.
    """
    line = reading.lines[i]
    size_ = np.array([own.width, own.height], np.float64)
    there = alignment.to_photo(line.quad.astype(np.float64)) * size_
    high = size(there)[1]

    def fits(other: Line) -> bool:
        quad = other.on(own.width, own.height).astype(np.float64)
        ratio = size(quad)[1] / max(high, 1e-6)
        apart = float(np.linalg.norm(quad.mean(axis=0) - there.mean(axis=0)))
        return apart <= reach * high and 1 / height <= ratio <= height

    found = [other for other in own.lines if _numbered(other) and fits(other) and _of_one_kind(other, line)]
    if not _numbered(line) or len(found) != 1:
        return None
    place = alignment.to_catalog(found[0].quad.astype(np.float64)).mean(axis=0)
    if not np.isfinite(place).all():
        return None
    apart = [
        float(np.linalg.norm((other.quad.mean(axis=0) - place) * [reading.width, reading.height]))
        if _numbered(other)
        else np.inf
        for other in reading.lines
    ]
    return found[0] if int(np.argmin(apart)) == i else None


def _of_one_kind(a: Line, b: Line) -> bool:
    """Whether both may speak of the same thing: two strengths, two counts, or one of them a number alone."""
    ours, theirs = content(a.text), content(b.text)
    alone = digits.is_number(a.text) or digits.is_number(b.text)
    return alone or bool(ours.strength and theirs.strength) or bool(ours.pack and theirs.pack)


def _numbered(line: Line) -> bool:
    said = content(line.text)
    return bool(said.strength or said.pack or said.number) and not said.varies


def stands(judged: Judgement, zone: Zone, alignment: Alignment, steady: int) -> bool:
    """Whether a contradiction at a place in that zone counts.

    A line beside few points may lie on another face, in another plane: what is read at its place is then another line.
    With the same letters around its numbers it is this one.
    """
    return zone is Zone.WITHIN or alignment.inliers >= steady or same_letters(judged.photo, judged.catalog)


def _small(line: Line, reading: Reading, there: Points) -> bool:
    """Whether a line is small print on one of the two photos; `there`: its place in pixels of the photo."""
    own = size(line.on(reading.width, reading.height).astype(np.float64))[1]
    return min(own, size(there)[1]) < SMALL


def _judged(
    photo: Pixels, quads: Sequence[Points], line: Line, reader: Reader, *, small: bool, name: bool, form: str
) -> Judgement:
    """What the photo says at the place of `line`. The second cut is read only where the first one does not agree."""
    said: list[Cut] = []
    for quad in quads:
        crop = upright(photo, quad)
        said += [Cut(text, confidence) for text, confidence in reader.recognise([crop])]
        judged = judge(said, line.cuts, small=small, name=name, form=form)
        if judged.relation is Relation.AGREES:
            break
    if judged.lacking and name and all(lacks_words(crop, a, b) for a, b in zip(said, line.cuts, strict=False)):
        return replace(
            judged, relation=Relation.CONTRADICTS, kind="name", photo=said[0].text, catalog=line.cuts[0].text
        )
    return judged


def _in_view(photo: Pixels, reading: Reading, alignment: Alignment) -> Iterator[tuple[int, Zone, list[Points]]]:
    """Indices of lines with cuts whose places the photo shows, and their two cuts in pixels of the photo."""
    height, width = photo.shape[:2]
    for i in deciding(reading.lines, reading.width, reading.height):
        line = reading.lines[i]
        zone = alignment.zone(line.quad.astype(np.float64))
        if not line.cuts or content(line.text).varies or zone is Zone.FAR:
            continue
        own = line.on(reading.width, reading.height).astype(np.float64)
        share = np.array([reading.width, reading.height])
        quads = [alignment.to_photo(quad / share) for quad in places(own)]
        line_there = alignment.to_photo(line.quad.astype(np.float64))
        if not np.isfinite(quads).all() or line_there.min() < 0 or line_there.max() > 1:
            continue
        cuts = [quad * np.array([width, height]) for quad in quads]
        if size(line_there * np.array([width, height]))[1] >= LEAST_HEIGHT:
            yield i, zone, cuts


def corners(quad: Points) -> Corners:
    """A quad (4, 2) as plain numbers."""
    return tuple((float(x), float(y)) for x, y in quad)


def counted(found: Sequence[Place], relation: Relation) -> int:
    """How many of `found` are of that relation."""
    return sum(place.judgement.relation is relation for place in found)
