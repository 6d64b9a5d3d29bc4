"""Parts a photo into its packages: by what verified, and by blocks of print that nothing explains.

A candidate's outline under its homography is one package. Print outside of all outlines may be another one: it is cut
out and asked as a photo of its own, until nothing is left. docs/answers.md has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from simsearch.core.types import Outcome
from simsearch.features.reading import Reading
from simsearch.recognition.packages.distinct import MOST, Part, in_reading_order, no_worse, one_each, packages
from simsearch.recognition.packages.looks import Asker, Look, Looks
from simsearch.recognition.packages.outlines import Block, blocks
from simsearch.recognition.packages.shapes import Polygon, Size, area
from simsearch.recognition.packages.tiles import with_lines

_ROOM = 0.5
"""Share of a photo that one package must leave for a second one to be looked for."""
LOOKS = 10
"""Parts of a photo that are asked about, before and after its rest is read from near."""


class Parting:
    """Parts one photo."""

    def __init__(self, whole: Look, asker: Asker) -> None:
        """`whole`: the photo as it was answered; it was read."""
        self.whole, self.looks = whole, Looks(whole, asker)

    @property
    def size(self) -> Size:
        """Width and height of the picture that was read."""
        return self.looks.size

    def parts(self) -> list[Part]:
        """The packages in reading order.

        One where the photo shows one and the product of its answer says where it lies; none where nothing says it.
        """
        whole = self.whole
        found = self.looks.outlines(whole, self.size)
        drawn = [one.polygon for one in found]
        left = self._left(drawn)
        pills = self.looks.pills(drawn) if found else None
        alone = [Part(one.polygon, whole.answer, one) for one in found if one.sku == whole.first][:1]
        if len(found) + len(left) + (pills is not None) < 2:
            if not self._may_hold_more(drawn):
                return alone
            self._read_beside(drawn)
            left = self._left(drawn)
            if not left:
                return alone
        parts = [pills] if pills else []
        for one in found[:MOST]:
            others = [p for p in drawn if p is not one.polygon] + [block.polygon for block in left]
            parts.append(self.looks.at_candidate(one, others))
        kept = self._beside_them(self._packages(self._explained(parts)))
        if len(kept) < 2 or not no_worse(whole.answer, kept):
            return alone
        others_of = [[p.polygon for p in kept if p is not one] for one in kept]
        asked = [self.looks.alone(p, others) if p.of_whole else p for p, others in zip(kept, others_of, strict=True)]
        return in_reading_order(self.looks.with_codes(asked))

    def _left(self, taken: Sequence[Polygon]) -> list[Block]:
        return blocks(self._reading, self.size, taken)

    @property
    def _reading(self) -> Reading:
        side = self.looks.whole.read.side
        assert side is not None
        assert side.reading is not None
        return side.reading

    def _explained(self, parts: Sequence[Part]) -> list[Part]:
        """The parts, and those that blocks of print outside of them are, until nothing is left."""
        out, end = list(parts), self.looks.count + LOOKS
        left = self._left([p.polygon for p in out])
        while left and self.looks.count < end:
            out.append(self.looks.at_block(left[0], [*(p.polygon for p in out), *(b.polygon for b in left[1:])]))
            left = self._left([p.polygon for p in out])
        return out

    def _packages(self, parts: Sequence[Part]) -> list[Part]:
        """The packages among parts, each once. Where there are several, what is not matched is read from near."""
        kept = packages(one_each(parts))
        return packages(one_each(self.looks.from_near(kept))) if len(kept) > 1 else kept

    def _beside_them(self, kept: Sequence[Part]) -> list[Part]:
        """Several packages, and those beside them of which the whole photo, read at once, showed no print."""
        if len(kept) < 2:
            return list(kept)
        self._read_beside([p.polygon for p in kept])
        if not self._left([p.polygon for p in kept]):
            return list(kept)
        return self._packages(self._explained(kept))

    def _may_hold_more(self, drawn: Sequence[Polygon]) -> bool:
        """Whether one package leaves room beside it, and the photo, taken for one, found no match.

        Then its print may have been small for the whole photo, and so may that of a second package.
        """
        room = self.size[0] * self.size[1]
        return len(drawn) == 1 and self.whole.answer.outcome is not Outcome.MATCH and area(drawn[0]) < _ROOM * room

    def _read_beside(self, drawn: Sequence[Polygon]) -> None:
        """Add the print beside outlines, read from near, to what was read."""
        read = self.looks.whole.read
        assert read.side is not None
        reading = with_lines(self._reading, self.looks.lines_beside(drawn))
        self.looks.whole = replace(self.whole, read=replace(read, side=replace(read.side, reading=reading)))
