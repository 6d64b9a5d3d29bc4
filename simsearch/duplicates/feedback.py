"""People's reviews of suspected duplicates: resolve the names they give, record, take back and list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from simsearch.catalog import Catalog
from simsearch.catalog.reviews import Review, ReviewVerdict, Side
from simsearch.core.errors import UsageError


@dataclass(frozen=True)
class TakenIn:
    """What became of reviews that were brought in."""

    taken: int
    """Reviews recorded."""
    equal: int
    """Reviews that were known."""
    conflicts: tuple[tuple[Review, Review], ...]
    """Earlier reviews that stay, each with the one that says otherwise."""


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

    def take_in(self, reviews: Sequence[Review], *, overwrite: bool = False) -> TakenIn:
        """Record reviews of another catalog or of a sheet. An earlier word that says otherwise stays.

        Args:
            reviews: in the order in which they were said: of several on one pair the last counts.
            overwrite: whether they replace earlier words that say otherwise.
        """
        known = {(r.a, r.b): r for r in self.reviews()}
        wanted = {(min(r.a, r.b), max(r.a, r.b)): r for r in reviews}
        taken, equal, conflicts = 0, 0, []
        for pair, review in wanted.items():
            earlier = known.get(pair)
            if earlier is not None and earlier.said is review.said and (not review.note or earlier.note == review.note):
                equal += 1
            elif earlier is not None and earlier.said is not review.said and not overwrite:
                conflicts.append((earlier, review))
            else:
                note, by = (
                    review.note or (earlier.note if earlier else ""),
                    review.by or (earlier.by if earlier else ""),
                )
                self.catalog.reviews.record(*pair, review.said, note, by)
                taken += 1
        return TakenIn(taken, equal, tuple(conflicts))

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
