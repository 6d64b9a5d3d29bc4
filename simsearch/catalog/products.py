"""Writing products: the rows of a source say what they are called."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from simsearch.catalog.codes import write_listed
from simsearch.catalog.database import chunks
from simsearch.catalog.tables import ProductRow, StateRow
from simsearch.core.types import SourceRow

_NEXT = sa.select(StateRow.revision + 1).scalar_subquery()
"""The revision that the transaction makes."""


def product_ids(c: Connection, rows: Sequence[SourceRow]) -> dict[str, int]:
    """SKU -> id of the product of each row. A product that is not there yet is added, with what the rows say of it."""
    wanted = _values(rows)
    found = skus(c, wanted)
    for sku, values in wanted.items():
        if sku not in found:
            key = c.execute(sa.insert(ProductRow).values(sku=sku, **values)).inserted_primary_key
            assert key is not None
            found[sku] = int(key[0])
            write_listed(c, found[sku], values.get("attributes", {}))
    return found


def skus(c: Connection, wanted: Collection[str]) -> dict[str, int]:
    """SKU -> id, for those of `wanted` that are products."""
    found: dict[str, int] = {}
    for part in chunks(sorted(wanted)):
        found |= dict(c.execute(sa.select(ProductRow.sku, ProductRow.id).where(ProductRow.sku.in_(part))).all())
    return found


def update_products(c: Connection, rows: Iterable[SourceRow]) -> int:
    """Bring known products up to what `rows` say; how many changed. Attributes that the rows do not name stay.

    Where any changed, the caller raises the revision, once, in the same transaction.
    """
    wanted = _values(rows)
    changed = 0
    for part in chunks(list(wanted)):
        query = sa.select(ProductRow.__table__).where(ProductRow.sku.in_(part))
        for known in c.execute(query).mappings().all():
            values = wanted[known["sku"]]
            if "attributes" in values:
                values["attributes"] = {**known["attributes"], **values["attributes"]}
            if any(known[column] != value for column, value in values.items()):
                values["changed_revision"] = _NEXT
                c.execute(sa.update(ProductRow).where(ProductRow.id == known["id"]).values(values))
                if "attributes" in values:
                    write_listed(c, known["id"], values["attributes"])
                changed += 1
    return changed


def _values(rows: Iterable[SourceRow]) -> dict[str, dict[str, Any]]:
    """SKU -> column -> value. A later row wins; blanks are left out, and attributes of all rows are joined."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        values = found.setdefault(row.sku, {})
        texts = {"name": row.name, "strength": row.strength, "form": row.form, "manufacturer": row.manufacturer}
        values |= {column: text for column, text in texts.items() if text}
        if row.attributes:
            values["attributes"] = {**values.get("attributes", {}), **row.attributes}
    return found
