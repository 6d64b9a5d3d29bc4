"""Which parts of a photo are packages, and which belong together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simsearch.core.types import Decision, Outcome
from simsearch.recognition.packages.outlines import Outlined
from simsearch.recognition.packages.shapes import Polygon, area, gap, overlap

MOST = 6
"""Packages of a photo that are answered."""
_ONE = 0.5
"""Overlap from which two parts are one."""
_SIDE_BY_SIDE = 0.2
"""Overlap up to which two outlines of one picture of the catalog are two packages of one product."""
_TOUCH = 0.2
"""Faces of one package touch: they are less than this share of the root of an outline's area apart."""
_LIKE_NOTHING, _LIKELY = 0.1, 0.3
"""Probability below which a part looks like nothing in the catalog, and from which it looks like something."""
_PROBABLE, _PROBABLE_BY_PRINT = 0.5, 0.8
"""Probability from which a part is a package whatever is printed on it: with an outline, and without."""
_LEAST_PRINT, _SOME_PRINT, _MUCH_PRINT = 12, 20, 30
"""Letters of a package of which no product is named: see `is_package`."""
_LARGE = 0.2
"""Share of the largest part, in square pixels, that such a package covers."""
_RANK = {Outcome.MATCH: 2, Outcome.AMBIGUOUS: 1, Outcome.UNKNOWN: 0}


@dataclass(frozen=True, eq=False)
class Part:
    """A package of a photo."""

    polygon: Polygon
    """In pixels of the photo."""
    answer: Decision
    """With places on the whole photo."""
    found: Outlined | None = None
    """The candidate that drew the outline; None where print alone did."""
    of_whole: bool = False
    """Whether the answer is that to the whole photo, in which its neighbours have a say."""
    pills: bool = False
    """Whether it shows loose pills."""
    near: bool = False
    """Whether it was read from near."""

    @property
    def rank(self) -> tuple[int, float, bool]:
        """How well it is supported: more is better."""
        return _RANK[self.answer.outcome], round(self.answer.probability, 6), self.found is not None

    @property
    def sku(self) -> str | None:
        """The product that comes first."""
        return self.answer.hits[0].sku if self.answer.hits else None

    @property
    def has_code(self) -> bool:
        """Whether a code was read there."""
        return self.answer.read is not None and bool(self.answer.read.codes)

    @property
    def letters(self) -> int:
        """Letters and digits that were read there."""
        read = self.answer.read
        return sum(c.isalnum() for line in read.lines for c in line.text) if read else 0


def one_each(parts: Sequence[Part]) -> list[Part]:
    """The best supported part of each package, and of what may be none, the best first."""
    kept: list[Part] = []
    for one in sorted(parts, key=lambda p: p.rank, reverse=True):
        if not any(one_package(other, one) for other in kept):
            kept.append(one)
    return kept


def packages(parts: Sequence[Part]) -> list[Part]:
    """Of the parts, one each, those that are packages."""
    largest = max((area(p.polygon) for p in parts), default=0.0)
    return [p for p in parts if is_package(p, largest)][:MOST]


def one_package(best: Part, other: Part) -> bool:
    """Whether the other part belongs to the package of a better supported one.

    Two packages of one product are two only where both are matched and have outlines that lie side by side. Outlines
    by two pictures of the catalog may be two faces of one package where they touch. A further face, the maker's mark or
    the name on a shelf bring up the same product, too.
    """
    if overlap(best.polygon, other.polygon) > _ONE:
        return True
    if best.sku != other.sku:
        return False
    a, b = best.found, other.found
    if other.answer.outcome is not Outcome.MATCH or a is None or b is None:
        return True
    if a.image_id != b.image_id:
        return gap(best.polygon, other.polygon) < _TOUCH * math.sqrt(area(best.polygon))
    return overlap(best.polygon, other.polygon) > _SIDE_BY_SIDE


def is_package(one: Part, largest: float) -> bool:
    """Whether a part is a package: its answer names a product, or it holds print enough, and more where it is small or
    like nothing in the catalog. A scribble, a shelf or a side of another package is none.

    `largest`: square pixels of the largest part.
    """
    if one.pills or one.answer.outcome is not Outcome.UNKNOWN:
        return True
    large, likely = area(one.polygon) >= _LARGE * largest, one.answer.probability
    if likely >= (_PROBABLE if one.found else _PROBABLE_BY_PRINT):
        return True
    if likely < _LIKE_NOTHING:
        return one.letters >= _MUCH_PRINT and large
    return one.letters >= (_LEAST_PRINT if large else _SOME_PRINT) and (large or likely >= _LIKELY)


def no_worse(whole: Decision, parts: Sequence[Part]) -> bool:
    """Whether the parts say at least what the answer to the whole photo says; else it is better not parted."""
    if whole.outcome is Outcome.MATCH:
        return any((p.answer.outcome, p.sku) == (Outcome.MATCH, whole.sku) for p in parts)
    return max(p.rank[0] for p in parts) >= _RANK[whole.outcome]


def in_reading_order(parts: Sequence[Part]) -> list[Part]:
    """Row by row from the top, each from the left. What begins above the middle of a row's first part is in it."""
    left = sorted(parts, key=lambda p: float(p.polygon[:, 1].min()))
    ordered: list[Part] = []
    while left:
        middle = float(left[0].polygon[:, 1].mean())
        row = [p for p in left if float(p.polygon[:, 1].min()) <= middle]
        ordered += sorted(row, key=lambda p: float(p.polygon[:, 0].mean()))
        left = [p for p in left if p not in row]
    return ordered
