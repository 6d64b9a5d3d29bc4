"""How a catalog is filed, as of one moment."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from simsearch.catalog import Catalog
from simsearch.catalog.corrections import EVERY
from simsearch.catalog.selection import Filed, ProductFacts
from simsearch.features.base import Method
from simsearch.filing.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Filing:
    """How the catalog is filed, as of one moment."""

    images: Mapping[int, Filed]
    products: Mapping[str, ProductFacts]
    """SKU -> what the table says of it; also of products without a photo that counts."""
    groups: Mapping[str, tuple[int, ...]]
    """SKU -> its images, by content."""
    read: frozenset[int]
    """Images whose print was read."""

    @classmethod
    def of(cls, catalog: Catalog, reading: Method | None) -> Filing:
        """As the catalog is now."""
        with catalog.database.one_view():
            return cls._of(catalog, reading)

    @classmethod
    def _of(cls, catalog: Catalog, reading: Method | None) -> Filing:
        images = {filed.id: filed for filed in catalog.selection.contents()}
        groups: dict[str, list[int]] = defaultdict(list)
        for filed in sorted(images.values(), key=lambda f: (f.sku, f.sha256, f.id)):
            groups[filed.sku].append(filed.id)
        merged = {c.sku for c in catalog.corrections.all() if c.sha256 == EVERY} - groups.keys()
        products = {p.sku: p for p in catalog.selection.listed() if p.sku not in merged}
        read = catalog.descriptors.active_ids(reading.fingerprint).tolist() if reading else []
        return cls(images, products, {s: tuple(g) for s, g in groups.items()}, frozenset(read))

    def sku(self, image_id: int) -> str | None:
        """Of an image; None where it is no longer active."""
        filed = self.images.get(image_id)
        return filed.sku if filed else None

    def rank(self, image_id: int) -> tuple[str, str]:
        """Sorts images by their content, so that the order in which they came in changes nothing."""
        filed = self.images.get(image_id)
        return (filed.sha256, filed.sku) if filed else ("", "")

    def ordered(self, a: int, b: int) -> tuple[int, int]:
        """Two images as they are compared: which is the first must not depend on the order in which they came in."""
        return (a, b) if (self.rank(a), a) <= (self.rank(b), b) else (b, a)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The names and makers of its rows."""
        return Vocabulary(self.products.values())

    def commonness(self, sku: str) -> int:
        """How many SKUs begin with the same letters."""
        return self._beginnings[_beginning(sku)]

    @cached_property
    def _beginnings(self) -> Mapping[str, int]:
        return Counter(map(_beginning, self.groups))


def _beginning(sku: str) -> str:
    return sku[: next((at for at, letter in enumerate(sku) if letter.isdigit()), len(sku))]
