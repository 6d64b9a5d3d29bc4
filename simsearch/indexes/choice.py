"""Which FAISS index a lane is built as: chosen by its number of images, at measured crossovers.

`docs/scale.md` has the measurements (`scripts/bench/scale.py`). An exact index is built as fast as the catalog is read
and loses nothing. It is used as long as a search takes a small part of the time of describing the photo. Above that,
inverted lists (Sivic and Zisserman, "Video Google", 2003) compare only some of the vectors. Still above, product
quantisation (Jégou, Douze and Schmid, "Product quantization for nearest neighbor search", 2011) stores a quarter of a
byte per dimension; the catalog's own embeddings then re-rank the result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from simsearch.core.config import GenerationSettings
from simsearch.core.types import Metric
from simsearch.indexes.factory_string import check_factory

FLOAT32_IMAGES = 20_000
"""Up to here float32: the file is small anyway, and the answers equal NumPy's to the last bit."""
EXACT_IMAGES = 200_000
"""Up to here every vector is compared: 12 ms a query at 100,000 on one core."""
LISTS_IMAGES = 5_000_000
"""Up to here inverted lists hold whole vectors; above, product codes that the catalog re-ranks."""
EXACT_HASHES = 5_000_000
"""Up to here every hash is compared: about a millisecond for a million of 64 bits."""
_TRAINING = 64
"""Training vectors per list. FAISS warns below 39."""
STORAGE = {"float32": ("Flat", 4.0, 1), "float16": ("SQfp16", 2.0, 1), "int8": ("SQ8", 1.0, 4)}
"""Setting -> name in a FAISS factory string, bytes per dimension, re-ranking factor."""


@dataclass(frozen=True)
class Kind:
    """How a lane is built."""

    factory: str
    """FAISS factory string. "Flat" and "BFlat" compare every vector as it is."""
    rerank: int = 1
    """This many times the wanted neighbours are fetched and re-ranked by the catalog's vectors; 1: not re-ranked."""
    training: int = 0
    """Vectors to train on; 0 where the index is not trained."""
    bytes_per_image: float = 0.0
    """Estimated size of the file; 0 for a factory string from the settings, whose size is not known."""

    @property
    def exact(self) -> bool:
        """Whether every vector is compared as it is."""
        return self.factory in ("Flat", "BFlat")


def choose(metric: Metric, dim: int, images: int, settings: GenerationSettings) -> Kind:
    """The kind of index for `images` vectors of `dim` dimensions (bits for hamming).

    Raises:
        ConfigError: FAISS cannot build what `generations.factory` describes, or not from so few images.
    """
    if metric == "hamming":
        if images <= EXACT_HASHES:
            return Kind("BFlat", bytes_per_image=dim / 8 + 8)
        lists = _lists(images)
        return Kind(f"BIVF{lists}", training=min(images, _TRAINING * lists), bytes_per_image=dim / 8 + 8)
    if settings.factory:
        check_factory(settings.factory, dim, images)
        # How much recall a factory string loses is not known, so all but the exact one are re-ranked.
        training = min(images, max(100_000, _TRAINING * _lists(images)))
        rerank = 1 if settings.factory == "Flat" else 16 if "PQ" in settings.factory else 4
        return Kind(settings.factory, rerank, training)
    by_size = "float32" if images <= FLOAT32_IMAGES else "float16"
    storage = by_size if settings.storage == "auto" else settings.storage
    name, width, rerank = STORAGE[storage]
    if images <= EXACT_IMAGES:
        return Kind(name, rerank, min(images, 100_000) if name == "SQ8" else 0, width * dim + 8)
    lists = _lists(images)
    training = min(images, _TRAINING * lists)
    if images <= LISTS_IMAGES or settings.storage != "auto" or dim % 4:
        return Kind(f"IVF{lists},{name}", rerank, training, width * dim + 8 + 4 * dim * lists / images)
    return Kind(f"IVF{lists},PQ{dim // 4}", 16, training, dim / 4 + 8 + 4 * dim * lists / images)


def _lists(images: int) -> int:
    """A power of two near four times the square root, after FAISS's guidelines: 4,096 for a million images."""
    return int(2 ** round(math.log2(4 * math.sqrt(max(1, images)))))
