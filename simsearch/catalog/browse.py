"""The catalog as people look through it: products page by page, and the photos of one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from simsearch.catalog.database import Part, chunks
from simsearch.catalog.selection import ProductFacts
from simsearch.catalog.tables import ImageRow, ProductRow, usable

FIELDS = ("form", "manufacturer")
"""Fields that a search can be narrowed by."""


@dataclass(frozen=True)
class Listed:
    """A product with an active, accepted photo."""

    product: ProductFacts
    images: int
    """How many such photos it has."""
    cover: int
    """Id of the photo that stands for it: the first front, or else the first."""


@dataclass(frozen=True)
class CatalogPhoto:
    """A photo of the catalog with the facts of its file."""

    id: int
    sku: str
    image: str
    """As its source named it."""
    path: str
    surface: str
    sha256: str
    width: int
    """Of the upright original, in pixels."""
    height: int
    added_at: datetime
    """UTC."""


@dataclass(frozen=True)
class Wanted:
    """What to look for; "" lets everything through."""

    words: str = ""
    """Each of them stands in SKU, name, strength, form or maker, in any case."""
    form: str = ""
    manufacturer: str = ""


class Browse(Part):
    """Products and photos that are active and accepted."""

    def products(self, wanted: Wanted, *, after: str = "", limit: int = 48) -> list[Listed]:
        """At most `limit` products by name, then SKU; with `after` those behind the product of that SKU."""
        order = (sa.func.lower(ProductRow.name), ProductRow.sku)
        query = _listed().where(*_conditions(wanted)).order_by(*order).limit(limit)
        with self.database.read() as c:
            if after:
                last = c.execute(sa.select(*order).where(ProductRow.sku == after)).one_or_none()
                query = query.where(sa.tuple_(*order) > sa.tuple_(*(last or ("", after))))
            return [_row(row) for row in c.execute(query)]

    def count(self, wanted: Wanted) -> int:
        """How many products `wanted` lets through."""
        shown = sa.select(ImageRow.product_id).where(usable())
        query = sa.select(sa.func.count()).where(ProductRow.id.in_(shown), *_conditions(wanted))
        with self.database.read() as c:
            return int(c.scalar(query) or 0)

    def by_sku(self, skus: Iterable[str]) -> dict[str, Listed]:
        """SKU -> product, for those of `skus` that have a photo."""
        found: dict[str, Listed] = {}
        with self.database.read() as c:
            for part in chunks(list(dict.fromkeys(skus))):
                rows = c.execute(_listed().where(ProductRow.sku.in_(part)))
                found |= {listed.product.sku: listed for listed in map(_row, rows)}
        return found

    def photos(self, sku: str) -> list[CatalogPhoto]:
        """The photos of a product, oldest first."""
        with self.database.read() as c:
            return [_photo(row) for row in c.execute(_PHOTOS.where(ProductRow.sku == sku).order_by(ImageRow.id))]

    def photo(self, image_id: int) -> CatalogPhoto | None:
        """One photo; None where it is retired, refused or was never there."""
        with self.database.read() as c:
            row = c.execute(_PHOTOS.where(ImageRow.id == image_id)).one_or_none()
        return _photo(row) if row else None

    def by_content(self, sku: str, sha256: str) -> CatalogPhoto | None:
        """The first photo of a product with this content."""
        query = _PHOTOS.where(ProductRow.sku == sku, ImageRow.sha256 == sha256).order_by(ImageRow.id).limit(1)
        with self.database.read() as c:
            row = c.execute(query).one_or_none()
        return _photo(row) if row else None

    def values(self, field: str) -> list[str]:
        """What the products say in one of FIELDS, sorted; blanks are left out."""
        assert field in FIELDS, field
        column = getattr(ProductRow, field)
        shown = sa.select(ImageRow.product_id).where(usable())
        query = sa.select(column).where(ProductRow.id.in_(shown), column != "").distinct().order_by(column)
        with self.database.read() as c:
            return [str(value) for value in c.scalars(query)]


_FACTS = (
    ProductRow.id, ProductRow.sku, ProductRow.name, ProductRow.strength, ProductRow.form, ProductRow.manufacturer,
    ProductRow.attributes,
)  # fmt: skip
_PHOTOS: sa.Select[*tuple[Any, ...]] = (
    sa.select(
        ImageRow.id, ProductRow.sku, ImageRow.image, ImageRow.path, ImageRow.surface, ImageRow.sha256, ImageRow.width,
        ImageRow.height, ImageRow.added_at,
    )
    .join(ProductRow)
    .where(usable())
)  # fmt: skip


def _listed() -> sa.Select[*tuple[Any, ...]]:
    front = sa.func.min(sa.case((ImageRow.surface == "front", ImageRow.id)))
    photos = (
        sa.select(
            ImageRow.product_id, sa.func.count().label("images"),
            sa.func.coalesce(front, sa.func.min(ImageRow.id)).label("cover"),
        )
        .where(usable())
        .group_by(ImageRow.product_id)
        .subquery()
    )  # fmt: skip
    return sa.select(*_FACTS, photos.c.images, photos.c.cover).join(photos, photos.c.product_id == ProductRow.id)


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    texts = (ProductRow.sku, ProductRow.name, ProductRow.strength, ProductRow.form, ProductRow.manufacturer)
    found: list[sa.ColumnElement[bool]] = [
        sa.or_(*(column.icontains(word, autoescape=True) for column in texts)) for word in wanted.words.split()
    ]
    if wanted.form:
        found.append(ProductRow.form == wanted.form)
    if wanted.manufacturer:
        found.append(ProductRow.manufacturer == wanted.manufacturer)
    return found


def _row(row: Any) -> Listed:
    *facts, images, cover = row
    return Listed(ProductFacts(*facts), int(images), int(cover))


def _photo(row: Any) -> CatalogPhoto:
    # An accepted image has digest and size; the columns are empty only for refused ones.
    return CatalogPhoto(row[0], row[1], row[2], row[3], row[4], row[5] or "", row[6] or 1, row[7] or 1, row[8])
