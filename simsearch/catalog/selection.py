"""Which images a question is about: chosen by product, by content or by age."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from simsearch.catalog.database import Part, chunks
from simsearch.catalog.tables import ImageRow, ProductRow, usable
from simsearch.core.types import Ids

_ROWS = 16_384
"""Images read at once."""


@dataclass(frozen=True)
class ProductFacts:
    """A product with what its table says of it."""

    id: int
    sku: str
    name: str
    strength: str
    form: str
    manufacturer: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Filed:
    """An active image: the content of its file, and the SKU that it is filed under."""

    id: int
    sku: str
    sha256: str
    surface: str
    width: int
    height: int


_FACTS = (
    ProductRow.id, ProductRow.sku, ProductRow.name, ProductRow.strength, ProductRow.form, ProductRow.manufacturer,
    ProductRow.attributes,
)  # fmt: skip
"""In the order of the fields of `ProductFacts`."""

_SAME_FILE = (
    sa.select(ImageRow.id).where(ImageRow.sha256 == sa.bindparam("sha256"), usable()).order_by(ImageRow.id)
)  # fmt: skip
"""Built once: SQLAlchemy takes as long to build the statement as SQLite to run it."""


class Selection(Part):
    """Products and images chosen by what is known of them."""

    def products(self) -> list[ProductFacts]:
        """All products that have an active, accepted image, by id."""
        shown = sa.select(ImageRow.product_id).where(usable())
        with self.database.read() as c:
            rows = c.execute(sa.select(*_FACTS).where(ProductRow.id.in_(shown)).order_by(ProductRow.id)).all()
        return [ProductFacts(*row) for row in rows]

    def listed(self) -> list[ProductFacts]:
        """All products that have an active image, also a refused one, or never had any, by id."""
        any_, active = (
            sa.select(ImageRow.product_id).where(*where) for where in ((), (ImageRow.retired_at.is_(None),))
        )
        wanted = sa.or_(ProductRow.id.in_(active), ProductRow.id.not_in(any_))
        with self.database.read() as c:
            rows = c.execute(sa.select(*_FACTS).where(wanted).order_by(ProductRow.id)).all()
        return [ProductFacts(*row) for row in rows]

    def images_of(self, products: Iterable[int]) -> Ids:
        """Ids (n,) ascending of the active, accepted images of the products `products` (their ids)."""
        found: list[int] = []
        with self.database.read() as c:
            for part in chunks(sorted(products)):
                found.extend(c.scalars(sa.select(ImageRow.id).where(ImageRow.product_id.in_(part), usable())))
        return np.sort(np.array(found, np.int64))

    def products_of(self, images: Iterable[int]) -> dict[int, int]:
        """Image id -> id of its product, for those of `images` that there are, active or not."""
        found: dict[int, int] = {}
        with self.database.read() as c:
            for part in chunks([int(i) for i in images]):
                rows = c.execute(sa.select(ImageRow.id, ImageRow.product_id).where(ImageRow.id.in_(part)))
                found |= {row[0]: row[1] for row in rows}
        return found

    def named(self, products: Iterable[int]) -> list[ProductFacts]:
        """The products of these ids, by id, whether or not they have an active image."""
        found: list[ProductFacts] = []
        with self.database.read() as c:
            for part in chunks(sorted(products)):
                rows = c.execute(sa.select(*_FACTS).where(ProductRow.id.in_(part)).order_by(ProductRow.id))
                found.extend(ProductFacts(*row) for row in rows)
        return found

    def changed(self, images: Iterable[int]) -> dict[int, int]:
        """Image id -> the last revision in which it was described or read, or its row was changed."""
        of_image = ImageRow.described_revision, ImageRow.read_revision, ProductRow.changed_revision
        query = sa.select(ImageRow.id, *of_image).join(ProductRow)
        found: dict[int, int] = {}
        with self.database.read() as c:
            for part in chunks([int(i) for i in images]):
                for image_id, *revisions in c.execute(query.where(ImageRow.id.in_(part))):
                    found[image_id] = max(r for r in revisions if r is not None)
        return found

    def same_file(self, sha256: str) -> list[int]:
        """Ids of the active, accepted images whose file has this digest, oldest first."""
        with self.database.read() as c:
            return list(c.scalars(_SAME_FILE, {"sha256": sha256}))

    def has_product(self, sku: str) -> bool:
        """Whether the catalog has an active, accepted image of this SKU."""
        query = sa.select(ImageRow.id).join(ProductRow).where(ProductRow.sku == sku, usable()).limit(1)
        with self.database.read() as c:
            return c.scalar(query) is not None

    def added_after(self, moment: datetime) -> set[int]:
        """Ids of the active, accepted images added after `moment` (UTC)."""
        with self.database.read() as c:
            return set(c.scalars(sa.select(ImageRow.id).where(usable(), ImageRow.added_at > moment)))

    def files(self) -> list[tuple[str, str]]:
        """(path, sha256 when it was indexed) of the active, accepted images, sorted; equal ones once."""
        with self.database.read() as c:
            rows = c.execute(sa.select(ImageRow.path, ImageRow.sha256).where(usable()).distinct()).all()
        return sorted((path, sha256 or "") for path, sha256 in rows)

    def contents(self) -> list[Filed]:
        """Every active, accepted image, by id."""
        return list(self.each_content())

    def each_content(self) -> Iterator[Filed]:
        """The same one after the other: a million at once would take half a gigabyte.

        They are read in one transaction, which stays open until the iterator is used up or closed.
        """
        i = ImageRow
        query = sa.select(i.id, ProductRow.sku, i.sha256, i.surface, i.width, i.height).join(ProductRow).where(usable())
        with (
            self.database.read() as c,
            closing(c.execute(query.order_by(i.id), execution_options={"yield_per": _ROWS})) as found,
        ):
            # An accepted image has digest and size; the columns are empty only for refused ones.
            for r in found:
                yield Filed(r[0], r[1], r[2] or "", r[3], r[4] or 1, r[5] or 1)
