"""The catalog: one open database, and its parts by what they are about."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from simsearch.catalog.builds import Builds
from simsearch.catalog.database import Database
from simsearch.catalog.decisions import Decisions
from simsearch.catalog.descriptors import Descriptors
from simsearch.catalog.housekeeping import Housekeeping
from simsearch.catalog.images import Images
from simsearch.catalog.reviews import Reviews
from simsearch.catalog.selection import Selection
from simsearch.catalog.tables import StateRow
from simsearch.core.config import CatalogSettings


class Catalog:
    """Products, images, descriptors, builds, decisions and reviews. Many threads may use it at once."""

    def __init__(self, url: str | Path, settings: CatalogSettings) -> None:
        """Open the catalog, creating or migrating it as needed. A path is that of an SQLite file.

        Raises:
            CatalogError: it cannot be opened, is no catalog, or was made by a newer simsearch.
        """
        self.database = database = Database(url, settings)
        self.images = Images(database)
        self.descriptors = Descriptors(database)
        self.decisions = Decisions(database)
        self.builds = Builds(database)
        self.reviews = Reviews(database)
        self.selection = Selection(database)
        self.housekeeping = Housekeeping(database)

    def revision(self) -> int:
        """Raised by every change of images or products."""
        with self.database.read() as c:
            return c.scalar(sa.select(StateRow.revision)) or 0

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()
