"""An empty catalog, and images made of nothing but their facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simsearch.catalog import Catalog
from simsearch.catalog.images import NewImage
from simsearch.core.config import CatalogSettings
from simsearch.core.stamps import Stamp
from simsearch.core.types import SourceRow

MakeNew = Callable[..., NewImage]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a new catalog may be: a file, or a database with its tables."""
    return tmp_path / "catalog.db" if request.param == "sqlite" else request.getfixturevalue("postgres").catalog()


sqlite_alone = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
"""Marks a test of what only SQLite has: its files, and its plans of queries."""


@pytest.fixture
def catalog(url: Path | str) -> Iterator[Catalog]:
    opened = Catalog(url, CatalogSettings(busy_timeout_s=5))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def new() -> MakeNew:
    """new("A1", "/p/a.jpg", {"phash-1": b"12345678"}, name="Ibu"): refused where no descriptors are given."""

    def make(
        sku: str,
        path: str,
        descriptors: dict[str, bytes] | None = None,
        *,
        source: str = "/p",
        sha256: str | None = "0" * 64,
        **product: Any,
    ) -> NewImage:
        row = SourceRow(sku, path, path.rpartition("/")[2], path, **product)
        if descriptors is None:
            return NewImage(row, source, Stamp(10, 20), sha256, reason_code="truncated", reason=f"{path}: ends")
        return NewImage(row, source, Stamp(10, 20), sha256, 640, 480, descriptors=descriptors)

    return make
