"""Indexes: disposable copies of the catalog's descriptors that make one comparison against many cheap."""

from __future__ import annotations

from simsearch.indexes.base import VectorIndex, create, discover, load, one_thread

__all__ = ["VectorIndex", "create", "discover", "load", "one_thread"]
