"""What people said of pairs of suspected duplicates."""

from __future__ import annotations

from typing import Any

from simsearch.catalog import Catalog
from simsearch.catalog.reviews import EVERY, ReviewVerdict, Side

A, B = Side("A", "a" * 64), Side("B", "b" * 64)


def test_the_latest_verdict_on_a_pair_counts_whichever_side_comes_first(catalog: Catalog) -> None:
    catalog.reviews.record(B, A, ReviewVerdict.CONFIRMED)
    catalog.reviews.record(A, B, ReviewVerdict.DISMISSED, "another strength")
    [review] = catalog.reviews.all()
    assert (review.a, review.b, review.said, review.note) == (A, B, ReviewVerdict.DISMISSED, "another strength")


def test_all_photos_of_an_sku_are_another_side_than_one_of_them(catalog: Catalog) -> None:
    catalog.reviews.record(A, B, ReviewVerdict.CONFIRMED)
    catalog.reviews.record(Side("A"), B, ReviewVerdict.DISMISSED)
    assert [(r.a.sha256, r.said) for r in catalog.reviews.all()] == [
        ("a" * 64, ReviewVerdict.CONFIRMED), (EVERY, ReviewVerdict.DISMISSED),
    ]  # fmt: skip


def test_a_verdict_can_be_taken_back(catalog: Catalog) -> None:
    catalog.reviews.record(A, B, ReviewVerdict.CONFIRMED)
    assert catalog.reviews.forget(B, A)
    assert not catalog.reviews.forget(B, A)
    assert catalog.reviews.all() == []


def test_a_name_means_an_sku_or_else_the_photos_of_that_name(catalog: Catalog, new: Any) -> None:
    hashed = {"phash-1": bytes(8)}
    catalog.images.apply(
        add=[new("A", "/p/x.jpg", hashed, sha256="a" * 64), new("B", "/q/x.jpg", hashed, sha256="b" * 64)]
    )
    catalog.images.apply(add=[new("x.jpg.bak", "/q/y.jpg", hashed), new("C", "/r/x.jpg")])
    assert catalog.reviews.sides("A") == [Side("A")]
    assert catalog.reviews.sides("x.jpg") == [A, B]  # the one of C was refused
    assert catalog.reviews.sides("/q/x.jpg") == [B]
    assert catalog.reviews.sides("nothing") == []
