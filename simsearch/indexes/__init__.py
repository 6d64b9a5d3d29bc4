"""Indexes: disposable copies of the catalog's descriptors that make one comparison against many cheap."""

from __future__ import annotations

from simsearch.indexes.base import Searcher, VectorIndex, one_thread
from simsearch.indexes.registry import INDEXES, create, load

__all__ = ["INDEXES", "Searcher", "VectorIndex", "create", "load", "one_thread"]
