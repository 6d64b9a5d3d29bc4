"""Photos of two rendered packages, asked with the models that are installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsearch import App, Outcome, open_app
from simsearch.features.reading.models import missing
from simsearch.synthetic import PhotoConditions, SyntheticProduct, make_products, photograph, studio_photo, surfaces

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason="the extra `read` is not installed")]
SIDE = 800


@pytest.fixture(scope="module")
def products() -> list[SyntheticProduct]:
    return make_products(12, 77, family_share=0.0)


@pytest.fixture(scope="module")
def app(products: list[SyntheticProduct], tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("packages")
    rows = ["sku,image"]
    for n, product in enumerate(products):
        picture = studio_photo(product, surfaces(product)[0], np.random.default_rng(n), SIDE)
        Image.fromarray(picture).save(folder / f"{n}.png")
        rows.append(f"{product.sku},{n}.png")
    (folder / "catalog.csv").write_text("\n".join(rows), encoding="utf-8")
    with open_app(folder / "home") as found:
        found.index([folder / "catalog.csv"])
        yield found


def beside(products: list[SyntheticProduct], folder: Path) -> Path:
    """A photo of products beside each other."""
    views = [
        photograph(product, surfaces(product)[0], 90 + n, PhotoConditions(), SIDE) for n, product in enumerate(products)
    ]
    path = folder / "photo.png"
    Image.fromarray(np.hstack(views)).save(path)
    return path


def test_each_of_two_packages_has_an_answer_of_its_own(
    app: App, products: list[SyntheticProduct], tmp_path: Path
) -> None:
    [alone] = app.query([beside(products[:1], tmp_path)], record=False)
    [both] = app.query([beside(products[:2], tmp_path)], record=False)
    assert not isinstance(alone, Exception)
    assert not isinstance(both, Exception)
    assert (alone.sku, len(alone.packages)) == (products[0].sku, 1)
    assert [package.answer.sku for package in both.packages] == [products[0].sku, products[1].sku]
    for number, package in enumerate(both.packages):
        assert package.answer.outcome is Outcome.MATCH
        assert package.outline is not None
        middle = np.mean(package.outline, axis=0)
        assert 0.5 * number < middle[0] < 0.5 * number + 0.5
        assert package.answer.read is not None
        assert all(
            0.5 * number < np.mean(line.place, axis=0)[0] < 0.5 * number + 0.5 for line in package.answer.read.lines
        )
    assert both.sku in {products[0].sku, products[1].sku}
    assert both.reason.startswith("2 packages in the photo; number ")
