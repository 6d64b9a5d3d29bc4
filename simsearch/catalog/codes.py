"""Product numbers: which images a code leads to. Indexing and reading write them, queries look them up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from simsearch.catalog.database import Part, chunks
from simsearch.catalog.tables import CodeRow, ImageRow, usable
from simsearch.core.code_agreement import keys
from simsearch.core.codes import listed_codes


class ProductCodes(Part):
    """Keys of codes (`core.code_agreement.keys`) by product and image."""

    def images(self, wanted: Collection[str], *, each: int = 2) -> list[int]:
        """Ids of the active images that any of the keys `wanted` leads to, at most `each` of a product, ascending.

        Where a photo shows the code, it is that photo; where the row lists it, the product's first photos.
        """
        found: dict[int, list[int]] = {}
        with self.database.read() as c:
            for part in chunks(sorted(wanted)):
                query = (
                    sa.select(ImageRow.product_id, ImageRow.id)
                    .join(CodeRow, _leads_to())
                    .where(CodeRow.key.in_(part), usable())
                    .order_by(CodeRow.image_id.is_(None), ImageRow.id)
                )
                for product, image_id in c.execute(query):
                    images = found.setdefault(product, [])
                    if image_id not in images and len(images) < each:
                        images.append(image_id)
        return sorted(image_id for images in found.values() for image_id in images)


def _leads_to() -> sa.ColumnElement[bool]:
    by_row = sa.and_(CodeRow.image_id.is_(None), CodeRow.product_id == ImageRow.product_id)
    return sa.or_(CodeRow.image_id == ImageRow.id, by_row)


def write_listed(c: Connection, product_id: int, attributes: Mapping[str, Any]) -> None:
    """Write the keys of the codes that a product's row lists, in place of those from before."""
    c.execute(sa.delete(CodeRow).where(CodeRow.product_id == product_id, CodeRow.image_id.is_(None)))
    _insert(c, ((key, product_id, None) for key in keys(listed_codes(attributes, date.today()))))


def write_seen(c: Connection, seen: Mapping[int, Collection[str]]) -> None:
    """Write the keys of the codes on images, by image id, in place of those from before."""
    for part in chunks(sorted(seen)):
        c.execute(sa.delete(CodeRow).where(CodeRow.image_id.in_(part)))
        products = c.execute(sa.select(ImageRow.id, ImageRow.product_id).where(ImageRow.id.in_(part)))
        _insert(c, ((key, product, image_id) for image_id, product in products.all() for key in seen[image_id]))


def _insert(c: Connection, rows: Iterable[tuple[str, int, int | None]]) -> None:
    values = [{"key": key, "product_id": product, "image_id": image} for key, product, image in sorted(set(rows))]
    if values:
        c.execute(sa.insert(CodeRow), values)
