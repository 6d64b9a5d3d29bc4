"""Plant errors of filing in a catalog, by a seed: photos moved to another SKU, one product as two, a changed strength.

    .venv/bin/python scripts/plant_errors.py HOME --seed 7 --truth truth.json [--look-alikes boxes_lookalikes.csv]

HOME is changed: give a copy. One photo in twenty is touched (`--share`), with as many errors of each kind as there can
be, and no SKU twice. `truth.json` lists what was done. The descriptors stay, so nothing is described or read again.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from simsearch.catalog import Catalog
from simsearch.catalog.database import raise_revision
from simsearch.catalog.selection import Filed, ProductFacts
from simsearch.catalog.tables import CodeRow, ImageRow, ProductRow
from simsearch.core.config import CatalogSettings
from simsearch.core.forms import differ, forms
from simsearch.core.quantities import Comparison, compare_texts

KINDS = ("random", "look-alike", "twice", "strength")
ROW_KINDS = ("strength", "pack", "form", "maker", "name")
EXTRA_KINDS = ("pack", "form", "maker", "name")
"""Planted to fit what is said of rows; they are no part of the measured table."""
STRANGER = "stranger"
"""The only photo of a product under another SKU: nothing in the catalog fits it. To fit `odd-photo`."""
FACTORS = (2, 5, 10, 4)
FORMS = ("tablet", "capsule", "syrup", "cream", "ointment", "drops", "injection")


@dataclass(frozen=True)
class Planted:
    """One error."""

    kind: str
    sku: str
    """Where the photo, or half of the photos, stand now; of a row: its SKU."""
    right: str
    """Where they belong."""
    sha256: tuple[str, ...] = field(default=())
    """Of the photos; of a row: none."""
    said: str = ""
    """What the row said before."""


class Planter:
    """Plants errors in one catalog."""

    def __init__(self, catalog: Catalog, seed: int, look_alikes: Sequence[tuple[str, str]]) -> None:
        self.catalog, self.random = catalog, random.Random(seed)
        self.products = {p.sku: p for p in catalog.selection.products()}
        self.groups: dict[str, list[Filed]] = defaultdict(list)
        for filed in sorted(catalog.selection.contents(), key=lambda f: (f.sku, f.sha256)):
            self.groups[filed.sku].append(filed)
        self.siblings: dict[str, list[str]] = defaultdict(list)
        for a, b in sorted({*look_alikes, *self._by_name()}):
            if a in self.groups and b in self.groups:
                self.siblings[a].append(b)
                self.siblings[b].append(a)
        self.touched: set[str] = set()
        self.beside: list[Planted] = []

    def _by_name(self) -> Iterator[tuple[str, str]]:
        """Pairs of products with one first word of the name and two strengths."""
        brand: dict[str, list[ProductFacts]] = defaultdict(list)
        for product in self.products.values():
            if word := product.name.casefold().split()[:1]:
                brand[word[0]].append(product)
        for found in brand.values():
            for i, a in enumerate(found):
                for b in found[i + 1 :]:
                    if compare_texts(a.strength, b.strength, (a.form, b.form)) is Comparison.DIFFERENT:
                        yield a.sku, b.sku

    def plant(self, share: float, kinds: Sequence[str]) -> list[Planted]:
        """Errors in `share` of the photos, as many of each kind as there can be."""
        photos = sum(map(len, self.groups.values()))
        each = max(1, round(share * photos / len(kinds)))
        found: list[Planted] = []
        for kind in kinds:
            skus = sorted(self.groups)
            self.random.shuffle(skus)
            planted = (one for sku in skus if (one := self._one(kind, sku)) is not None)
            found += [one for _, one in zip(range(each), planted, strict=False)]
        return [*found, *self.beside]

    def _one(self, kind: str, sku: str) -> Planted | None:
        if sku in self.touched:
            return None
        if kind in ROW_KINDS:
            return self._row(kind, sku)
        if kind == "twice":
            return self._twice(sku)
        others = self.siblings[sku] if kind == "look-alike" else sorted(self.groups)
        open_ = [other for other in others if other != sku and other not in self.touched]
        alone = len(self.groups[sku]) < 2
        if not open_ or (kind == "random" and alone) or (kind == STRANGER and not alone):
            return None
        return self._move(kind, sku, self.random.choice(open_))

    def _move(self, kind: str, sku: str, to: str) -> Planted:
        photo = self.random.choice(self.groups[sku])
        with self.catalog.database.write() as c:
            product = c.scalar(sa.select(ProductRow.id).where(ProductRow.sku == to))
            revision = raise_revision(c)
            c.execute(sa.update(ImageRow).where(ImageRow.id == photo.id).values(product_id=product))
            c.execute(sa.update(CodeRow).where(CodeRow.image_id == photo.id).values(product_id=product))
            both = ProductRow.sku.in_([sku, to])
            c.execute(sa.update(ProductRow).where(both).values(changed_revision=revision))
        self.touched |= {sku, to}
        return Planted(kind, to, sku, (photo.sha256,))

    def _twice(self, sku: str) -> Planted | None:
        photos = list(self.groups[sku])
        if len({p.sha256 for p in photos}) < 2 or len(photos) != len({p.sha256 for p in photos}):
            return None
        self.random.shuffle(photos)
        half = photos[: len(photos) // 2]
        product = self.products[sku]
        new = f"{sku}-again"
        with self.catalog.database.write() as c:
            revision = raise_revision(c)
            values = {
                "sku": new, "name": product.name, "strength": product.strength, "form": product.form,
                "manufacturer": product.manufacturer, "attributes": dict(product.attributes),
                "changed_revision": revision,
            }  # fmt: skip
            key = c.execute(sa.insert(ProductRow).values(**values)).inserted_primary_key
            assert key is not None
            ids = [p.id for p in half]
            c.execute(sa.update(ImageRow).where(ImageRow.id.in_(ids)).values(product_id=key[0]))
            c.execute(sa.update(CodeRow).where(CodeRow.image_id.in_(ids)).values(product_id=key[0]))
            c.execute(sa.update(ProductRow).where(ProductRow.sku == sku).values(changed_revision=revision))
        self.touched |= {sku, new}
        return Planted("twice", new, sku, tuple(sorted(p.sha256 for p in half)))

    def _row(self, kind: str, sku: str) -> Planted | None:
        product = self.products[sku]
        change = {
            "strength": self._strength, "pack": self._pack, "form": self._form, "maker": self._maker,
            "name": self._name,
        }[kind]  # fmt: skip
        values = change(product)
        if values is None:
            return None
        with self.catalog.database.write() as c:
            values |= {"changed_revision": raise_revision(c)}
            c.execute(sa.update(ProductRow).where(ProductRow.sku == sku).values(**values))
        self.touched.add(sku)
        said = {
            "strength": product.strength, "pack": str(product.attributes.get("pack", "")), "form": product.form,
            "maker": product.manufacturer, "name": product.name,
        }  # fmt: skip
        return Planted(kind, sku, sku, (), said[kind])

    def _strength(self, product: ProductFacts) -> dict[str, Any] | None:
        match = re.search(r"\d+(?:[.,]\d+)?", product.strength)
        if match is None or float(match[0].replace(",", ".")) == 0:
            return None
        value = float(match[0].replace(",", ".")) * self.random.choice(FACTORS) ** self.random.choice((-1, 1))
        changed = f"{product.strength[: match.start()]}{value:g}{product.strength[match.end() :]}"
        # The name says the strength too: "Azosin-500". A row that was filled in wrong says one thing throughout.
        name = re.sub(rf"(?<![\d.,]){re.escape(match[0])}(?![\d.,])", f"{value:g}", product.name)
        return {"strength": changed, "name": name}

    def _pack(self, product: ProductFacts) -> dict[str, Any] | None:
        pack = str(product.attributes.get("pack", ""))
        match = re.search(r"\d+", pack)
        if match is None or int(match[0]) == 0:
            return None
        count = int(match[0]) * self.random.choice((2, 3, 5))
        return {"attributes": {**product.attributes, "pack": f"{pack[: match.start()]}{count}{pack[match.end() :]}"}}

    def _form(self, product: ProductFacts) -> dict[str, Any] | None:
        own = forms(product.form)
        others = [form for form in FORMS if own and differ(own, forms(form))]
        return {"form": self.random.choice(others)} if others else None

    def _maker(self, product: ProductFacts) -> dict[str, Any] | None:
        """The maker of another product."""
        others = sorted({p.manufacturer for p in self.products.values()} - {product.manufacturer, ""})
        return {"manufacturer": self.random.choice(others)} if product.manufacturer and others else None

    def _name(self, product: ProductFacts) -> dict[str, Any] | None:
        """The name of another product, whose row gets this one's: both are wrong."""
        free = sorted(p.sku for p in self.products.values() if p.name and p.sku not in {product.sku, *self.touched})
        free = [sku for sku in free if self.products[sku].name.casefold() != product.name.casefold()]
        if not product.name or not free:
            return None
        other = self.products[self.random.choice(free)]
        with self.catalog.database.write() as c:
            values = {"name": product.name, "changed_revision": raise_revision(c)}
            c.execute(sa.update(ProductRow).where(ProductRow.sku == other.sku).values(**values))
        self.touched.add(other.sku)
        self.beside.append(Planted("name", other.sku, other.sku, (), other.name))
        return {"name": other.name}


def look_alikes(path: Path | None) -> list[tuple[str, str]]:
    """Pairs of SKUs: the columns product_a and product_b of a CSV."""
    if path is None:
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return [(row["product_a"], row["product_b"]) for row in csv.DictReader(stream)]


def plant(home: Path, seed: int, share: float, alike: Sequence[tuple[str, str]], kinds: Sequence[str] = KINDS) -> list[
    Planted
]:  # fmt: skip
    """Plant errors in the catalog of a home."""
    catalog = Catalog(home / "catalog.db", CatalogSettings())
    try:
        return Planter(catalog, seed, alike).plant(share, kinds)
    finally:
        catalog.close()


def without_rows(home: Path, seed: int, share: float) -> None:
    """Make the rows of a share of the SKUs say nothing, as where photos were filed before the table was filled in."""
    catalog = Catalog(home / "catalog.db", CatalogSettings())
    try:
        skus = sorted(product.sku for product in catalog.selection.products())
        chosen = random.Random(seed).sample(skus, round(share * len(skus)))
        nothing = {"name": "", "strength": "", "form": "", "manufacturer": "", "attributes": {}}
        with catalog.database.write() as c:
            values = nothing | {"changed_revision": raise_revision(c)}
            c.execute(sa.update(ProductRow).where(ProductRow.sku.in_(chosen)).values(**values))
    finally:
        catalog.close()


def truth(planted: Sequence[Planted]) -> list[Mapping[str, object]]:
    """As JSON."""
    return [asdict(one) for one in planted]


def main() -> None:
    """Plant, and write down what was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--look-alikes", type=Path)
    parser.add_argument("--truth", type=Path, required=True)
    given = parser.parse_args()
    planted = plant(given.home, given.seed, given.share, look_alikes(given.look_alikes))
    given.truth.write_text(json.dumps(truth(planted), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
