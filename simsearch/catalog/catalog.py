"""The catalog: one open database, and its parts by what they are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from simsearch.catalog.browse import Browse
from simsearch.catalog.builds import Builds
from simsearch.catalog.checked import Checked
from simsearch.catalog.codes import ProductCodes
from simsearch.catalog.corrections import Corrections
from simsearch.catalog.counts import Counts
from simsearch.catalog.database import Database
from simsearch.catalog.decisions import Decisions
from simsearch.catalog.descriptors import Descriptors
from simsearch.catalog.doubts import Doubts
from simsearch.catalog.housekeeping import Housekeeping
from simsearch.catalog.images import Images
from simsearch.catalog.readings import Readings
from simsearch.catalog.reviews import Reviews
from simsearch.catalog.selection import Selection
from simsearch.catalog.shared import SharedBuilds
from simsearch.catalog.sources import Sources
from simsearch.catalog.tables import ImageRow, ProductRow, StateRow, Verdict
from simsearch.core.config import CatalogSettings
from simsearch.core.types import Ids


@dataclass(frozen=True, eq=False)
class Changes:
    """What happened to the images after a revision, read in one transaction."""

    revision: int
    """The catalog's, as of this reading."""
    ids: Ids
    """(n,) ascending: accepted images described after the revision asked for, also those that were retired again."""
    described_revisions: NDArray[np.int64]
    """(n,) the revision in which each of them was described last."""
    retired: Ids
    """(m,) images retired after the revision asked for."""
    read_ids: Ids
    """(r,) ascending: accepted images whose print was read after the revision asked for, also retired ones. Reading an
    image does not describe it: it need not be among `ids`."""
    read_revisions: NDArray[np.int64]
    """(r,) the revision in which each of them was read last."""
    renamed_ids: Ids
    """(p,) ascending: accepted images of products of which the table said something else after the revision asked for,
    also retired ones."""
    renamed_revisions: NDArray[np.int64]
    """(p,) the revision of each of these changes."""

    def after(self, revision: int) -> Changes:
        """Those of the images that were described, read, or named anew, after a later revision."""
        later, read = self.described_revisions > revision, self.read_revisions > revision
        renamed = self.renamed_revisions > revision
        return Changes(
            self.revision, self.ids[later], self.described_revisions[later], self.retired,
            self.read_ids[read], self.read_revisions[read],
            self.renamed_ids[renamed], self.renamed_revisions[renamed],
        )  # fmt: skip


class Catalog:
    """Products, images, descriptors, builds, decisions and reviews. Many threads may use it at once."""

    def __init__(self, url: str | Path, settings: CatalogSettings) -> None:
        """Open the catalog, creating or migrating it as needed. A path is that of an SQLite file.

        One that cannot be written is opened for reading; whatever would change it raises CatalogError then.

        Raises:
            CatalogError: it cannot be opened, is no catalog, or was made by a newer simsearch.
        """
        self.database = database = Database(url, settings)
        self.images = Images(database)
        self.descriptors = Descriptors(database)
        self.codes = ProductCodes(database)
        self.readings = Readings(database)
        self.decisions = Decisions(database)
        self.builds = Builds(database)
        self.shared = SharedBuilds(database)
        self.reviews = Reviews(database)
        self.doubts = Doubts(database)
        self.checked = Checked(database)
        self.corrections = Corrections(database)
        self.selection = Selection(database)
        self.browse = Browse(database)
        self.sources = Sources(database)
        self.housekeeping = Housekeeping(database)
        self.counts = Counts(database)

    def revision(self) -> int:
        """Raised by every change of images or products."""
        with self.database.read() as c:
            return c.scalar(_REVISION) or 0

    def changes(self, since: int) -> Changes:
        """What was described, read, renamed and retired after the revision `since`; -1: all that there is."""
        ok = ImageRow.verdict == Verdict.OK.value
        # SQLite begins with the indexes on revisions only where it neither has to put in order nor to join.
        described, read = (
            sa.select(ImageRow.id, column).where(column > since, ok)
            for column in (ImageRow.described_revision, ImageRow.read_revision)
        )
        changed = ProductRow.changed_revision
        revision_of = sa.select(changed).where(ProductRow.id == ImageRow.product_id).scalar_subquery()
        products = sa.select(ProductRow.id).where(changed > since)
        renamed = sa.select(ImageRow.id, revision_of).where(ImageRow.product_id.in_(products), ok)
        retired = sa.select(ImageRow.id).where(ImageRow.retired_revision > since)
        with self.database.read() as c:
            revision = c.scalar(sa.select(StateRow.revision)) or 0
            rows, printed, named = (_by_id(c.execute(q).all()) for q in (described, read, renamed))
            gone = np.array(c.scalars(retired).all(), np.int64)
        columns = (part[:, i].copy() for part in (rows, printed, named) for i in range(2))
        ids, described_revisions, *others = columns
        return Changes(revision, ids, described_revisions, gone, *others)

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()


def _by_id(rows: Sequence[Any]) -> np.ndarray[Any, Any]:
    """(id, revision) of each of `rows`, (n, 2) int64, by ascending id."""
    found = np.array(rows, np.int64).reshape(-1, 2)
    return found[np.argsort(found[:, 0], kind="stable")]


_REVISION = sa.select(StateRow.revision)
