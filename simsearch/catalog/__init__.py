"""The catalog: the database that holds products, images, descriptors, builds, decisions and reviews."""

from __future__ import annotations

from simsearch.catalog.catalog import Catalog

__all__ = ["Catalog"]
