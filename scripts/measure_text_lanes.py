"""How often the lanes of text find the right product, on photos of boxes: text against text, and against a table.

    python scripts/measure_text_lanes.py DATA READINGS [--split train]

DATA: the folder of boxes.csv, boxes_print.csv, boxes_unlabelled and, for further words, tfda.csv and rximage.csv.
READINGS: a folder of kept readings, named by the SHA-256 of the photo; what it lacks is read and kept there.

text: the catalog is the first photo of each product of the split, and the photos of boxes_unlabelled that boxes.csv
does not name. The other photos of the split ask. Photos that boxes_ambiguous.csv lists for the product do not count.
words: the catalog is the table boxes_print.csv (name, strength, form, maker, pack), alone and among names of other
medicines. All photos of the split ask whose product is in it.

Products are counted, among equal similarities the right one last. "exact" compares with every document.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from simsearch.core.config import ImageSettings
from simsearch.core.images import decode_sharp
from simsearch.core.text import title
from simsearch.features.reading import PpOcr, ReaderSettings, encode
from simsearch.indexes.catalog_text import print_of
from simsearch.indexes.text import Document, TextIndex
from simsearch.indexes.text_asked import Asked
from simsearch.indexes.text_audit import exact
from simsearch.indexes.text_terms import Text, text_of
from simsearch.indexes.text_weights import TextWeights
from simsearch.recognition.text_lanes import alike

Questions = Sequence[tuple[str, str]]
"""(product, photo)"""
PLACES = (1, 3, 10, 20)


class Readings:
    """The text of photos, kept in a folder."""

    def __init__(self, data: Path, folder: Path) -> None:
        self.data, self.folder, self.reader = data, folder, PpOcr(ReaderSettings())
        self.known: dict[str, Text] = {}

    def __getitem__(self, image: str) -> Text:
        if image not in self.known:
            data = (self.data / image).read_bytes()
            kept = self.folder / f"{hashlib.sha256(data).hexdigest()}.rdg"
            if not kept.exists():
                kept.write_bytes(encode(self.reader.read(decode_sharp(data, ImageSettings()).pixels)).tobytes())
            self.known[image] = print_of(np.fromfile(kept, np.uint8))
        return self.known[image]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def measure(
    name: str, texts: Mapping[str, Text], questions: Questions, asks: Readings, aside: Mapping[str, set[str]]
) -> None:
    """`texts`: the catalog by product. `aside`: product -> other products that do not count for it."""
    names = list(texts)
    weights = TextWeights.of((text.terms for text in texts.values() if text), len(texts))
    documents = (Document(i, np.array([i], np.int64), texts[product]) for i, product in enumerate(names))
    index = TextIndex.of(documents, weights)

    def by_lane(asked: Asked) -> Iterable[tuple[int, float]]:
        return alike([index], asked, max(PLACES) + 2, frozenset())

    def by_all(asked: Asked) -> Iterable[tuple[int, float]]:
        similarities = exact(index, [asked])[0]
        order = np.argsort(-similarities, kind="stable")
        return [(int(index.arrays.products[i]), float(similarities[i])) for i in order if similarities[i] > 0]

    for tag, finds in (("lane", by_lane), ("exact", by_all)):
        ranks = [rank(finds, names, product, Asked.of(asks[image], weights), aside) for product, image in questions]
        found = [np.mean(np.array(ranks) <= place) for place in PLACES]
        shares = " | ".join(f"{share:.3f}" for share in found)
        print(f"| {name}, {len(index):,} documents | {tag} | {len(ranks)} | {shares} |", flush=True)


def rank(
    finds: Callable[[Asked], Iterable[tuple[int, float]]],
    names: Sequence[str],
    product: str,
    asked: Asked,
    aside: Mapping[str, set[str]],
) -> float:
    found = {names[i]: s for i, s in finds(asked) if names[i] == product or names[i] not in aside.get(product, ())}
    return sum(s >= found[product] for s in found.values()) if product in found else float("inf")


def photos(data: Path, split: str, asks: Readings) -> tuple[dict[str, Text], Questions, dict[str, set[str]]]:
    """The catalog of photos, the questions, and what does not count."""
    rows = table(data / "boxes.csv")
    named = {row["image"] for row in rows}
    first: dict[str, str] = {}
    of_split = [(row["sku"], row["image"]) for row in rows if row["split"] == split]
    questions = [(sku, image) for sku, image in of_split if first.setdefault(sku, image) != image]
    others = (f"boxes_unlabelled/{path.name}" for path in sorted((data / "boxes_unlabelled").iterdir()))
    catalog = {**first, **{image: image for image in others if image not in named}}
    of = {image: product for product, image in catalog.items()}
    aside: dict[str, set[str]] = {}
    for row in table(data / "boxes_ambiguous.csv"):
        aside.setdefault(row["sku"], set()).add(of.get(row["image"], ""))
    return {product: asks[image] for product, image in catalog.items()}, questions, aside


def words(data: Path) -> tuple[dict[str, Text], dict[str, Text]]:
    """The words of the boxes' table, and those of other medicines."""
    boxes = {
        row["product"]: text_of([title(row["name"], row["strength"]), row["form"], row["maker"], row["pack"]])
        for row in table(data / "boxes_print.csv")
    }
    names = {row["name"] for file in ("tfda.csv", "rximage.csv") for row in table(data / file)}
    return boxes, {f"other {name}": text_of([name]) for name in sorted(names)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("readings", type=Path)
    parser.add_argument("--split", default="train", choices=("train", "eval"))
    options = parser.parse_args()
    asks = Readings(options.data, options.readings)
    print("| catalog | | photos | " + " | ".join(f"R@{place}" for place in PLACES) + " |\n" + "| --- " * 7 + "|")
    catalog, questions, aside = photos(options.data, options.split, asks)
    measure("text", catalog, questions, asks, aside)
    boxes, others = words(options.data)
    every = [
        (row["sku"], row["image"])
        for row in table(options.data / "boxes.csv")
        if row["split"] == options.split and row["sku"] in boxes
    ]
    measure("words", boxes, every, asks, {})
    measure("words", {**boxes, **others}, every, asks, {})


if __name__ == "__main__":
    main()
