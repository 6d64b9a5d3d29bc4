"""A folder of photos, indexed by threads or by workers: for test_workers.py and test_ray_workers.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from PIL import Image as Pillow

from simsearch.catalog import Catalog
from simsearch.catalog.tables import DescriptorRow, ImageRow
from simsearch.core.config import CatalogSettings, ImageSettings, IndexingSettings
from simsearch.core.types import Progress, silent
from simsearch.features import create
from simsearch.ingest.index_report import IndexReport
from simsearch.ingest.indexer import Indexer
from simsearch.ingest.sources import read_source
from simsearch.ingest.workers import LeasedWorkers, Recipe

SETTINGS = IndexingSettings(workers=1, batch=3, commit_every=4)
PHASH = {"phash": create("phash")}


def recipe(cls: type[Recipe] = Recipe, fingerprint: str = PHASH["phash"].fingerprint) -> Recipe:
    return cls({"phash": {}}, ImageSettings(), {"phash": fingerprint})


def photos(tmp_path: Path) -> Path:
    """A folder of twenty photos of four products, and one file that is none."""
    for number in range(20):
        values = np.random.default_rng(number).integers(0, 256, (6, 8, 3)).astype(np.uint8)
        path = tmp_path / "shop" / f"sku{number % 4}" / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(values).resize((80, 60), Pillow.Resampling.NEAREST).save(path)
    (tmp_path / "shop" / "sku0" / "broken.png").write_bytes(b"no picture")
    return tmp_path / "shop"


def run(
    shop: Path, made: LeasedWorkers | None, using: Recipe | None = None, progress: Progress = silent
) -> tuple[IndexReport, Sequence[Mapping[str, Any]]]:
    """Index `shop` into a new catalog; the report and the rows."""
    catalog = Catalog(shop.parent / f"{len(list(shop.parent.iterdir()))}.db", CatalogSettings())
    chosen = (made, using or recipe()) if made else None
    report = Indexer(catalog, PHASH, SETTINGS, ImageSettings(), chosen).run([read_source(shop)], progress=progress)
    columns = ImageRow.id, ImageRow.path, ImageRow.sha256, ImageRow.verdict, ImageRow.described_revision
    query = sa.select(*columns, DescriptorRow.data).outerjoin(DescriptorRow).order_by(ImageRow.id)
    with catalog.database.read() as c:
        rows = [dict(row) for row in c.execute(query).mappings()]
    catalog.close()
    return report, rows
