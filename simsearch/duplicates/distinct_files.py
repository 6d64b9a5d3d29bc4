"""The distinct files of the catalog, with the descriptors that fit in memory.

A file may be filed several times, under one SKU or several; byte-identical copies are compared once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.catalog.reviews import Side
from simsearch.core.config import NEEDED
from simsearch.core.types import Description, Ids, Surface
from simsearch.duplicates.left_out import LeftOut
from simsearch.features.base import Method, MetricMethod

_BLOCK = 4096
"""Images whose descriptors are read at once."""


@dataclass(frozen=True)
class DistinctFiles:
    """Distinct files, numbered 0 to n - 1. About a kilobyte a file; keypoints stay in the catalog."""

    ids: Ids
    """(n,) ascending: the lowest image id of each file."""
    vectors: Mapping[str, NDArray[Any]]
    """Method -> descriptors (n, width), for the methods that can be indexed."""
    surfaces: tuple[Surface, ...]
    sizes: NDArray[np.float64]
    """(n, 2) width and height in pixels."""
    copies: tuple[Mapping[Side, tuple[int, ...]], ...]
    """Per file: SKU and content -> ids of the images filed there."""

    def __len__(self) -> int:
        return len(self.ids)

    def description(self, file: int) -> Description:
        """The description of a file, without keypoints."""
        return Description({name: vectors[file] for name, vectors in self.vectors.items()}, self.surfaces[file])

    def images(self, file: int) -> list[int]:
        """The ids of all images that are copies of the file."""
        return [i for ids in self.copies[file].values() for i in ids]

    def pills(self, file: int) -> bool:
        """Whether the photo shows loose pills, without a package."""
        return self.surfaces[file] is Surface.PILLS


def distinct_files(catalog: Catalog, methods: Mapping[str, Method], left_out: LeftOut) -> DistinctFiles:
    """The files of all active images that have every descriptor in `NEEDED`. `status` counts the other images.

    Images with a damaged embedding or hash go to `left_out`. Damaged keypoints show later, when they are read.
    """
    needed = [methods[name] for name in NEEDED]
    complete = reduce(np.intersect1d, (catalog.descriptors.active_ids(m.fingerprint) for m in needed))
    matrices = {m.name: _matrix(catalog, m, complete, left_out) for m in needed if isinstance(m, MetricMethod)}
    sound = set(complete.tolist()) - left_out.ids
    copies: dict[str, dict[Side, list[int]]] = {}
    first: dict[str, tuple[int, Surface, float, float]] = {}
    for image in catalog.selection.contents():
        if image.id not in sound:
            continue
        sides = copies.setdefault(image.sha256, defaultdict(list))
        sides[Side(image.sku, image.sha256)].append(image.id)
        if image.sha256 not in first:
            first[image.sha256] = (image.id, Surface(image.surface), image.width, image.height)
    facts = list(first.values())
    ids = np.array([f[0] for f in facts], np.int64)
    rows = np.searchsorted(complete, ids)
    return DistinctFiles(
        ids, {name: matrix[rows] for name, matrix in matrices.items()}, tuple(f[1] for f in facts),
        np.array([f[2:] for f in facts], np.float64).reshape(-1, 2),
        tuple({side: tuple(i) for side, i in sides.items()} for sides in copies.values()),
    )  # fmt: skip


def _matrix(catalog: Catalog, method: Method, ids: Ids, left_out: LeftOut) -> NDArray[Any]:
    """(len(ids), width) descriptors; rows of images without a sound one are 0.

    `Catalog.descriptors.matrix` is not used here: it ends at the first damaged descriptor.
    """
    matrix = np.zeros((len(ids), method.shape[0]), method.dtype)
    for start in range(0, len(ids), _BLOCK):
        found = left_out.read(catalog, method, ids[start : start + _BLOCK].tolist())
        if found:
            rows = np.searchsorted(ids, np.fromiter(found, np.int64, len(found)))
            matrix[rows] = np.stack(list(found.values()))
    return matrix
