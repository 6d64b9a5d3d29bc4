"""Catalogs on disk with planted duplicates, and photos to train on."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from simsearch.synthetic import Duplicate, TrainingPhotos, make_products, phone_photo, surfaces, write_catalog
from simsearch.synthetic.catalog import DUPLICATE_HEADER, DUPLICATE_KINDS, HEADER

PRODUCTS = make_products(12, 21)
SIZE = 160


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Duplicate]]:
    folder = tmp_path_factory.mktemp("catalog")
    planted = write_catalog(folder, PRODUCTS, 4, photos_per_product=2, duplicates=10, size=SIZE)
    return folder, planted


def test_the_csv_lists_what_was_written(catalog: tuple[Path, list[Duplicate]]) -> None:
    folder, planted = catalog
    listed = rows(folder / "catalog.csv")
    assert tuple(listed[0]) == HEADER
    assert len(listed) == 2 * len(PRODUCTS) + len(planted)
    assert {row["image"] for row in listed} == {f"images/{path.name}" for path in (folder / "images").iterdir()}
    by_sku = {product.sku: product for product in PRODUCTS}
    for row in listed:
        if row["sku"] in by_sku:
            product = by_sku[row["sku"]]
            assert (row["name"], row["strength"], row["family"]) == (product.name, product.strength, product.family)
            assert row["surface"] in surfaces(product)


def test_duplicates_are_what_they_are_said_to_be(catalog: tuple[Path, list[Duplicate]]) -> None:
    folder, planted = catalog
    assert [tuple(row.values()) for row in rows(folder / "duplicates.csv")] == [
        (pair.sku_a, pair.sku_b, pair.kind) for pair in planted
    ]
    assert tuple(rows(folder / "duplicates.csv")[0]) == DUPLICATE_HEADER
    assert {pair.kind for pair in planted} == set(DUPLICATE_KINDS)
    assert len({pair.sku_a for pair in planted}) == len(planted)
    for pair in planted:
        paths = folder / f"images/{pair.sku_a}_0.jpg", folder / f"images/{pair.sku_b}.jpg"
        first, second = (cv2.imread(str(path)) for path in paths)
        assert first is not None
        assert second is not None
        assert (paths[0].read_bytes() == paths[1].read_bytes()) == (pair.kind == "identical")
        if pair.kind in ("reencoded", "rephotographed"):
            assert first.shape == second.shape
        elif pair.kind == "resized":
            assert second.shape[0] <= 0.81 * SIZE
        elif pair.kind == "cropped":
            assert second.shape[0] == SIZE - round(0.04 * SIZE)
        if pair.kind == "reencoded":
            assert np.abs(first.astype(int) - second).mean() < 6


def test_the_same_seed_writes_the_same_files(catalog: tuple[Path, list[Duplicate]], tmp_path: Path) -> None:
    folder, planted = catalog
    assert write_catalog(tmp_path, PRODUCTS, 4, photos_per_product=2, duplicates=10, size=SIZE) == planted
    for path in sorted(folder.rglob("*.*")):
        assert (tmp_path / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_training_photos_depend_on_seed_and_index_alone() -> None:
    photos = TrainingPhotos(PRODUCTS, seed=5, size=96)
    later = photos.sample(17)
    assert later.sku == PRODUCTS[5].sku
    assert later.surface in surfaces(PRODUCTS[5])
    assert later.pixels.shape == (96, 96, 3)
    again = TrainingPhotos(PRODUCTS, seed=5, size=96).sample(17)
    assert np.array_equal(later.pixels, again.pixels)
    assert not np.array_equal(later.pixels, photos.sample(29).pixels)
    assert not np.array_equal(later.pixels, TrainingPhotos(PRODUCTS, seed=6, size=96).sample(17).pixels)


def test_phone_photo() -> None:
    sample = phone_photo(PRODUCTS[0], 3, size=128)
    assert sample.sku == PRODUCTS[0].sku
    assert sample.pixels.shape == (128, 128, 3)
