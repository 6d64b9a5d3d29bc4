"""What the demo renders: a catalog with planted duplicates, five photos, and who is who in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simsearch.core.errors import UsageError
from simsearch.synthetic import (
    Duplicate,
    PhotoConditions,
    SyntheticProduct,
    View,
    make_products,
    photograph,
    surfaces,
    write_catalog,
)
from simsearch.synthetic.photos import jpeg_bytes

PLANTED = 6
"""Products that the rendered catalog holds twice."""
_BEYOND = 40
"""Products beyond the catalog, for the photo of a stranger. A longer list of one seed begins with the shorter one."""
_MARK = "demo.json"


@dataclass(frozen=True)
class Question:
    """One photo, and what it really shows."""

    title: str
    photo: Path
    truth: str
    """What the photo shows, in words."""
    sku: str | None
    """The right answer; None where no product of the catalog is one."""
    readable: bool = True


@dataclass(frozen=True)
class Rendered:
    """The catalog, and who is who in it."""

    folder: Path
    products: Sequence[SyntheticProduct]
    beyond: Sequence[SyntheticProduct]
    """Products that no catalog holds."""
    planted: Sequence[Duplicate]

    def product(self, sku: str) -> SyntheticProduct | None:
        """The product behind `sku`, the original for the twin of a planted duplicate; None for an unknown SKU."""
        originals = {d.sku_b: d.sku_a for d in self.planted}
        return next((p for p in self.products if p.sku == originals.get(sku, sku)), None)

    def image(self, sku: str) -> str:
        """The one picture of `sku`, relative to the folder."""
        twins = {d.sku_b for d in self.planted}
        return f"images/{sku}.jpg" if sku in twins else f"images/{sku}_0.jpg"


def claim(folder: Path, products: int, seed: int) -> None:
    """Make `folder` and mark it as a demo's; UsageError where it holds anything else."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; name a folder for the demo")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).is_file():
        raise UsageError(f"{folder}: holds files that are no demo's; name a new folder: simsearch demo NEW-FOLDER")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).write_text(json.dumps({"products": products, "seed": seed}) + "\n", encoding="utf-8")


# -- catalog and photos ----------------------------------------------------------------------------------------------


def render_catalog(folder: Path, products: int, seed: int) -> Rendered:
    """Write the catalog over that of an earlier demo."""
    made = make_products(products + _BEYOND, seed)
    planted = write_catalog(folder, made[:products], seed, duplicates=PLANTED)
    return Rendered(folder, made[:products], made[products:], planted)


def take_photos(folder: Path, rendered: Rendered, seed: int) -> list[Question]:
    """Take five photos. The catalog alone decides which products they show, never the program's answers."""
    easy, turned, twin, stranger = _characters(rendered)
    alike, siblings = _siblings(twin, rendered)
    day, dusk = _conditions()
    folder.mkdir(exist_ok=True)
    clear = _photo(easy, seed, day)
    shots = (
        ("easy", "An easy photo", clear, _called(easy), easy),
        ("turned", "Turned, in bad light", _photo(turned, seed, dusk), _called(turned), turned),
        ("alike", f"A look-alike {alike}", _photo(twin, seed, day), f"{_called(twin)}; look-alikes: {siblings}", twin),
        ("stranger", "Not in the catalog", _photo(stranger, seed, day), f"{full_name(stranger)}, in no catalog", None),
        ("broken", "A broken file", clear[: len(clear) // 2], "the first half of a JPEG file", None),
    )
    questions = []
    for number, (name, title, data, truth, product) in enumerate(shots, 1):
        path = folder / f"{number}-{name}.jpg"
        path.write_bytes(data)
        questions.append(Question(title, path, truth, product.sku if product else None, readable=name != "broken"))
    return questions


def _characters(rendered: Rendered) -> tuple[SyntheticProduct, ...]:
    """Two products without look-alikes, one with look-alikes, and one that no catalog holds.

    Boxes come first, and a look-alike in another strength before one in another name. Products that are filed twice
    come last, because either of their SKUs would be a right answer.
    """
    twice = {d.sku_a for d in rendered.planted}
    families = Counter(p.family for p in rendered.products)
    alone = [p for p in rendered.products if families[p.family] == 1]
    alone.sort(key=lambda p: (p.sku in twice, p.package != "box"))
    alike = [p for p in rendered.products if families[p.family] > 1]
    alike.sort(key=lambda p: (p.sku in twice, _siblings(p, rendered)[0] != "strength", p.package != "box"))
    strangers = [p for p in rendered.beyond if p.family not in families]
    strangers.sort(key=lambda p: p.package != "box")
    return alone[0], alone[1], alike[0], strangers[0]


def _siblings(product: SyntheticProduct, rendered: Rendered) -> tuple[str, str]:
    """How the rest of the product's family differs from it, by "strength" or "name", and the list of them."""
    family = [p for p in rendered.products if p.family == product.family and p is not product]
    strengths = [p for p in family if p.name == product.name and p.strength != product.strength]
    if strengths:
        return "strength", ", ".join(f"{p.sku} {p.strength}" for p in strengths)
    return "name", ", ".join(map(_called, family))


def _called(product: SyntheticProduct) -> str:
    return f"{product.sku} {full_name(product)}"


def full_name(product: SyntheticProduct) -> str:
    """Name, strength and form."""
    return f"{product.name} {product.strength} {product.form}"


def _conditions() -> tuple[PhotoConditions, PhotoConditions]:
    """A steady hand by daylight, and a tired one in the evening."""
    day = PhotoConditions(
        View(rotation=6, tilt=12, azimuth=250, scale=0.8), background="wood", shadow=0.35, gradient=0.12, noise=2.5,
        temperature=0.15, blur=0.4, jpeg_quality=90,
    )  # fmt: skip
    dusk = PhotoConditions(
        View(rotation=128, tilt=27, azimuth=110, distance=4.5, scale=0.66, shift=(0.05, -0.03)), background="cloth",
        shadow=0.55, gain=0.6, gradient=0.45, gradient_angle=215, temperature=0.9, noise=6, blur=0.9, jpeg_quality=70,
    )  # fmt: skip
    return day, dusk


def _photo(product: SyntheticProduct, seed: int, conditions: PhotoConditions) -> bytes:
    """The first, most telling face of the product as a JPEG file."""
    return jpeg_bytes(photograph(product, surfaces(product)[0], seed, conditions), 92)
