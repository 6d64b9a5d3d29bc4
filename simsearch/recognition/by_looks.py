"""`--looks "white round scored L 9"`: medicines by a description of their pills, without a photo.

Words for colours and shapes, in English or as Taiwan's register writes them, "scored", and a size ("9 mm") are known;
all other words are taken for the imprint. Each is compared with the product's table where that says it (`color`,
`shape`, `imprint`, `size_mm`, whatever they are called in the `COLUMNS` below), else with what its photos show.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simsearch.catalog import Catalog
from simsearch.catalog.selection import ProductFacts
from simsearch.core.errors import DamagedDescriptor, UsageError
from simsearch.core.text import title
from simsearch.core.types import Descriptor
from simsearch.features.base import Method, unpack
from simsearch.features.pills import sizes
from simsearch.features.pills.imprint_network_plan import LOOK_ALIKE
from simsearch.features.pills.names import TAIWAN, Named, named

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "colour": ("color", "colour", "colors", "colours", "顏色"),
    "shape": ("shape", "形狀"),
    "imprint": ("imprint", "imprints", "標註", "標註一", "標註二"),
    "size": ("size_mm", "diameter", "外觀尺寸"),
}
"""What is said -> the table's columns that say it; sizes in millimetres."""
_WORDS = ("colour", "shape", "imprint")
_COLOURS = (
    "white", "gray", "black", "brown", "red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink",
)  # fmt: skip
_SHAPES = (
    "round", "oval", "capsule", "triangle", "rectangle", "square", "diamond", "pentagon", "hexagon", "octagon", "tear",
    "bullet", "trapezoid", "semi-circle", "double circle", "freeform",
)  # fmt: skip
_SAME = {
    "grey": "gray", "violet": "purple", "lilac": "purple", "cyan": "turquoise", "oblong": "oval", "oval-shaped": "oval",
    "elliptical": "oval", "caplet": "capsule", "circular": "round", "triangular": "triangle", "shield": "triangle",
    "rectangular": "rectangle", "teardrop": "tear",
}  # fmt: skip
_SAME_SHAPE = ({"oval", "capsule"}, {"square", "rectangle", "diamond"})
"""Registers draw the line between these differently."""
_FROM_PHOTO = 0.8
"""What a photo's word counts against the table's."""
_WEIGHT = {"imprint": 3.0, "colour": 2.0, "shape": 1.5, "size": 1.5, "scored": 1.0}
_MILLIMETRES = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)?(?:\s*[x×]\s*\d+(?:[.,]\d+)?)?\s*mm\b", re.IGNORECASE)
_NEAR_SIZE = 0.5, 1.5
"""Millimetres by which a size may be off: up to the first it fits wholly, from the second on not at all."""


@dataclass(frozen=True)
class Looks:
    """A description, word by word."""

    colours: tuple[str, ...] = ()
    shape: str = ""
    scored: bool = False
    imprint: tuple[str, ...] = ()
    size: float = 0.0
    """Longest side in millimetres; 0: not said."""


@dataclass(frozen=True)
class LooksHit:
    """A product that fits a description."""

    sku: str
    name: str
    score: float
    """Share of what was asked that fits, 0 to 1."""
    fits: tuple[str, ...]
    """What fits, and who says it: "colour white (table)"."""


def parse(text: str) -> Looks:
    """The description in `text`.

    Raises:
        UsageError: there is no word in it, or more than 40.
    """
    size = max(map(sizes.stated, _MILLIMETRES.findall(text)), default=0.0)
    split = re.split(r"[\s,;/|]+", _MILLIMETRES.sub(" ", text).strip())
    words = [word for word in split if word and word.casefold() not in ("and", "with")]
    if not (words or size) or len(words) > 40:
        raise UsageError(
            "--looks: say what the pill looks like in 1 to 40 words, for instance 'white round scored 9 mm L 9'"
        )
    colours, shape, scored, imprint = [], "", False, []
    for word in words:
        one = canonical(word)
        if one in _COLOURS:
            colours.append(one)
        elif one in _SHAPES and not shape:
            shape = one
        elif one == "scored":
            scored = True
        else:
            imprint.append(word.upper())
    return Looks(tuple(dict.fromkeys(colours)), shape, scored, tuple(imprint), size)


def canonical(word: str) -> str:
    """One word for one colour or shape: lower case, English, without "(6 sided)"."""
    plain = word.split(" (")[0].strip().casefold()
    return _SAME.get(plain, _FROM_TAIWAN.get(plain, plain))


_FROM_TAIWAN = {chinese: english for english, chinese in reversed(TAIWAN.items())}


def search(catalog: Catalog, method: Method | None, looks: Looks, k: int) -> list[LooksHit]:
    """At most `k` products that fit, best first. `method`: whose descriptors tell what photos show; None: the table."""
    products = catalog.selection.products()
    said = {product.id: _said(product) for product in products}
    seen = _seen(catalog, method, [p for p in products if _unsaid(looks, said[p.id], size_of(p.attributes))])
    hits = (_hit(product, looks, said[product.id], seen.get(product.id, ())) for product in products)
    return sorted((hit for hit in hits if hit.score > 0), key=lambda hit: (-hit.score, hit.sku))[:k]


def _unsaid(looks: Looks, said: Mapping[str, frozenset[str]], size: float) -> bool:
    """Whether something is asked that the table leaves open and a photo may show."""
    asked = {"colour": looks.colours, "shape": looks.shape, "imprint": looks.imprint}
    open_ = any(words and not said[what] for what, words in asked.items())
    return open_ or looks.scored or (looks.size > 0 and not size)


def words_of(what: str, attributes: Mapping[str, Any]) -> list[str]:
    """What a table says of colour, shape or imprint, as single words."""
    return [
        word
        for text in _texts(what, attributes)
        for word in re.split(r"[;|/,]" if what == "shape" else r"[;|/,\s]+", text)
        if word
    ]


def size_of(attributes: Mapping[str, Any]) -> float:
    """The longest side that a table states, in millimetres; 0 where it states none."""
    return next((side for side in map(sizes.stated, _texts("size", attributes)) if side), 0.0)


def _texts(what: str, attributes: Mapping[str, Any]) -> list[str]:
    known = {key.casefold(): str(value) for key, value in attributes.items()}
    return [known[column] for column in COLUMNS[what] if column in known]


def _said(product: ProductFacts) -> dict[str, frozenset[str]]:
    """What the product's table says, as single words."""
    found = {}
    for what in _WORDS:
        words = words_of(what, product.attributes)
        kept = (part.strip().upper() if what == "imprint" else canonical(part) for part in words)
        found[what] = frozenset(word for word in kept if word)
    return found


def _seen(catalog: Catalog, method: Method | None, products: Sequence[ProductFacts]) -> dict[int, list[Named]]:
    """Product id -> what the largest pill of each of its photos is called."""
    if method is None or not products:
        return {}
    images = catalog.selection.images_of(p.id for p in products)
    owner = catalog.selection.products_of(images.tolist())
    looks: dict[int, Descriptor] = {}
    for image_id, data in catalog.descriptors.of(method.fingerprint, images.tolist()).items():
        try:
            found = unpack(method, data, image_id)
        except DamagedDescriptor:  # the nightly check names it; here the table is left
            continue
        if len(found):
            looks[image_id] = found[:1]
    if not looks:
        return {}
    order = sorted(looks)
    parts: list[Any] = [looks[i] for i in order]
    by_product: dict[int, list[Named]] = {}
    for image_id, one in zip(order, named(np.concatenate(parts)), strict=True):
        by_product.setdefault(owner[image_id], []).append(one)
    return by_product


def _hit(product: ProductFacts, looks: Looks, said: Mapping[str, frozenset[str]], seen: Sequence[Named]) -> LooksHit:
    """How far the product fits."""
    parts = [
        (
            "colour",
            " and ".join(looks.colours),
            _part(looks.colours, said["colour"], {c for n in seen for c in n.colours}),
        ),
        ("shape", looks.shape, _shape(looks.shape, said["shape"], {n.shape for n in seen})),
        ("imprint", " ".join(looks.imprint), _imprint(looks.imprint, said["imprint"], [n.imprint for n in seen])),
        (
            "size",
            f"{looks.size:g} mm",
            _size(looks.size, size_of(product.attributes), [n.size[0] for n in seen if n.size[0]]),
        ),
        ("scored", "line", (_FROM_PHOTO * any(n.scored for n in seen), "photo")),
    ]
    asked = [bool(looks.colours), bool(looks.shape), bool(looks.imprint), looks.size > 0, looks.scored]
    wanted = [
        (what, words, share, by) for (what, words, (share, by)), is_asked in zip(parts, asked, strict=True) if is_asked
    ]
    whole = sum(_WEIGHT[what] for what, *_ in wanted)
    score = sum(_WEIGHT[what] * share for what, _, share, _ in wanted) / whole
    fits = tuple(f"{what} {words} ({by})" for what, words, share, by in wanted if share >= 0.5)
    return LooksHit(product.sku, title(product.name, product.strength), score, fits)


def _part(asked: Sequence[str], said: Iterable[str], seen: Iterable[str]) -> tuple[float, str]:
    """Share of the colours that are the product's, over all colours of both; and who says so."""
    known, by, trust = (set(said), "table", 1.0) if said else (set(seen), "photo", _FROM_PHOTO)
    every = known | set(asked)
    return (trust * len(known & set(asked)) / len(every) if every else 0.0), by


def _shape(asked: str, said: Iterable[str], seen: Iterable[str]) -> tuple[float, str]:
    known, by, trust = (set(said), "table", 1.0) if said else (set(seen), "photo", _FROM_PHOTO)
    return trust * (1.0 if asked in known else 0.6 if known & like_shapes(asked) else 0.0), by


def like_shapes(shape: str) -> set[str]:
    """A shape and those that registers do not tell from it."""
    return next((group for group in _SAME_SHAPE if shape in group), {shape})


def _size(asked: float, said: float, seen: Sequence[float]) -> tuple[float, str]:
    """How near the nearest size is; and who says so."""
    known, by, trust = ((said,), "table", 1.0) if said else (seen, "photo", _FROM_PHOTO)
    off = min((abs(size - asked) for size in known), default=np.inf)
    near, far = _NEAR_SIZE
    return trust * float(np.clip((far - off) / (far - near), 0, 1)), by


def _imprint(asked: Sequence[str], said: frozenset[str], seen: Iterable[str]) -> tuple[float, str]:
    """Share of the words that stand in the imprint, half for one that is a part of another; and who says so.

    What photos show is what was read: characters that look alike are one there, as O and 0.
    """
    if said:
        return _share(asked, said), "table"
    read = frozenset(word for text in seen for word in text.translate(LOOK_ALIKE).split())
    return _FROM_PHOTO * _share([word.translate(LOOK_ALIKE) for word in asked], read), "photo"


def _share(asked: Sequence[str], words: frozenset[str]) -> float:
    joined = "".join(sorted(words))
    shares = [1.0 if word in words else 0.5 if word in joined else 0.0 for word in asked]
    return sum(shares) / len(shares) if shares else 0.0
