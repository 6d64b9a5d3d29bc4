"""Columns of loose pills with planted errors: studio photos of rximage against their rows, for `fit_filing.py`."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from simsearch.catalog.selection import Filed, ProductFacts
from simsearch.core.config import ImageSettings
from simsearch.core.images import load
from simsearch.core.types import Descriptor
from simsearch.features.base import NoSettings
from simsearch.features.pills import PillLooks
from simsearch.filing.evidence import ImageSeen, RowSeen
from simsearch.filing.filed import Filing
from simsearch.filing.pill_words import pills_apart
from simsearch.filing.word_cases import looks_cases

COLUMNS = ("color", "shape")
SHARE, SEEDS = 0.05, 20
THIN = 4
"""Of the looks that were held out, one in so many is described: 0.07 s a photo."""
Row = Mapping[str, str]


def pill_rows(table: Path, split: str = "train", *, seeds: int = SEEDS) -> list[tuple[tuple[float, ...], bool, str]]:
    """(features, whether it was planted, look) of the cases of `looks_cases`.

    One row in twenty has the colour or the shape of another look. Of the split train, the fifth of the looks that
    `scripts/pills/fit_names.py` held out from its names.
    """
    with table.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == split]
    if split == "train":
        held = set(sorted({row["look_id"] for row in rows})[::5][::THIN])
        rows = [row for row in rows if row["look_id"] in held]
    method = PillLooks(NoSettings())
    looks = {row["image"]: method.describe([load(table.parent / row["image"], ImageSettings())])[0] for row in rows}
    photos: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        photos[row["sku"]].append(row)
    first = {row["look_id"]: row["sku"] for row in reversed(rows)}
    return [case for seed in range(seeds) for case in _cases(seed, sorted(first.values()), photos, looks)]


def _cases(
    seed: int, skus: Sequence[str], photos: Mapping[str, Sequence[Row]], looks: Mapping[str, Descriptor]
) -> Iterator[tuple[tuple[float, ...], bool, str]]:
    drawn = random.Random(seed)
    said = {sku: {column: photos[sku][0][column] for column in COLUMNS} for sku in skus}
    wrong: dict[str, str] = {}
    for sku in drawn.sample(skus, round(SHARE * len(skus))):
        column = drawn.choice(COLUMNS)
        others = sorted({photos[other][0][column] for other in skus} - {said[sku][column]})
        said[sku][column] = drawn.choice(others)
        wrong[sku] = column
    images: dict[int, Filed] = {}
    groups: dict[str, list[int]] = defaultdict(list)
    seen: dict[int, ImageSeen] = {}
    for sku in skus:
        for row in photos[sku]:
            i = len(images) + 1
            images[i] = Filed(i, sku, f"{i:064x}", "pills", 1, 1)
            groups[sku].append(i)
            apart = tuple((p.kind, p.apart, p.ours, p.theirs) for p in pills_apart(looks[row["image"]], said[sku]))
            seen[i] = ImageSeen(False, (), (), RowSeen(0.0, apart=apart), {})
    products = {sku: ProductFacts(0, sku, "", "", "", "", said[sku]) for sku in skus}
    filing = Filing(images, products, {sku: tuple(ids) for sku, ids in groups.items()}, frozenset())
    for case in looks_cases(seen, filing, skus):
        column = "color" if case.kind == "colour" else "shape"
        yield case.features, wrong.get(case.sku) == column, photos[case.sku][0]["look_id"]
