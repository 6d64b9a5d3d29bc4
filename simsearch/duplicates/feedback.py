"""People's reviews of suspected duplicates: resolve the names they give, record, take back and list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from simsearch.catalog import Catalog
from simsearch.catalog.reviews import Review, ReviewVerdict, Side
from simsearch.core.errors import UsageError


class PairFeedback:
    """Reviews of pairs in one catalog. A and B are SKUs, or photos by name or path as `duplicates` prints them."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def say(self, a: str, b: str, said: ReviewVerdict, note: str = "", by: str = "") -> tuple[Side, Side]:
        """Record a review of the pair by a person; returns the two sides it holds for.

        Raises:
            UsageError: a name is unknown to the catalog, or ambiguous.
        """
        pair = self.pair(a, b)
        self.catalog.reviews.record(*pair, said, note, by)
        return pair

    def forget(self, a: str, b: str) -> tuple[Side, Side]:
        """Delete the review of the pair; the next search lists it again.

        Raises:
            UsageError: as `say`; or the pair has no review.
        """
        pair = self.pair(a, b)
        if not self.catalog.reviews.forget(*pair):
            raise UsageError(f"{a} and {b}: nothing was said of them; `simsearch duplicates reviews` lists what was")
        return pair

    def pair(self, a: str, b: str) -> tuple[Side, Side]:
        """The sides that the two names stand for. A photo beside an SKU stands for every photo of its own SKU."""
        left, right = self._sides(a), self._sides(b)
        if bool(left[0].sha256) != bool(right[0].sha256):
            left, right = [Side(s.sku) for s in left], [Side(s.sku) for s in right]
        for name, sides in ((a, left), (b, right)):
            if len(sides) > 1:
                skus = ", ".join(dict.fromkeys(s.sku for s in sides))
                raise UsageError(f"{name}: several photos bear this name (SKUs {skus}); give the SKUs instead")
        if left == right and a == b:
            raise UsageError(f"{a}: is given twice; name two SKUs or two photos")
        return left[0], right[0]

    def _sides(self, name: str) -> Sequence[Side]:
        sides = self.catalog.reviews.sides(name)
        if not sides:
            text = f"{name}: is neither an SKU nor a photo of the catalog"
            raise UsageError(f"{text}; copy it from what `simsearch duplicates` lists")
        return sides

    def reviews(self) -> list[Review]:
        """All reviews, oldest first."""
        return self.catalog.reviews.all()


def built_at(catalog: Catalog, generation: str) -> datetime:
    """The time at which a generation was built, UTC.

    Raises:
        UsageError: the catalog has no record of a generation of that name.
    """
    found = catalog.builds.get(generation)
    if found is None or found["state"] != "built":
        built = [g["name"] for g in catalog.builds.all() if g["state"] == "built"]
        names = ", ".join(built[-5:]) or "none was built yet"
        raise UsageError(f"--since {generation}: is no generation; the latest are: {names}")
    moment: datetime = found["created_at"]
    return moment
