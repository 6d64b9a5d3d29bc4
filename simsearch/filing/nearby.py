"""Photos of other SKUs that a photo may belong to: what the lanes of the generation return for it.

The work grows with the photos and not with their pairs. Each photo is asked for by its embedding, by its print and by
its codes; looks alone would miss another face, print alone a photo that was not read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from simsearch.catalog import Catalog
from simsearch.core.code_agreement import keys
from simsearch.core.codes import Codes
from simsearch.features.base import MetricMethod, unpack
from simsearch.indexes import one_thread
from simsearch.indexes.manifest import TEXT
from simsearch.indexes.text_asked import Asked
from simsearch.indexes.text_terms import text_of, word_term
from simsearch.recognition.print_pairs import PrintSide
from simsearch.recognition.snapshot import Snapshot
from simsearch.recognition.text_lanes import alike

_BY_LOOKS, _BY_PRINT, _BY_CODE = 12, 10, 6
"""Images that each lane returns."""
_LEAST_COSINE, _LEAST_TEXT = 0.5, 0.2
"""Similarity from which an image is worth comparing: of 715 photos of boxes none belonged to what lay below both."""
_SKUS = 2
"""Other SKUs of each lane that a photo is compared with."""


@dataclass(frozen=True)
class Near:
    """An image that a lane returned, with its similarity there."""

    image_id: int
    similarity: float


class Nearby:
    """Asks the lanes of one snapshot. Any number of threads may ask."""

    def __init__(self, catalog: Catalog, network: MetricMethod, snapshot: Snapshot) -> None:
        self.catalog, self.network, self.snapshot = catalog, network, snapshot

    def by_looks(self, ids: Sequence[int]) -> dict[int, list[Near]]:
        """Image id -> the images with the most similar embeddings, most similar first."""
        packed = self.catalog.descriptors.of(self.network.fingerprint, ids)
        known = [i for i in ids if i in packed]
        if not known:
            return {}
        vectors = np.stack([unpack(self.network, packed[i], i) for i in known])
        found: dict[int, dict[int, float]] = {i: {} for i in known}
        for index in self.snapshot.vectors[self.network.name]:
            with one_thread():
                near, similarities = index.search(vectors, min(len(index), _BY_LOOKS + 1))
            for i, row, values in zip(known, near.tolist(), similarities.tolist(), strict=True):
                found[i] |= {n: s for n, s in zip(row, values, strict=True) if n >= 0 and n != i}
        gone = self.snapshot.retired
        return {
            i: [Near(n, s) for n, s in sorted(each.items(), key=lambda item: (-item[1], item[0])) if n not in gone]
            for i, each in found.items()
        }

    def by_print(self, image_id: int, side: PrintSide) -> list[Near]:
        """The images whose print is most like that of one image."""
        if side.reading is None or not side.reading.lines or TEXT not in self.snapshot.texts:
            return []
        asked = Asked.of(text_of(line.text for line in side.reading.lines), self.snapshot.text_weights)
        found = alike(self.snapshot.texts[TEXT], asked, _BY_PRINT, self.snapshot.retired)
        return [Near(n, s) for n, s in found if n != image_id]

    def by_words(self, words: Collection[str]) -> set[int]:
        """The images that print all of some words, one of which is rare."""
        terms = np.array(sorted(map(word_term, words)), np.uint32)
        found = [index.holding(terms) for index in self.snapshot.texts.get(TEXT, ())] if len(terms) else []
        return {i for each in found for i in each.tolist()} - self.snapshot.retired

    def by_codes(self, image_id: int, codes: Codes) -> list[Near]:
        """The images that the codes on one image lead to."""
        wanted = keys(codes) if codes else frozenset()
        found = self.catalog.codes.images(wanted) if wanted else []
        return [Near(n, 1.0) for n in found[:_BY_CODE] if n != image_id]


def worth_comparing(
    lanes: tuple[Sequence[Near], Sequence[Near], Sequence[Near]],
    sku_of: Callable[[int], str | None],
    own: str,
    rank: Callable[[int], tuple[str, ...]],
) -> list[int]:
    """The images of other SKUs that a photo is compared with: of each lane the best of the first SKUs.

    Args:
        lanes: by looks, by print and by code.
        sku_of: SKU of an image; None where it is no longer active.
        own: SKU of the photo.
        rank: of an image by its content, so that equally similar images come in one order in every catalog.
    """
    chosen: dict[int, None] = {}
    for lane, least in zip(lanes, (_LEAST_COSINE, _LEAST_TEXT, 0.0), strict=True):
        best: dict[str, int] = {}
        for near in sorted(lane, key=lambda n: (-round(n.similarity, 5), rank(n.image_id))):
            sku = sku_of(near.image_id)
            if sku is not None and sku != own and near.similarity >= least and len(best) < _SKUS:
                best.setdefault(sku, near.image_id)
        chosen |= dict.fromkeys(best.values())
    return list(chosen)


def nearest_own(near: Sequence[Near], mates: Collection[int], rank: Callable[[int], tuple[str, ...]]) -> list[int]:
    """The photos of the own SKU in the order in which they are looked at: most similar first, then by content."""
    similarity = {n.image_id: round(n.similarity, 5) for n in near}
    return sorted(mates, key=lambda i: (-similarity.get(i, -1.0), rank(i)))
