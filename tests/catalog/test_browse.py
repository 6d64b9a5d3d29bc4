"""The catalog as people look through it."""

from __future__ import annotations

from typing import Any

import pytest

from simsearch.catalog import Catalog
from simsearch.catalog.browse import Wanted

HASHED = {"phash-1": bytes(8)}


@pytest.fixture
def filled(catalog: Catalog, new: Any) -> Catalog:
    """Three products with photos, one whose only photo is refused, one whose photo is retired (5)."""
    catalog.images.apply(
        add=[
            new("B2", "/1", HASHED, name="Ibuprofen Alpha", strength="400 mg", form="tablet", manufacturer="Alpha"),
            new("A1", "/2", HASHED, name="zinc 100% pure", form="tablet", manufacturer="Beta"),
            new("A2", "/3", HASHED, name="Ibuprofen Alpha", strength="600 mg", form="capsule", manufacturer="Alpha"),
            new("C", "/4", sha256=None, name="Refused"),
            new("D", "/5", HASHED, name="Retired"),
            new("B2", "/6", HASHED, sha256="6" * 64),
        ]
    )
    catalog.images.apply(retire=[5])
    return catalog


def skus(catalog: Catalog, **wanted: str) -> list[str]:
    return [listed.product.sku for listed in catalog.browse.products(Wanted(**wanted))]


def test_products_by_name_then_sku(filled: Catalog) -> None:
    assert skus(filled) == ["A2", "B2", "A1"]
    assert filled.browse.count(Wanted()) == 3
    assert [(p.images, p.cover) for p in filled.browse.products(Wanted())] == [(1, 3), (2, 1), (1, 2)]


def test_pages_follow_each_other_without_gaps(filled: Catalog) -> None:
    seen, after = [], ""
    while page := filled.browse.products(Wanted(), after=after, limit=1):
        after = page[-1].product.sku
        seen.append(after)
    assert seen == ["A2", "B2", "A1"]


def test_every_word_must_stand_somewhere(filled: Catalog) -> None:
    assert skus(filled, words="IBU 600") == ["A2"]
    assert skus(filled, words="alpha ibu") == ["A2", "B2"]
    assert skus(filled, words="100%") == ["A1"]
    assert skus(filled, words="1%0") == []
    assert skus(filled, form="tablet") == ["B2", "A1"]
    assert skus(filled, form="tablet", manufacturer="Alpha") == ["B2"]
    assert filled.browse.count(Wanted(words="ibu", form="tablet")) == 1


def test_values_to_choose_from(filled: Catalog) -> None:
    assert filled.browse.values("form") == ["capsule", "tablet"]
    assert filled.browse.values("manufacturer") == ["Alpha", "Beta"]


def test_photos_of_a_product(filled: Catalog) -> None:
    assert [(p.id, p.image, p.width) for p in filled.browse.photos("B2")] == [(1, "1", 640), (6, "6", 640)]
    assert filled.browse.photos("C") == filled.browse.photos("D") == []
    assert filled.browse.photo(5) is None
    found = filled.browse.photo(6)
    assert found is not None
    assert found == filled.browse.by_content("B2", "6" * 64)
    assert filled.browse.by_content("A1", "6" * 64) is None


def test_products_by_sku(filled: Catalog) -> None:
    assert list(filled.browse.by_sku(["A1", "C", "A1", "nobody"])) == ["A1"]
