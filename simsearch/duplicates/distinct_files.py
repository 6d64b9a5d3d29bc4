"""The catalog as it is compared with itself: each file once, with what all pairs are first judged by in memory."""

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
from simsearch.core.types import Description, Ids, Surface
from simsearch.features.base import Method, MetricMethod

_SURFACES = tuple(Surface)


@dataclass(frozen=True)
class Pool:
    """Distinct files, by place 0 to n - 1. About a kilobyte a file; keypoints stay in the catalog."""

    ids: Ids
    """(n,) ascending: of each file the image with the lowest id."""
    vectors: Mapping[str, NDArray[Any]]
    """Method -> descriptors (n, width), of the methods that can be indexed."""
    surfaces: NDArray[np.uint8]
    """(n,) place in `tuple(Surface)`."""
    sizes: NDArray[np.float64]
    """(n, 2) width and height in pixels."""
    copies: tuple[Mapping[Side, tuple[int, ...]], ...]
    """Of each file: the SKUs under which it is filed, with the image ids of each."""

    def __len__(self) -> int:
        return len(self.ids)

    def described(self, place: int) -> Description:
        """What pairs are judged by, without keypoints."""
        return Description({n: v[place] for n, v in self.vectors.items()}, _SURFACES[int(self.surfaces[place])])

    def pills(self, place: int) -> bool:
        """Whether it shows pills without a package."""
        return _SURFACES[int(self.surfaces[place])] is Surface.PILLS


def fill(catalog: Catalog, methods: Mapping[str, Method]) -> Pool:
    """Every active image that has all descriptors a pair is judged by; `status` counts the others."""
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
    return Pool(
        ids, vectors, np.array([f[1] for f in facts], np.uint8),
        np.array([f[2:] for f in facts], np.float64).reshape(-1, 2),
        tuple({side: tuple(i) for side, i in sides.items()} for sides in copies.values()),
    )  # fmt: skip
