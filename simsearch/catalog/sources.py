"""The sources that the catalog's images and refused rows came from."""

from __future__ import annotations

import sqlalchemy as sa

from simsearch.catalog.counts import images_by_source
from simsearch.catalog.database import Part
from simsearch.catalog.tables import ImageRow, RefusalRow


class Sources(Part):
    """Folders and tables by their absolute paths, as `Source.key` has them."""

    def counts(self) -> dict[str, int]:
        """Source -> number of its active images, accepted or refused; 0 where only rows of it were refused."""
        with self.database.read() as c:
            return dict.fromkeys(c.scalars(sa.select(RefusalRow.source).distinct()), 0) | images_by_source(c)

    def image_ids(self, source: str) -> list[int]:
        """Ids of the active images of a source."""
        with self.database.read() as c:
            return list(c.scalars(sa.select(ImageRow.id).where(*_of(source))))

    def images(self, source: str) -> list[tuple[int, str]]:
        """Id and file of each active image of a source, accepted or refused."""
        with self.database.read() as c:
            return [(i, path) for i, path in c.execute(sa.select(ImageRow.id, ImageRow.path).where(*_of(source)))]

    def first_paths(self, source: str, count: int) -> list[str]:
        """The files of the first `count` active images of a source."""
        with self.database.read() as c:
            return list(c.scalars(sa.select(ImageRow.path).where(*_of(source)).order_by(ImageRow.id).limit(count)))


def _of(source: str) -> tuple[sa.ColumnElement[bool], ...]:
    return ImageRow.source == source, ImageRow.retired_at.is_(None)
