"""Reading descriptors out of the catalog, one image at a time or as a matrix for an index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from simsearch.catalog.database import Part, chunks
from simsearch.catalog.tables import DescriptorRow, ImageRow, MethodRow, usable
from simsearch.core.errors import CatalogError
from simsearch.core.types import Ids


class Descriptors(Part):
    """What the methods computed from the active images."""

    def matrix(
        self, fingerprint: str, dtype: np.dtype[Any], width: int, *, since: int = -1
    ) -> tuple[Ids, np.ndarray[Any, Any]]:
        """Ids (n,) ascending and descriptors (n, width) of the active images under `fingerprint`.

        Only of images described after the revision `since`.
        """
        query = _descriptors(fingerprint, DescriptorRow.image_id, DescriptorRow.data)
        query = query.where(usable(), ImageRow.described_revision > since)
        ids: list[int] = []
        blocks: list[bytes] = []
        size = width * dtype.itemsize
        with self.database.read() as c:
            for image_id, data in c.execution_options(yield_per=4096).execute(query.order_by(DescriptorRow.image_id)):
                if len(data) != size:
                    raise CatalogError(f"image {image_id}: its {fingerprint} descriptor is damaged; restore a backup")
                ids.append(image_id)
                blocks.append(data)
        return np.array(ids, np.int64), np.frombuffer(b"".join(blocks), dtype).reshape(len(ids), width)

    def of(self, fingerprint: str, ids: Iterable[int]) -> dict[int, bytes]:
        """Packed descriptors of the images `ids` that have one."""
        found: dict[int, bytes] = {}
        with self.database.read() as c:
            for part in chunks([int(i) for i in ids]):
                query = _descriptors(fingerprint, DescriptorRow.image_id, DescriptorRow.data)
                found |= dict(c.execute(query.where(DescriptorRow.image_id.in_(part))).all())
        return found

    def several(self, fingerprints: Sequence[str], ids: Iterable[int]) -> Iterator[tuple[int, str, bytes]]:
        """Image id, fingerprint and packed descriptor of the images `ids`, as far as they have them."""
        wanted = [int(i) for i in ids]
        with self.database.read() as c:
            for part in chunks(wanted):
                found = c.execute(_SEVERAL, {"fingerprints": list(fingerprints), "ids": list(part)})
                yield from ((row[0], row[1], row[2]) for row in found)

    def active_ids(self, fingerprint: str, *, since: int = -1) -> Ids:
        """Ids (n,) ascending of the active images under `fingerprint`, described after the revision `since`."""
        query = _descriptors(fingerprint, DescriptorRow.image_id).where(usable(), ImageRow.described_revision > since)
        with self.database.read() as c:
            return np.array(c.scalars(query.order_by(DescriptorRow.image_id)).all(), np.int64)

    def counts(self) -> dict[str, int]:
        """Fingerprint -> number of active images that have a descriptor under it."""
        query = (
            sa.select(MethodRow.fingerprint, sa.func.count())
            .join(DescriptorRow, DescriptorRow.method_id == MethodRow.id)
            .join(ImageRow, ImageRow.id == DescriptorRow.image_id)
            .where(usable())
            .group_by(MethodRow.fingerprint)
        )
        with self.database.read() as c:
            return dict(c.execute(query).all())

    def blocks(
        self, fingerprint: str, dtype: np.dtype[Any], width: int, *, rows: int = 16_384
    ) -> Iterator[tuple[Ids, np.ndarray[Any, Any]]]:
        """Ids (n,) ascending and descriptors (n, width) of the active images under `fingerprint`, `rows` at a time."""
        query = (
            sa.select(DescriptorRow.image_id, DescriptorRow.data)
            .join(MethodRow, MethodRow.id == DescriptorRow.method_id)
            .join(ImageRow, ImageRow.id == DescriptorRow.image_id)
            .where(MethodRow.fingerprint == fingerprint, usable())
            .order_by(DescriptorRow.image_id)
        )
        size = width * dtype.itemsize
        with self.database.read() as c:
            for part in c.execution_options(yield_per=rows).execute(query).partitions():
                for image_id, data in part:
                    if len(data) != size:
                        raise CatalogError(
                            f"image {image_id}: its {fingerprint} descriptor is damaged; restore a backup"
                        )
                yield (
                    np.fromiter((row[0] for row in part), np.int64, len(part)),
                    np.frombuffer(b"".join(row[1] for row in part), dtype).reshape(len(part), width),
                )


_SEVERAL = (
    sa.select(DescriptorRow.image_id, MethodRow.fingerprint, DescriptorRow.data)
    .join(MethodRow, MethodRow.id == DescriptorRow.method_id)
    .where(
        MethodRow.fingerprint.in_(sa.bindparam("fingerprints", expanding=True)),
        DescriptorRow.image_id.in_(sa.bindparam("ids", expanding=True)),
    )
)
"""Made once: putting a statement together takes as long as running it."""


def _descriptors(fingerprint: str, *columns: Any) -> sa.Select[Any]:
    return (
        sa.select(*columns)
        .join(MethodRow, MethodRow.id == DescriptorRow.method_id)
        .join(ImageRow, ImageRow.id == DescriptorRow.image_id)
        .where(MethodRow.fingerprint == fingerprint)
    )
