"""A person's word on suspected pairs: what a name means, what is remembered, and since when something is new."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from simsearch.catalog import Catalog
from simsearch.catalog.reviews import Review, Said, Side
from simsearch.core.errors import UsageError


class Desk:
    """Reviews of one catalog. A and B are SKUs, or names or paths of photos as `duplicates` prints them."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def say(self, a: str, b: str, said: Said, note: str = "") -> tuple[Side, Side]:
        """Remember it of the pair.

        Raises:
            UsageError: a name means nothing in the catalog, or cannot be told from another.
        """
        pair = self.pair(a, b)
        self.catalog.reviews.record(*pair, said, note)
        return pair

    def forget(self, a: str, b: str) -> tuple[Side, Side]:
        """Take back what was said; the pair is asked again.

        Raises:
            UsageError: as `say`; or nothing was said of the pair.
        """
        pair = self.pair(a, b)
        if not self.catalog.reviews.forget(*pair):
            raise UsageError(f"{a} and {b}: nothing was said of them; `simsearch duplicates reviews` lists what was")
        return pair

    def pair(self, a: str, b: str) -> tuple[Side, Side]:
        """The sides that the two names mean; a photo and an SKU mean the SKUs of both."""
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
        """Everything that was said, oldest first."""
        return self.catalog.reviews.all()


def built_at(catalog: Catalog, generation: str) -> datetime:
    """When a generation was built, UTC.

    Raises:
        UsageError: the catalog remembers none of that name.
    """
    found = catalog.builds.get(generation)
    if found is None or found["state"] != "built":
        built = [g["name"] for g in catalog.builds.all() if g["state"] == "built"]
        names = ", ".join(built[-5:]) or "none was built yet"
        raise UsageError(f"--since {generation}: is no generation; the latest are: {names}")
    moment: datetime = found["created_at"]
    return moment
