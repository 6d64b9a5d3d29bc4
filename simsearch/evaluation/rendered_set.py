"""An evaluation set that anyone can make: rendered packages, each with simulated phone photos."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from simsearch.evaluation.protocol import QUERY, REFERENCE
from simsearch.synthetic import PhotoConditions, make_products, photograph, studio_photo, surfaces
from simsearch.synthetic.photos import jpeg_bytes

HEADER = ("sku", "image", "role", "name", "strength", "form", "manufacturer", "surface", "family")
_QUALITY = 90


def write_rendered_set(
    folder: Path, *, products: int, photos: int, seed: int, severity: float, absent: float, family_share: float
) -> Path:
    """Write pictures and `manifest.csv` (sku, image, role, ...) into `folder`; the path of the manifest.

    Each product has one studio picture of its most telling face, the reference, and `photos` phone photos of the same
    face, the queries.

    Args:
        folder: made where it is missing.
        products: how many.
        photos: phone photos of each.
        seed: another one renders other packages.
        severity: 0 to 1, how bad the phone photos get; from 0.5 on packages lie in any direction.
        absent: share of the products, the last ones, that have no reference: the catalog lacks them.
        family_share: share of the products in look-alike families.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    made = make_products(products, seed, family_share=family_share)
    listed = products - round(absent * products)
    rows = []
    for number, product in enumerate(made):
        face = surfaces(product)[0]
        words = (product.name, product.strength, product.form, product.manufacturer, face, product.family)
        for k in range(0 if number < listed else 1, photos + 1):
            rng = np.random.default_rng([seed, number, k])
            if k == 0:
                pixels = studio_photo(product, face, rng)
            else:
                pixels = photograph(product, face, rng, PhotoConditions.draw(rng, severity))
            image = f"images/{product.sku}_{k}.jpg"
            (folder / image).write_bytes(jpeg_bytes(pixels, _QUALITY))
            rows.append((product.sku, image, QUERY if k else REFERENCE, *words))
    manifest = folder / "manifest.csv"
    with manifest.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        writer.writerows(rows)
    return manifest
