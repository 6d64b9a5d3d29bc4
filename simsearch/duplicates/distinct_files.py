"""The distinct files of the catalog, with the descriptors that fit in memory.

A file may be filed several times, under one SKU or several; byte-identical copies are compared once.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog import Catalog
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
    surfaces: Sequence[Surface]
    sizes: NDArray[np.float64]
    """(n, 2) width and height in pixels."""
    members: Ids
    """(m,) the ids of all images, file after file, ascending in each."""
    starts: NDArray[np.int64]
    """(n + 1,) where in `members` those of each file begin."""

    def __len__(self) -> int:
        return len(self.ids)

    def description(self, file: int) -> Description:
        """The description of a file, without keypoints."""
        return Description({name: vectors[file] for name, vectors in self.vectors.items()}, self.surfaces[file])

    def images(self, file: int) -> list[int]:
        """The ids of all images that are copies of the file."""
        found: list[int] = self.members[self.starts[file] : self.starts[file + 1]].tolist()
        return found

    def copied(self) -> list[int]:
        """The files that are filed more than once."""
        found: list[int] = np.flatnonzero(np.diff(self.starts) > 1).tolist()
        return found

    def of_images(self, images: AbstractSet[int]) -> NDArray[np.int64]:
        """(m,) the files of these images, ascending."""
        marked = np.isin(self.members, np.fromiter(images, np.int64, len(images)))
        return np.unique(np.searchsorted(self.starts, np.flatnonzero(marked), side="right") - 1)

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
    file_of: dict[str, int] = {}
    owners, members, sizes = array("q"), array("q"), array("d")
    surfaces: list[Surface] = []
    for image in catalog.selection.each_content():
        if image.id not in sound:
            continue
        file = file_of.setdefault(image.sha256, len(file_of))
        if file == len(surfaces):
            surfaces.append(Surface(image.surface))
            sizes.extend((image.width, image.height))
        owners.append(file)
        members.append(image.id)
    owner, images = np.array(owners, np.int64), np.array(members, np.int64)
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(len(surfaces) + 1))
    images = images[order]
    ids = images[starts[:-1]]
    rows = np.searchsorted(complete, ids)
    every = len(rows) == len(complete)
    vectors = {name: matrix if every else matrix[rows] for name, matrix in matrices.items()}
    return DistinctFiles(ids, vectors, surfaces, np.array(sizes, np.float64).reshape(-1, 2), images, starts)


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
