"""The catalog: the truth about products, images and descriptors, in a database."""

from __future__ import annotations

from simsearch.catalog.catalog import Catalog

__all__ = ["Catalog"]
