"""Invented drug products, some in families that look confusingly alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simsearch.synthetic import barcode, words

FORM_PACKAGES = {
    "tablet": ("box", "box", "box", "box", "blister", "blister", "pills", "bottle"),
    "capsule": ("box", "box", "box", "blister", "pills", "bottle"),
    "syrup": ("bottle", "bottle", "box"),
    "drops": ("bottle", "box", "box"),
    "cream": ("box",),
    "gel": ("box",),
    "injection": ("box", "box", "bottle"),
}
FORM_PACKS = {
    "tablet": ("10 tablets", "14 tablets", "20 tablets", "28 tablets", "30 tablets", "100 tablets", "3 x 10 tablets"),
    "capsule": ("10 capsules", "14 capsules", "20 capsules", "28 capsules", "2 x 15 capsules"),
    "syrup": ("60 ml", "100 ml", "120 ml", "200 ml"),
    "drops": ("5 ml", "7.5 ml", "10 ml", "15 ml"),
    "cream": ("5 g", "15 g", "20 g", "30 g"),
    "gel": ("20 g", "30 g", "50 g"),
    "injection": ("1 vial", "5 ampoules", "10 ampoules", "1 pre-filled syringe"),
}


@dataclass(frozen=True, slots=True)
class SyntheticProduct:
    """One invented drug as sold. Its look follows from `style`, `accent` and the texts alone."""

    sku: str
    name: str
    generic: str
    strength: str
    form: str  # tablet, capsule, syrup, drops, cream, gel or injection
    pack: str  # what the package holds: "30 tablets"
    manufacturer: str
    package: str  # box, bottle, blister or pills
    family: str  # shared by products made to look alike; a product on its own has its own
    ean: str  # 13 digits, of the range that shops use internally, so never a real article
    style: int  # seed of layout, colours, fonts and measures; shared in a family
    accent: int  # 0, or the number of the family member whose accent colour differs


@dataclass(frozen=True, slots=True)
class _Line:
    """The texts of one product of a family; everything else belongs to the family."""

    name: str
    preparation: words.Preparation
    strength: str


def make_products(count: int, seed: int, *, family_share: float = 0.35) -> list[SyntheticProduct]:
    """`count` products with unique SKU, EAN and (name, strength, form); the same for the same seed in every process.

    About `family_share` of them sit in look-alike families of two to five. A shorter list with the same seed is the
    beginning of a longer one.
    """
    rng = np.random.default_rng([seed, 0x5EED])
    products: list[SyntheticProduct] = []
    taken: set[str] = set()
    families = 0
    in_families = 0
    while len(products) < count:
        alike = in_families < family_share * (len(products) + 1)
        for product in _family(rng, f"F{families:05d}", len(products), alike=alike, taken=taken):
            products.append(product)
            in_families += alike
        families += 1
    return products[:count]


def _family(
    rng: np.random.Generator, family: str, first: int, *, alike: bool, taken: set[str]
) -> Iterator[SyntheticProduct]:
    maker = words.pick(rng, words.MAKERS)
    lines = _lines(rng, alike=alike, taken=taken)
    package = words.pick(rng, FORM_PACKAGES[lines[0].preparation.form])
    packs = FORM_PACKS[lines[0].preparation.form]
    pack = words.pick(rng, packs)
    style = int(rng.integers(2**31))
    colours_differ = rng.random() < 0.5
    for member, line in enumerate(lines):
        number = first + member
        digits = f"20{number:010d}"
        yield SyntheticProduct(
            sku=f"SYN-{number:05d}",
            name=line.name,
            generic=line.preparation.generic,
            strength=line.strength,
            form=line.preparation.form,
            pack=pack,
            manufacturer=maker,
            package=package,
            family=family,
            ean=digits + barcode.check_digit(digits),
            style=style,
            accent=member if colours_differ else 0,
        )


def _lines(rng: np.random.Generator, *, alike: bool, taken: set[str]) -> list[_Line]:
    """The members of one family: strengths of one brand, extensions of one brand, or brands of one design."""
    preparation = words.PREPARATIONS[int(rng.integers(len(words.PREPARATIONS)))]
    beginning = words.stem(rng)
    name = _new_name(rng, taken, beginning)
    strength = words.pick(rng, preparation.strengths)
    if not alike:
        return [_Line(name, preparation, strength)]
    size = int(rng.integers(2, 6))
    kind = rng.random()
    if kind < 0.55 and len(preparation.strengths) > 1:
        return [_Line(name, preparation, each) for each in preparation.strengths[:size]]
    if kind < 0.75:
        endings = rng.permutation(words.EXTENSIONS)[: min(size, 3) - 1]
        return [_Line(each, preparation, strength) for each in (name, *(f"{name} {end}" for end in endings))]
    same_form = [other for other in words.PREPARATIONS if other.form == preparation.form]
    lines = [_Line(name, preparation, strength)]
    for _ in range(size - 1):
        other = same_form[int(rng.integers(len(same_form)))]
        lines.append(_Line(_new_name(rng, taken, beginning), other, words.pick(rng, other.strengths)))
    return lines


def _new_name(rng: np.random.Generator, taken: set[str], beginning: str) -> str:
    name = words.brand(rng, beginning)
    while name in taken:
        name = words.brand(rng)
    taken.add(name)
    return name
