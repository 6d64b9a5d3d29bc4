"""Validation: which photos stand in the gallery, and which ask."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from simsearch.training.batches import TrainingPhoto
from simsearch.training.validation import Validation, draw_curves


def test_first_photos_are_the_gallery_and_further_ones_of_held_out_products_ask() -> None:
    pixels = [np.full((4, 4, 3), i, np.uint8) for i in range(6)]
    skus = ["a", "a", "b", "c", "c", "a"]
    photos = [TrainingPhoto(sku, lambda: pixels[0], f"set-{sku}") for sku in skus]
    found = Validation.of(photos, pixels, [sku == "a" for sku in skus])
    assert (found.gallery_skus, [int(p[0, 0, 0]) for p in found.gallery]) == (["a", "b", "c"], [0, 2, 3])
    assert (found.query_skus, [int(p[0, 0, 0]) for p in found.queries]) == (["a", "a"], [1, 5])
    assert found.query_groups == ["set-a", "set-a"]


def test_distractors_are_thinned_evenly() -> None:
    pixels = [np.zeros((4, 4, 3), np.uint8)] * 40
    photos = [TrainingPhoto(f"p{i:02}", lambda: pixels[0]) for i in range(40)]
    assert len(Validation.of(photos, pixels, [False] * 40, most=10).gallery) == 10


def test_curves_are_drawn_from_the_log(tmp_path: Path) -> None:
    with (tmp_path / "metrics.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["step", "seconds", "total", "r1"], [1, 0.5, 2.0, 0.1], [2, 1.0, 1.5, 0.4]])
    draw_curves(tmp_path)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
