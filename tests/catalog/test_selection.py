"""Products and images chosen by what is known of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from simsearch.catalog import Catalog
from simsearch.catalog.database import now

HASHED = {"phash-1": bytes(8)}


@pytest.fixture
def filled(catalog: Catalog, new: Any) -> Catalog:
    """A with images 1 and 2, B with 3 (retired) and 4, C with 5 (refused), D with 6 (retired)."""
    images = [("A", "1"), ("A", "2"), ("B", "3"), ("B", "4")]
    catalog.images.apply(add=[new(sku, f"/{name}", HASHED, sha256=name * 64) for sku, name in images])
    catalog.images.apply(add=[new("C", "/5", sha256=None), new("D", "/6", HASHED, sha256="1" * 64)], retire=[3])
    catalog.images.apply(retire=[6])
    return catalog


def test_only_products_with_a_usable_image_are_listed(filled: Catalog) -> None:
    assert [p.sku for p in filled.selection.products()] == ["A", "B"]
    assert [filled.selection.has_product(sku) for sku in "ABCDE"] == [True, True, False, False, False]


def test_images_of_products(filled: Catalog) -> None:
    a, b = (p.id for p in filled.selection.products())
    assert filled.selection.images_of([b, a]).tolist() == [1, 2, 4]
    assert filled.selection.images_of([b]).tolist() == [4]
    assert filled.selection.images_of([]).tolist() == filled.selection.images_of([99]).tolist() == []


def test_images_by_content(filled: Catalog, new: Any) -> None:
    filled.images.apply(add=[new("E", "/7", HASHED, sha256="1" * 64)])
    assert filled.selection.same_file("1" * 64) == [1, 7]
    assert filled.selection.same_file("9" * 64) == []
    assert [(f.id, f.sku, f.sha256[0], f.width) for f in filled.selection.contents()] == [
        (1, "A", "1", 640), (2, "A", "2", 640), (4, "B", "4", 640), (7, "E", "1", 640),
    ]  # fmt: skip


def test_images_by_age(filled: Catalog) -> None:
    assert filled.selection.added_after(now() - timedelta(hours=1)) == {1, 2, 4}
    assert filled.selection.added_after(now() + timedelta(hours=1)) == set()
