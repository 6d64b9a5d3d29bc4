"""Synthetic catalogs on disk, with planted duplicates, and synthetic photos to train on."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from simsearch.core.types import Pixels
from simsearch.synthetic.conditions import PhotoConditions
from simsearch.synthetic.photos import jpeg_bytes, jpeg_pixels, photograph
from simsearch.synthetic.products import SyntheticProduct
from simsearch.synthetic.render import surfaces
from simsearch.synthetic.scene import View
from simsearch.synthetic.words import pick

HEADER = ("sku", "image", "name", "strength", "form", "manufacturer", "surface", "family")
DUPLICATE_HEADER = ("sku_a", "sku_b", "kind")
DUPLICATE_KINDS = ("identical", "reencoded", "resized", "cropped", "rephotographed")
QUALITY = 92


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One product filed twice: `sku_b` is `sku_a` again."""

    sku_a: str
    sku_b: str
    kind: str  # one of DUPLICATE_KINDS


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled photo."""

    sku: str
    surface: str
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class _Entry:
    product: SyntheticProduct
    sku: str
    image: str  # relative to the folder
    surface: str


def write_catalog(
    folder: Path,
    products: Sequence[SyntheticProduct],
    seed: int,
    *,
    photos_per_product: int = 1,
    duplicates: int = 0,
    size: int = 512,
) -> list[Duplicate]:
    """Write studio pictures, `catalog.csv` and `duplicates.csv` into `folder`; returns the planted duplicates.

    The pictures of a product show its surfaces in turn, the most telling first. A duplicate has one picture, made from
    the first picture of its original. The kinds of duplicates alternate. Each original has one duplicate, so there are
    at most as many duplicates as products.
    """
    assert photos_per_product >= 1
    assert 0 <= duplicates <= len(products)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, 0xCA7A])
    entries = []
    for product in products:
        for number in range(photos_per_product):
            surface = surfaces(product)[number % len(surfaces(product))]
            image = f"images/{product.sku}_{number}.jpg"
            (folder / image).write_bytes(jpeg_bytes(studio_photo(product, surface, rng, size), QUALITY))
            entries.append(_Entry(product, product.sku, image, surface))
    planted = []
    for number, position in enumerate(rng.permutation(len(products))[:duplicates]):
        original = products[position]
        kind = DUPLICATE_KINDS[number % len(DUPLICATE_KINDS)]
        twin = _Entry(original, f"DUP-{number:05d}", f"images/DUP-{number:05d}.jpg", surfaces(original)[0])
        source = (folder / f"images/{original.sku}_0.jpg").read_bytes()
        (folder / twin.image).write_bytes(_copy(source, kind, original, rng, size))
        entries.append(twin)
        planted.append(Duplicate(original.sku, twin.sku, kind))
    _write_csv(folder / "catalog.csv", HEADER, (_row(entry) for entry in entries))
    _write_csv(folder / "duplicates.csv", DUPLICATE_HEADER, ((d.sku_a, d.sku_b, d.kind) for d in planted))
    return planted


def studio_photo(product: SyntheticProduct, surface: str, rng: np.random.Generator, size: int = 512) -> Pixels:
    """(size, size, 3) a catalog picture: on white or pale ground, nearly upright, evenly lit."""
    view = View(
        rotation=float(rng.normal(0, 0.8)),
        tilt=float(rng.uniform(0, 6)),
        azimuth=float(rng.uniform(0, 360)),
        scale=float(rng.uniform(0.78, 0.9)),
    )
    conditions = PhotoConditions(
        view=view,
        background=pick(rng, ["studio", "studio", "studio", "paper"]),
        shadow=float(rng.uniform(0.08, 0.3)),
        gain=float(rng.uniform(0.95, 1.03)),
        temperature=float(rng.normal(0, 0.08)),
        noise=float(rng.uniform(0, 1.5)),
    )
    return photograph(product, surface, rng, conditions, size)


def phone_photo(
    product: SyntheticProduct, seed: int | Sequence[int], *, severity: float = 0.6, size: int = 640
) -> Sample:
    """A phone photo of a surface chosen by `seed`. Half of the photos show the most telling surface."""
    rng = np.random.default_rng(seed)
    options = surfaces(product)
    surface = options[0] if rng.random() < 0.5 else pick(rng, options)
    return Sample(product.sku, surface, photograph(product, surface, rng, PhotoConditions.draw(rng, severity), size))


@dataclass(frozen=True)
class TrainingPhotos:
    """An endless, indexable set of labelled photos, safe to share between data-loader workers.

    Photo `index` shows product `index % len(products)`. It depends on the products, the seed and the index alone.
    """

    products: Sequence[SyntheticProduct]
    seed: int
    size: int = 320  # pixels, both sides
    studio_share: float = 0.15  # share of studio pictures; the others are phone photos

    def sample(self, index: int) -> Sample:
        """Photo number `index`, 0 or more; severity goes from none to the worst."""
        product = self.products[index % len(self.products)]
        rng = np.random.default_rng([self.seed, index])
        if rng.random() < self.studio_share:
            surface = pick(rng, surfaces(product))
            return Sample(product.sku, surface, studio_photo(product, surface, rng, self.size))
        severity = 0.15 + 0.85 * float(rng.random())
        return phone_photo(product, (self.seed, index, 1), severity=severity, size=self.size)


def _copy(source: bytes, kind: str, product: SyntheticProduct, rng: np.random.Generator, size: int) -> bytes:
    """The JPEG of a duplicate, made from the JPEG of its original."""
    if kind == "identical":
        return source
    if kind == "rephotographed":
        return jpeg_bytes(studio_photo(product, surfaces(product)[0], rng, size), QUALITY)
    pixels = jpeg_pixels(source)
    if kind == "reencoded":
        return jpeg_bytes(pixels, int(rng.integers(45, 80)))
    if kind == "resized":
        share = float(rng.uniform(0.5, 0.8))
        small = cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        return jpeg_bytes(np.asarray(small, dtype=np.uint8), QUALITY)
    assert kind == "cropped", kind
    cut = round(0.04 * size)
    left, top = (int(value) for value in rng.integers(0, cut + 1, 2))
    return jpeg_bytes(np.ascontiguousarray(pixels[top : top + size - cut, left : left + size - cut]), QUALITY)


def _row(entry: _Entry) -> tuple[str, ...]:
    product = entry.product
    words = (product.name, product.strength, product.form, product.manufacturer)
    return (entry.sku, entry.image, *words, entry.surface, product.family)


def _write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
