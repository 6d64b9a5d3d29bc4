"""Products by their data, and photos by their content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from simsearch.catalog.database import Database, chunks
from simsearch.catalog.descriptors import usable
from simsearch.catalog.tables import ImageRow, ProductRow
from simsearch.core.types import Ids


@dataclass(frozen=True)
class ProductFacts:
    """A product with at least one active image."""

    id: int
    sku: str
    name: str
    strength: str
    form: str
    manufacturer: str
    attributes: Mapping[str, Any]


class Selection(Database):
    """Which images a question is about."""

    def products(self) -> list[ProductFacts]:
        """All with an active, accepted image, by id."""
        columns = (
            ProductRow.id, ProductRow.sku, ProductRow.name, ProductRow.strength, ProductRow.form,
            ProductRow.manufacturer, ProductRow.attributes,
        )  # fmt: skip
        shown = sa.select(ImageRow.product_id).where(usable())
        with self._read() as c:
            rows = c.execute(sa.select(*columns).where(ProductRow.id.in_(shown)).order_by(ProductRow.id)).all()
        return [ProductFacts(*row) for row in rows]

    def images_of(self, products: Iterable[int]) -> Ids:
        """Ids (n,) ascending of the active, accepted images of the products with these ids."""
        found: list[int] = []
        with self._read() as c:
            for part in chunks(sorted(products)):
                found.extend(c.scalars(sa.select(ImageRow.id).where(ImageRow.product_id.in_(part), usable())))
        return np.sort(np.array(found, np.int64))

    def same_file(self, sha256: str) -> list[int]:
        """Ids of the active, accepted images whose file has this content, oldest first."""
        query = sa.select(ImageRow.id).where(ImageRow.sha256 == sha256, usable()).order_by(ImageRow.id)
        with self._read() as c:
            return list(c.scalars(query))
