"""The distinct files of the catalog, with the descriptors that fit in memory.

A file may be filed several times, under one SKU or several; byte-identical copies are compared once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.catalog.reviews import Side
from simsearch.core.config import NEEDED
from simsearch.core.types import Descriptor, Ids, Surface
from simsearch.features.base import Method, MetricMethod
from simsearch.recognition.verification import SURFACE

_SURFACES = tuple(Surface)


@dataclass(frozen=True)
class DistinctFiles:
    """Distinct files, numbered 0 to n - 1. About a kilobyte a file; keypoints stay in the catalog."""

    ids: Ids
    """(n,) ascending: the lowest image id of each file."""
    vectors: Mapping[str, NDArray[Any]]
    """Method -> descriptors (n, width), for the methods that can be indexed."""
    surfaces: NDArray[np.uint8]
    """(n,) place in `tuple(Surface)`."""
    sizes: NDArray[np.float64]
    """(n, 2) width and height in pixels."""
    copies: tuple[Mapping[Side, tuple[int, ...]], ...]
    """Per file: SKU and content -> ids of the images filed there."""

    def __len__(self) -> int:
        return len(self.ids)

    def described(self, file: int) -> dict[str, Descriptor]:
        """All that a pair is scored by, except keypoints."""
        return {**{n: v[file] for n, v in self.vectors.items()}, SURFACE: self.surfaces[file : file + 1]}

    def pills(self, file: int) -> bool:
        """Whether the photo shows loose pills, without a package."""
        return _SURFACES[int(self.surfaces[file])] is Surface.PILLS


def distinct_files(catalog: Catalog, methods: Mapping[str, Method]) -> DistinctFiles:
    """The files of all active images that have every descriptor in `NEEDED`. `status` counts the other images."""
    complete = set.intersection(*(set(catalog.descriptors.active_ids(methods[n].fingerprint).tolist()) for n in NEEDED))
    copies: dict[str, dict[Side, list[int]]] = {}
    first: dict[str, tuple[int, int, float, float]] = {}
    for image in catalog.selection.contents():
        if image.id not in complete:
            continue
        sides = copies.setdefault(image.sha256, defaultdict(list))
        sides[Side(image.sku, image.sha256)].append(image.id)
        if image.sha256 not in first:
            first[image.sha256] = (image.id, _SURFACES.index(Surface(image.surface)), image.width, image.height)
    facts = list(first.values())
    ids = np.array([f[0] for f in facts], np.int64)
    vectors = {}
    for name in NEEDED:
        method = methods[name]
        if isinstance(method, MetricMethod):
            every, matrix = catalog.descriptors.matrix(method.fingerprint, method.dtype, method.shape[0])
            vectors[name] = matrix[np.searchsorted(every, ids)]
    return DistinctFiles(
        ids, vectors, np.array([f[1] for f in facts], np.uint8),
        np.array([f[2:] for f in facts], np.float64).reshape(-1, 2),
        tuple({side: tuple(i) for side, i in sides.items()} for sides in copies.values()),
    )  # fmt: skip
