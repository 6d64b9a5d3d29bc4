"""Renders and simulated photos: right sizes, repeatable, and changed by what the conditions say."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from simsearch.core.types import Surface
from simsearch.synthetic import (
    BACKGROUNDS,
    PhotoConditions,
    SyntheticProduct,
    View,
    box_view,
    make_products,
    photograph,
    render,
    surfaces,
)

ROOT = Path(__file__).resolve().parents[2]
PRODUCTS = make_products(60, 5)
ONE_OF_EACH = {product.package: product for product in reversed(PRODUCTS)}
EVERY_SURFACE = [
    pytest.param(product, surface, id=f"{package}-{surface}")
    for package, product in ONE_OF_EACH.items()
    for surface in surfaces(product)
]
BOX = ONE_OF_EACH["box"]


def digest_of_everything() -> str:
    """Over a render, a photo and a box view of each kind of package."""
    seen = hashlib.sha256()
    for product in ONE_OF_EACH.values():
        for surface in surfaces(product):
            conditions = PhotoConditions.draw(np.random.default_rng(6), 0.8)
            seen.update(render(product, surface, 160).tobytes())
            seen.update(photograph(product, surface, 7, conditions, 160).tobytes())
    seen.update(box_view(BOX, 160).tobytes())
    return seen.hexdigest()


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.synthetic.test_photos"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == digest_of_everything()


@pytest.mark.parametrize(("product", "surface"), EVERY_SURFACE)
def test_every_surface_is_a_picture_of_the_size_asked_for(product: SyntheticProduct, surface: str) -> None:
    assert surface in set(Surface)
    for size in (40, 96, 320):
        pixels = render(product, surface, size)
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert abs(max(pixels.shape) - size) <= 4
        assert pixels.std() > 8
    photo = photograph(product, surface, 1, size=200)
    assert photo.shape == (200, 200, 3)
    assert photo.dtype == np.uint8


def test_products_on_their_own_look_different() -> None:
    boxes = [product for product in make_products(80, 8, family_share=0) if product.package == "box"]
    looks = {render(product, "front", 128).tobytes() for product in boxes}
    assert len(looks) == len(boxes)


def test_box_view_shows_more_than_the_front() -> None:
    flat = photograph(BOX, "front", 1, size=256)
    turned = box_view(BOX, 256)
    assert turned.shape == flat.shape
    assert np.abs(turned.astype(int) - flat).mean() > 3


CHANGES: tuple[Mapping[str, object], ...] = (
    *({"background": kind} for kind in BACKGROUNDS if kind != "studio"),
    *(
        {"view": view}
        for view in (
            View(rotation=40),
            View(tilt=30, azimuth=60),
            View(tilt=30, distance=2),
            View(scale=0.5),
            View(shift=(0.1, 0)),
            View(crop=0.2),
        )
    ),
    {"shadow": 0.8},
    {"occlusion": 0.8},
    {"gain": 0.6},
    {"gradient": 0.5},
    {"temperature": 0.8},
    {"saturation": 0.3},
    {"glare": 0.9},
    {"blur": 3.0},
    {"motion": 12.0},
    {"noise": 12.0},
    {"jpeg_quality": 12},
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: "-".join(map(str, next(iter(change.items()))))[:40])
def test_each_condition_changes_the_photo(change: Mapping[str, object]) -> None:
    plain = photograph(BOX, "front", 1, size=256)
    changed = photograph(BOX, "front", 1, replace(PhotoConditions(), **change), 256)  # type: ignore[arg-type]
    assert np.abs(plain.astype(int) - changed).mean() > 0.2


def test_the_changes_cover_every_condition() -> None:
    named = {name for change in CHANGES for name in change}
    assert {field.name for field in fields(PhotoConditions)} - named == {"gradient_angle", "motion_angle"}


def test_severity_none_is_the_studio_and_grows_from_there() -> None:
    plain = photograph(BOX, "front", 3, size=200)
    distances = []
    for severity in (0.0, 0.05, 0.7):
        apart = []
        for seed in range(6):
            conditions = PhotoConditions.draw(np.random.default_rng(seed), severity)
            photo = photograph(BOX, "front", 3, replace(conditions, background="studio"), 200)
            apart.append(float(np.abs(photo.astype(int) - plain).mean()))
        distances.append(float(np.mean(apart)))
    assert distances[0] == 0
    assert distances[0] < distances[1] < distances[2]


def test_a_crop_puts_that_share_outside() -> None:
    whole = photograph(BOX, "front", 1, PhotoConditions(view=View(scale=0.5), shadow=0), 300)
    cut = photograph(BOX, "front", 1, PhotoConditions(view=View(scale=0.5, crop=0.3, crop_side=0), shadow=0), 300)

    def width(photo: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> int:
        return int(np.count_nonzero((photo < 235).any(axis=(0, 2))))

    assert 0.5 * width(whole) < width(cut) < 0.9 * width(whole)


if __name__ == "__main__":
    print(digest_of_everything())
